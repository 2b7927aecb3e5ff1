/**
 * install.sh run for real, from this checkout or from a copy that a test may change, and what it
 * leaves on the disk.
 */
import { join } from "node:path/posix";

/** This checkout. */
export const CHECKOUT = join(import.meta.dirname ?? ".", "../..");

/** All of a checkout that install.sh needs. */
const NEEDED = ["install.sh", "install", "agent", "config", "errors", "serial", "tests/boards"]
  .concat("deno.json", "deno.lock", "CHANGELOG.md", "LICENSE", "README.md");

/** How install.sh ended. */
export interface InstallerResult {
  readonly code: number;
  readonly stderr: string;
}

/** Runs install.sh, by way of another command where one is given. */
export async function runInstaller(
  args: readonly string[],
  options: { readonly checkout?: string; readonly through?: readonly string[] } = {},
): Promise<InstallerResult> {
  const { checkout = CHECKOUT, through = [] } = options;
  const [command = "", ...rest] = [...through, `${checkout}/install.sh`, ...args];
  const { code, stderr } = await new Deno.Command(command, {
    args: rest,
    stdin: "null",
    stdout: "null",
    stderr: "piped",
  }).output();
  return { code, stderr: new TextDecoder().decode(stderr) };
}

/** A copy of what install.sh needs, in the directory. */
export async function copyCheckout(directory: string): Promise<string> {
  const copy = `${directory}/checkout`;
  await Deno.mkdir(`${copy}/tests`, { recursive: true });
  for (const name of NEEDED) {
    const { success, stderr } = await new Deno.Command("cp", {
      args: ["-R", `${CHECKOUT}/${name}`, `${copy}/${name}`],
    }).output();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }
  return copy;
}

/** Every file and link below the directory, by path, with what tells whether it was written anew. */
export async function snapshot(directory: string): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  for await (const path of walk(directory)) {
    const { ino, mtime, mode, isSymlink } = await Deno.lstat(path);
    const leadsTo = isSymlink ? await Deno.readLink(path) : "";
    const rights = ((mode ?? 0) & 0o7777).toString(8);
    found.set(path.slice(directory.length), `${ino} ${mtime?.getTime()} ${rights} ${leadsTo}`);
  }
  return found;
}

async function* walk(directory: string): AsyncGenerator<string> {
  for await (const { name, isDirectory } of Deno.readDir(directory)) {
    const path = `${directory}/${name}`;
    if (isDirectory) yield* walk(path);
    else yield path;
  }
}

/** A directory that goes with the test. */
export async function temporaryDirectory(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await Deno.makeTempDir({ prefix: "uota-install-" });
  // A user without rights has to get at what is installed in it.
  await Deno.chmod(path, 0o755);
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}
