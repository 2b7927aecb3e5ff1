/**
 * The ttys that are there, and which USB device each belongs to. sysfs tells, without opening the
 * port, what survives a renumbering: the device's serial number and its place on the bus.
 */
import { glob, readFile, realpath } from "node:fs/promises";
import { basename, dirname } from "node:path";

/** A tty and, where it is one, the USB device behind it. */
export interface PortInfo {
  /** The path as found. */
  readonly path: string;
  /** The device itself, links resolved. */
  readonly devicePath: string;
  /** Null where no USB device is behind it: the machine's own UART, a pseudo-terminal. */
  readonly usb: UsbIdentity | null;
}

/** Who a USB device says it is, and where it hangs. */
export interface UsbIdentity {
  /** Four hex digits, such as "2e8a". */
  readonly vendorId: string;
  /** Four hex digits, such as "0005". */
  readonly productId: string;
  /** The device's serial number; null where it has none, as many CH340 do. */
  readonly serial: string | null;
  /** The place on the bus with the interface, such as "1-1.3:1.0": stays when the tty's number changes. */
  readonly topology: string;
}

/** The characters that mean something in a glob. */
const GLOB_CHARACTERS = /[*?[\]{}()!+@\\]/;

/** Where to look. */
export interface FindOptions {
  /** Where sysfs is mounted. @default "/sys" */
  readonly sysfs?: string;
}

/** The ports that match any of `globs`, each device once, in the globs' order and then by name. */
export async function findPorts(
  globs: readonly string[],
  options: FindOptions = {},
): Promise<PortInfo[]> {
  const found = new Map<string, PortInfo>();
  for (const pattern of globs) {
    for (const path of await matching(pattern)) {
      const info = await describePort(path, options);
      if (info && !found.has(info.devicePath)) found.set(info.devicePath, info);
    }
  }
  return [...found.values()];
}

/** The paths that match, by name; a path that is no pattern as it is, there or not. */
async function matching(pattern: string): Promise<readonly string[]> {
  // Boards that reset are looked for every few milliseconds.
  if (!GLOB_CHARACTERS.test(pattern)) return [pattern];
  const paths = await Array.fromAsync(glob(pattern));
  return paths.sort(new Intl.Collator("en", { numeric: true }).compare);
}

/** What is known about one port, or null where nothing is at `path`. */
export async function describePort(
  path: string,
  options: FindOptions = {},
): Promise<PortInfo | null> {
  try {
    const devicePath = await realpath(path);
    return { path, devicePath, usb: await readUsbIdentity(devicePath, options.sysfs ?? "/sys") };
  } catch {
    return null; // A link that points nowhere, or a board that has just been unplugged.
  }
}

async function readUsbIdentity(devicePath: string, sysfs: string): Promise<UsbIdentity | null> {
  let place: string;
  try {
    place = await realpath(`${sysfs}/class/tty/${basename(devicePath)}/device`);
  } catch {
    return null; // A pseudo-terminal, or a UART of the machine's own.
  }
  let topology: string | null = null;
  // The tty's device is the USB interface or lies below it; the interface lies below the device.
  for (let at = place; at.startsWith(`${sysfs}/devices/`); at = dirname(at)) {
    if (topology === null && /^\d+-[\d.]+:\d+\.\d+$/.test(basename(at))) topology = basename(at);
    const vendorId = await readAttribute(at, "idVendor");
    const productId = await readAttribute(at, "idProduct");
    if (vendorId === null || productId === null) continue;
    return {
      vendorId,
      productId,
      serial: await readAttribute(at, "serial"),
      topology: topology ?? basename(at),
    };
  }
  return null;
}

async function readAttribute(directory: string, name: string): Promise<string | null> {
  try {
    return (await readFile(`${directory}/${name}`, "utf8")).trim() || null;
  } catch {
    return null;
  }
}
