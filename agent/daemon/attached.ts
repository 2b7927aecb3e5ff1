/**
 * The ports that are there, told apart by when something was plugged in: a board that comes back is
 * another one as far as its state is concerned, even under the same name.
 */
import { lstat, stat } from "node:fs/promises";
import { findPorts, type PortInfo } from "../../serial/mod.ts";
import { bootId } from "../boot_id.ts";

/** A port and the time between plugging in and pulling out to which it belongs. */
export interface AttachedPort {
  readonly port: PortInfo;
  /** Differs for each time that something is plugged in. */
  readonly session: string;
}

/** What is attached now; a port that goes meanwhile is left out. */
export async function attachedPorts(globs: readonly string[]): Promise<readonly AttachedPort[]> {
  const ports = await findPorts(globs);
  const attached = await Promise.all(ports.map(async (port) => {
    const session = await sessionOf(port);
    return session === null ? [] : [{ port, session }];
  }));
  return attached.flat();
}

/**
 * The kernel makes a new node for each device; what a node's times tell is use, not age. A number of
 * a pseudo-terminal is used again with the same node, so there the link to it decides.
 */
async function sessionOf({ path, devicePath, usb }: PortInfo): Promise<string | null> {
  try {
    const [link, node] = await Promise.all([lstat(path), stat(devicePath)]);
    // udev touches its links to USB devices whenever it is asked to look again.
    const isLinked = usb === null && link.isSymbolicLink();
    const made = isLinked ? `${link.ino} ${link.mtimeMs}` : "";
    return `${bootId} ${made} ${node.dev} ${node.ino} ${node.rdev}`;
  } catch {
    return null;
  }
}

/** Whether both may be the same board, which shows another port after a reset. */
export function mayBeSameBoard(one: PortInfo, other: PortInfo): boolean {
  const [serial, otherSerial] = [one.usb?.serial ?? null, other.usb?.serial ?? null];
  if (serial !== null && otherSerial !== null) return serial === otherSerial;
  if (one.path === other.path) return true;
  return one.usb !== null && one.usb.topology === other.usb?.topology;
}
