/**
 * Who has a port open: the processes that /proc shows, so that "busy" can name a program.
 *
 * A process that holds the *master* of a pseudo-terminal is the device itself and never a holder.
 * An emulator may well keep the other side open too, or run its interpreter on it, so on a
 * pseudo-terminal an open descriptor proves nothing by itself; on a real port it does.
 */
import { readdir, readFile, readlink, realpath, stat } from "node:fs/promises";

/** A process that has the port open. */
export interface Holder {
  readonly pid: number;
  /** The command line, shortened; the program's name where that cannot be read. */
  readonly command: string;
  /** Whether being there is proof enough that the port is taken, lock or no lock. */
  readonly certain: boolean;
}

const LONGEST_COMMAND = 60;

/** The other processes that have `path` open or locked, as far as this user may see them. */
export async function findHolders(path: string): Promise<Holder[]> {
  let target: string;
  let device: { major: number; minor: number; inode: number };
  try {
    target = await realpath(path);
    const facts = await stat(target);
    device = { major: Number(facts.dev) >> 8, minor: Number(facts.dev) & 0xff, inode: facts.ino };
  } catch {
    return []; // Gone meanwhile: nobody holds it.
  }
  const pseudo = /^\/dev\/pts\/(\d+)$/.exec(target)?.[1];
  const lockers = await readLockers(device);
  const holders: Holder[] = [];
  for (const entry of await readdir("/proc")) {
    const pid = Number(entry);
    if (!Number.isInteger(pid) || pid === Deno.pid) continue;
    const descriptors = await openDescriptors(pid);
    const isDevice = pseudo !== undefined &&
      await holdsMaster(pid, descriptors, pseudo);
    if (isDevice) continue;
    const locks = lockers.has(pid);
    if (!locks && !descriptors.some(({ link }) => link === target)) continue;
    holders.push({ pid, command: await commandOf(pid), certain: pseudo === undefined });
  }
  // Whoever holds the lock is the answer; others may merely have inherited a descriptor.
  const locking = holders.filter(({ pid }) => lockers.has(pid));
  return locking.length > 0 ? locking : holders;
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

/** The processes that hold a `flock` on the file; /proc/locks shows them to everybody. */
async function readLockers(
  device: { readonly major: number; readonly minor: number; readonly inode: number },
): Promise<Set<number>> {
  const hex = (value: number) => value.toString(16).padStart(2, "0");
  const key = `${hex(device.major)}:${hex(device.minor)}:${device.inode}`;
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
