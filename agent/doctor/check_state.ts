/** Can the gateway keep its memory: rights on the state directory, and space there? */
import { statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { bytes } from "../report/words.ts";
import { type Account, MAY, mayUse, octal } from "./accounts.ts";
import { type Check, ok, problem, shellWord, warning } from "./check.ts";
import { DAEMON_USER, type System } from "./system.ts";

/** The largest archive may have 32 MiB, and is written beside the ones that are kept. */
const LEAST_FREE_BYTES = 64 * 1024 * 1024;
const GOOD_FREE_BYTES = 256 * 1024 * 1024;

export async function checkState(stateDir: string, system: System): Promise<readonly Check[]> {
  const account = await system.operator();
  return [await checkRights(stateDir, account), await checkSpace(stateDir)];
}

async function checkRights(stateDir: string, account: Account): Promise<Check> {
  const directory = await existing(stateDir);
  const all = MAY.read + MAY.write + MAY.enter;
  const file = await Deno.stat(directory);
  const owner = account.name === DAEMON_USER ? `${DAEMON_USER}:` : account.name;
  if (directory !== stateDir) {
    // Root makes it for itself, and systemd by StateDirectory=.
    return mayUse(account, file, all)
      ? ok("state", `${stateDir} is made at the first run`)
      : problem(
        "state",
        `${stateDir} is not there, and the user ${account.name} may not make it`,
        `sudo install -d -m 750 -o ${account.name} ${shellWord(stateDir)}`,
      );
  }
  if (!file.isDirectory) {
    return problem("state", `${stateDir} is no directory`, `sudo rm ${shellWord(stateDir)}`);
  }
  const mend = `sudo chown -R ${owner} ${shellWord(stateDir)}`;
  if (!mayUse(account, file, all)) {
    return problem(
      "state",
      `The user ${account.name} may not write in ${stateDir} (mode ${octal(file.mode)})`,
      mend,
    );
  }
  const foreign = await foreignEntry(stateDir, account);
  if (foreign !== null) {
    return problem("state", `The user ${account.name} may not write ${foreign}`, mend);
  }
  return ok("state", `${stateDir} can be written by ${account.name}`);
}

/** What a command that was run as root left behind, which the daemon then cannot change. */
async function foreignEntry(stateDir: string, account: Account): Promise<string | null> {
  try {
    for await (const { name } of Deno.readDir(stateDir)) {
      const path = `${stateDir}/${name}`;
      const file = await Deno.stat(path).catch(() => null);
      const wanted = MAY.read + MAY.write + (file?.isDirectory ? MAY.enter : 0);
      if (file !== null && !mayUse(account, file, wanted)) return path;
    }
  } catch (error) {
    // The daemon may look into it, and who runs this may not.
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
  }
  return null;
}

async function checkSpace(stateDir: string): Promise<Check> {
  const { bavail, bsize } = await statfs(await existing(stateDir));
  const free = bavail * bsize;
  const message = `${bytes(free)} are free for ${stateDir}`;
  const mend = `sudo du -xh --max-depth=2 / | sort -h | tail`;
  if (free < LEAST_FREE_BYTES) {
    return problem("space", `Only ${message}, ${bytes(LEAST_FREE_BYTES)} are needed`, mend);
  }
  return free < GOOD_FREE_BYTES ? warning("space", `Only ${message}`, mend) : ok("space", message);
}

/** The path, or the nearest directory above it that is there. */
async function existing(path: string): Promise<string> {
  for (let at = path;; at = dirname(at)) {
    if (at === "/" || await Deno.stat(at).then(() => true, () => false)) return at;
  }
}
