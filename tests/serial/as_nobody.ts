/**
 * Opening a port as a user without rights: what a gateway tells its administrator then cannot be
 * seen as root. The sources are copied to where that user may read them.
 */

import type { Need } from "../needs.ts";

/** What {@linkcode openTtyAsNobody} runs. */
export const AS_NOBODY_NEEDS: readonly Need[] = Deno.uid() === 0 ? ["setpriv"] : [];

const ROOT = new URL("../../", import.meta.url);
const NOBODY = "65534";
const SCRIPT = `
import { openTty } from "./serial/tty.ts";
try {
  await using port = await openTty(Deno.args[0], { signal: new AbortController().signal });
  console.log(JSON.stringify({ code: "opened", message: port.path }));
} catch (error) {
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
`;
// A directory that only root can enter may hold Deno, so it is opened first and run by descriptor.
const RUN = `exec 9<"$0"; exec setpriv --reuid=${NOBODY} --regid=${NOBODY} --clear-groups ` +
  `/proc/self/fd/9 "$@"`;

/** How opening ended: "opened" or the error's code, and the path or the error's message. */
export interface OpenResult {
  readonly code: string;
  readonly message: string;
}

/** Opens `path` by {@linkcode openTty} as nobody; as ourselves where we are not root. */
export async function openTtyAsNobody(path: string): Promise<OpenResult> {
  const directory = await Deno.makeTempDir();
  try {
    for (const room of ["serial", "errors"]) {
      await Deno.mkdir(`${directory}/${room}`);
      for await (const { name } of Deno.readDir(new URL(room, ROOT))) {
        if (!name.endsWith(".ts")) continue;
        await Deno.copyFile(new URL(`${room}/${name}`, ROOT), `${directory}/${room}/${name}`);
      }
    }
    await Deno.writeTextFile(`${directory}/open.ts`, SCRIPT);
    const run = ["run", "-A", "--no-config", `${directory}/open.ts`, path];
    const isRoot = Deno.uid() === 0;
    if (isRoot) {
      await new Deno.Command("chown", { args: ["-R", NOBODY, directory] }).output();
    }
    const { stdout, stderr } = await new Deno.Command(isRoot ? "sh" : Deno.execPath(), {
      args: isRoot ? ["-c", RUN, Deno.execPath(), ...run] : run,
      env: { DENO_DIR: `${directory}/cache`, NO_COLOR: "1" },
    }).output();
    const printed = new TextDecoder().decode(stdout);
    if (printed === "") throw new Error(new TextDecoder().decode(stderr));
    // Printed by SCRIPT, above.
    return JSON.parse(printed) as OpenResult;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
