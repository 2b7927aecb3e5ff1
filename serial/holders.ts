/**
 * Who has a port open: the processes that /proc shows, so that "busy" can name a program.
 *
 * A process that holds the *master* of a pseudo-terminal is the device itself and never a holder.
 * An emulator may well keep the other side open too, or run its interpreter on it, so on a
 * pseudo-terminal an open descriptor proves nothing by itself; on a real port it does.
 */
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";
import { basename } from "node:path";

/** A process that has the port open. */
export interface Holder {
  /** Its number. */
  readonly pid: number;
  /** The command line, shortened; the program's name where that cannot be read. */
  readonly command: string;
  /** Whether being there is proof enough that the port is taken, lock or no lock. */
  readonly certain: boolean;
  /** Whether it holds the lock, which is proof on a pseudo-terminal too. */
  readonly locks: boolean;
}

const LONGEST_COMMAND = 60;

/** The other processes that have `path` open or locked, as far as this user may see them. */
export async function findHolders(path: string): Promise<Holder[]> {
  let target: string;
  let file: FileIdentity;
  try {
    target = await realpath(path);
    file = await stat(target);
  } catch {
    return []; // Gone meanwhile: nobody holds it.
  }
  const pseudo = pseudoTerminalIndex(target);
  const lockers = await readLockers(lockKey(file.dev, file.ino));
  const holders: Holder[] = [];
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    const descriptors = await openDescriptors(pid);
    const isDevice = pseudo !== undefined &&
      await holdsMaster(pid, descriptors, pseudo);
    if (isDevice) continue;
    const locks = lockers.has(pid);
    if (!locks && !await hasOpen(pid, descriptors, { target, file })) continue;
    holders.push({ pid, command: await commandOf(pid), certain: pseudo === undefined, locks });
  }
  // Whoever holds the lock is the answer; others may merely have inherited a descriptor.
  const locking = holders.filter(({ pid }) => lockers.has(pid));
  return locking.length > 0 ? locking : holders;
}

interface FileIdentity {
  readonly dev: number;
  readonly ino: number;
}

/** By name first, which is cheap; in a container the same name may be another terminal's. */
async function hasOpen(
  pid: number,
  descriptors: readonly Descriptor[],
  { target, file }: { readonly target: string; readonly file: FileIdentity },
): Promise<boolean> {
  for (const { number, link } of descriptors) {
    if (link !== target) continue;
    const found = await stat(`/proc/${pid}/fd/${number}`).catch(() => null);
    // Who may not be looked at so closely is taken by the name.
    if (found === null || found.dev === file.dev && found.ino === file.ino) return true;
  }
  return false;
}

/** Whether the path leads to a pseudo-terminal. */
export async function isPseudoTerminal(path: string): Promise<boolean> {
  return pseudoTerminalIndex(await realpath(path).catch(() => path)) !== undefined;
}

function pseudoTerminalIndex(devicePath: string): string | undefined {
  return /^\/dev\/pts\/(\d+)$/.exec(devicePath)?.[1];
}

interface Descriptor {
  readonly number: string;
  readonly link: string;
}

async function openDescriptors(pid: number): Promise<Descriptor[]> {
  try {
    const numbers = await readdir(`/proc/${pid}/fd`);
    const links = await Promise.all(
      numbers.map(async (number) => ({
        number,
        link: await readlink(`/proc/${pid}/fd/${number}`).catch(() => ""),
      })),
    );
    return links.filter(({ link }) => link !== "");
  } catch {
    return []; // Ended meanwhile, or another user's process.
  }
}

async function holdsMaster(
  pid: number,
  descriptors: Descriptor[],
  index: string,
): Promise<boolean> {
  for (const { number, link } of descriptors) {
    if (!link.endsWith("/ptmx")) continue;
    const info = await readText(`/proc/${pid}/fdinfo/${number}`);
    if (new RegExp(`^tty-index:\\s*${index}$`, "m").test(info)) return true;
  }
  return false;
}

/**
 * How /proc/locks names a file (fs/locks.c, `lock_get_status`): its device's major and minor number
 * in hex, and the inode. `dev` is a `st_dev` as stat(2) gives it: the minor number's upper bits are
 * above the major number (sys/sysmacros.h).
 */
export function lockKey(dev: number, inode: number): string {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  const major = (dev >>> 8) & 0xfff;
  const minor = (dev & 0xff) | ((dev >>> 12) & 0xfff00);
  return `${hex(major)}:${hex(minor)}:${inode}`;
}

/** The processes that hold a `flock` on the file; /proc/locks shows them to everybody. */
async function readLockers(key: string): Promise<Set<number>> {
  const lines = (await readText("/proc/locks")).split("\n");
  return new Set(
    lines.map((line) => line.trim().split(/\s+/))
      .filter((fields) => fields[1] === "FLOCK" && fields[5] === key)
      .map((fields) => Number(fields[4])),
  );
}

/** A script's name is often only in its interpreter's arguments (`python3 -m mpremote …`). */
async function commandOf(pid: number): Promise<string> {
  const words = (await readText(`/proc/${pid}/cmdline`)).split("\0").filter((word) => word !== "");
  // The program's directory says little, and would leave no room for what does.
  if (words[0] !== undefined) words[0] = basename(words[0]);
  const line = words.join(" ");
  if (line.length > LONGEST_COMMAND) return `${line.slice(0, LONGEST_COMMAND)}…`;
  return line || (await readText(`/proc/${pid}/comm`)).trim() || "a program";
}

/** Files in /proc report a size of 0, so this reads until there is nothing left; "" if it cannot. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, "utf8");
  } catch {
    return "";
  }
}
