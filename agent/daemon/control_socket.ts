/**
 * The control socket as a file: who holds it, and who may connect.
 *
 * INVARIANTS
 * - At most one process listens: whoever holds the lock on the file beside the socket. A socket whose
 *   lock nobody holds is a dead daemon's, and is replaced.
 * - At no moment can anybody connect who has no right to: the socket gets its mode and group in a
 *   directory that only its owner can enter, and then its name.
 */
import type { Server } from "node:net";
import { basename, dirname } from "node:path";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { groupId } from "./groups.ts";

/** Who may connect: those who may write to the socket (unix(7)). */
export interface SocketRights {
  readonly mode: number;
  /** A name or a number; null: the process's own. */
  readonly group: string | null;
}

/** Lets `server` listen at `path` until what is returned is disposed of; closing it is not included. */
export async function listenAt(
  server: Server,
  path: string,
  rights: SocketRights,
): Promise<AsyncDisposable> {
  const gid = rights.group === null ? Deno.gid() : await groupId(rights.group);
  if (rights.group !== null && gid === null) {
    throw unusable(path, `there is no group ${rights.group}`);
  }
  await using held = new AsyncDisposableStack();
  try {
    await Deno.mkdir(dirname(path), { recursive: true });
    held.use(await lock(path));
    await refuseToReplace(path);
    held.defer(() => removeIfThere(path));
    // Hardly longer than the socket's own path, whose length has a limit.
    const closed = `${dirname(path)}/.${crypto.randomUUID().slice(0, 6)}`;
    await Deno.mkdir(closed, { mode: 0o700 });
    try {
      await listen(server, `${closed}/s`);
      // Whoever may not give files away at all need not: it has the process's group by itself.
      if (rights.group !== null) await Deno.chown(`${closed}/s`, null, gid);
      await Deno.chmod(`${closed}/s`, rights.mode);
      await Deno.rename(`${closed}/s`, path);
    } finally {
      await Deno.remove(closed, { recursive: true });
    }
  } catch (error) {
    throw error instanceof UotaError ? error : unusable(path, messageOf(error), error);
  }
  return held.move();
}

function listen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(path, () => {
      server.off("error", reject);
      resolve();
    });
  });
}

/** The lock goes with the process, however that ends. */
async function lock(path: string): Promise<AsyncDisposable> {
  const lockPath = `${path}.lock`;
  for (;;) {
    const file = await Deno.open(lockPath, { read: true, write: true, create: true, mode: 0o644 });
    try {
      if (!await file.tryLock(true)) throw await alreadyRunning(path, lockPath);
      // Its last holder may have removed it since it was opened.
      if (!await isStill(lockPath, file)) {
        file.close();
        continue;
      }
      await file.truncate();
      await file.write(new TextEncoder().encode(`${Deno.pid}\n`));
    } catch (error) {
      file.close();
      throw error;
    }
    return {
      async [Symbol.asyncDispose]() {
        await removeIfThere(lockPath);
        file.close();
      },
    };
  }
}

async function isStill(path: string, file: Deno.FsFile): Promise<boolean> {
  const [there, held] = await Promise.all([Deno.stat(path).catch(() => null), file.stat()]);
  return there !== null && there.ino === held.ino && there.dev === held.dev;
}

async function alreadyRunning(path: string, lockPath: string): Promise<UotaError> {
  const pid = (await Deno.readTextFile(lockPath).catch(() => "")).trim();
  return new UotaError(
    "config_invalid",
    `A daemon is already running${
      pid === "" ? "" : `, with the pid ${pid}`
    }: it holds the control ` +
      `socket ${path}; stop it, or give this one another gateway.control_socket`,
  );
}

/** What is no socket is not ours to remove. */
async function refuseToReplace(path: string): Promise<void> {
  const there = await Deno.lstat(path).catch(() => null);
  if (there !== null && !there.isSocket) {
    throw unusable(path, `${basename(path)} is there already and is no socket`);
  }
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function unusable(path: string, why: string, cause?: unknown): UotaError {
  return new UotaError(
    "config_invalid",
    `Cannot make the control socket ${path}: ${why}; set gateway.control_socket to a path in a ` +
      'directory of the daemon, or to "" for none',
    { cause },
  );
}
