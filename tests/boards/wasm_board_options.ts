/** What one can ask of an emulated board, and what is taken where nothing is asked. */

import { type BoardSettings, RESET_CAUSE } from "./board_run.ts";
import { type FileTree, readTree } from "./file_tree.ts";
import type { FileSystemKind } from "./open_file.ts";

/** What `startWasmBoard` takes. */
export interface WasmBoardOptions {
  /** A directory whose content becomes the board's file system; it is only read. */
  readonly root?: string;
  /** Files by absolute path, in addition to `root`. */
  readonly files?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /**
   * Bytes of Python's heap, before what the interpreter itself needs of it.
   * @default {196608} about an rp2040's
   */
  readonly heapBytes?: number;
  /** @default {1441792} an rp2040's file system */
  readonly flashBytes?: number;
  /**
   * When what is written counts, and what a rename does.
   * @default "write_through"
   */
  readonly fileSystem?: FileSystemKind;
  /**
   * `machine.unique_id()` in hexadecimal; null: the port has no such function, as unix and some
   * others. @default derived from the link's path
   */
  readonly uid?: string | null;
  /** `os.uname().machine`. @default what the build says */
  readonly machine?: string;
  /**
   * `usb`: the chip's own USB, which goes away with the chip. `uart`: a UART behind an adapter that
   * the host powers (CP210x, CH340, FTDI): the port stays, with the same descriptor, on
   * `machine.reset()`, a watchdog's bite, deep sleep and a power cut.
   * @default "usb"
   */
  readonly port?: "usb" | "uart";
  /** Printed at each start of the chip, before boot.py, as ESP chips do. @default "" */
  readonly bootMessage?: string;
  /**
   * `machine.reset_cause()` is SOFT_RESET after a soft reset (`machine_deinit` in
   * ports/esp32/modmachine.c and ports/stm32/modmachine.c); false: it stays as it was (rp2).
   * @default false
   */
  readonly softResetCause?: boolean;
  /**
   * `machine.reset()` and deep sleep read as WDT_RESET afterwards (ports/rp2/modmachine.c).
   * @default false
   */
  readonly resetReadsAsWatchdog?: boolean;
  /** What the line carries to the host in a second. @default as much as it takes */
  readonly bytesPerSecond?: number;
  /** Where the port's stable name is made. @default a name in a new temporary directory */
  readonly link?: string;
  /**
   * Gets each pty before the link points at it, and answers with the path that the link is to have:
   * for machines that see the pseudo-terminals elsewhere. @default the pty's own
   */
  readonly publish?: (pty: string) => Promise<string>;
  /**
   * How long the port stays away after `machine.reset()`; with `uart`, how long the chip is silent.
   * @default {100}
   */
  readonly usbDelayMs?: number;
  /** Stops the board. */
  readonly signal?: AbortSignal;
}

const DEFAULT_HEAP_BYTES = 192 * 1024;
const DEFAULT_FLASH_BYTES = 1408 * 1024;
const DEFAULT_USB_DELAY_MS = 100;

/** The settings of a board that these options ask for; reads `root`, and makes a link's directory. */
export async function settingsOf(options: WasmBoardOptions): Promise<BoardSettings> {
  const tree: FileTree = options.root === undefined ? new Map() : await readTree(options.root);
  for (const [path, content] of options.files ?? []) tree.set(path, content);
  const directory = options.link === undefined
    ? await Deno.makeTempDir({ prefix: "uota-board-" })
    : null;
  const link = options.link ?? `${directory}/ttyBOARD`;
  return {
    link,
    temporaryDirectory: directory,
    tree,
    heapBytes: options.heapBytes ?? DEFAULT_HEAP_BYTES,
    flashBytes: options.flashBytes ?? DEFAULT_FLASH_BYTES,
    fileSystem: options.fileSystem ?? "write_through",
    chip: {
      uid: options.uid === undefined ? await uidOf(link) : options.uid,
      machine: options.machine ?? null,
      bootMessage: options.bootMessage ?? "",
      softResetCause: options.softResetCause === true ? RESET_CAUSE.softReset : null,
    },
    portStaysOn: options.port === "uart",
    resetReadsAsWatchdog: options.resetReadsAsWatchdog ?? false,
    usbDelayMs: options.usbDelayMs ?? DEFAULT_USB_DELAY_MS,
    publish: options.publish ?? ((pty) => Promise.resolve(pty)),
  };
}

/** Eight bytes in hexadecimal, as an rp2040 has; stable for a link's path. */
async function uidOf(link: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(link));
  return new Uint8Array(digest).subarray(0, 8).toHex();
}
