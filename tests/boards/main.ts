/**
 * `deno task board`: an emulated board by hand. Prints the port's name once it can be opened; at
 * SIGINT or SIGTERM writes the board's file system back to its directory.
 */

import { Command, InvalidArgumentError, Option } from "commander";
import { resolve } from "node:path";
import { readTree, writeTree } from "./file_tree.ts";
import { startMicrobit } from "./microbit.ts";
import { FILE_SYSTEM_KINDS, type FileSystemKind } from "./open_file.ts";
import { startWasmBoard } from "./wasm_board.ts";
import type { WasmBoardOptions } from "./wasm_board_options.ts";

interface Flags {
  readonly kind: "wasm" | "microbit";
  readonly link: string;
  readonly fs: FileSystemKind;
  readonly root?: string;
  readonly heap?: number;
  readonly flash?: number;
  readonly uid?: string;
  readonly usbDelay?: number;
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a number without sign or unit.");
  return Number(text);
}

function hexadecimal(text: string): string {
  if (!/^([0-9a-f]{2})+$/i.test(text)) throw new InvalidArgumentError("It is pairs of hex digits.");
  return text.toLowerCase();
}

const flags = new Command("board")
  .description("An emulated MicroPython board on a tty of this machine")
  .addOption(
    new Option("--kind <kind>", "what to emulate").choices(["wasm", "microbit"]).default("wasm"),
  )
  .requiredOption("--link <path>", "where the port's name is made")
  .option("--root <dir>", "the board's file system: read at the start, written at the end (wasm)")
  .option("--heap <bytes>", "size of Python's heap", wholeNumber)
  .option("--flash <bytes>", "size of the file system", wholeNumber)
  .addOption(
    new Option("--fs <kind>", "when what is written counts (wasm)").choices(FILE_SYSTEM_KINDS)
      .default("write_through"),
  )
  .option("--uid <hex>", "machine.unique_id()", hexadecimal)
  .option("--usb-delay <ms>", "how long the port is away after machine.reset()", wholeNumber)
  .parse()
  .opts<Flags>();

const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stopped.resolve());
}

if (flags.kind === "microbit") await runMicrobit(flags);
else await runWasmBoard(flags);
// Signal listeners would keep the process alive.
Deno.exit(0);

async function runWasmBoard({ link, fs, root, heap, flash, uid, usbDelay }: Flags): Promise<void> {
  const options: WasmBoardOptions = {
    link: resolve(link),
    fileSystem: fs,
    ...(root === undefined ? {} : { root: resolve(root) }),
    ...(heap === undefined ? {} : { heapBytes: heap }),
    ...(flash === undefined ? {} : { flashBytes: flash }),
    ...(uid === undefined ? {} : { uid }),
    ...(usbDelay === undefined ? {} : { usbDelayMs: usbDelay }),
  };
  const board = await startWasmBoard(options);
  console.log(board.port);
  await stopped.promise;
  await board.stop();
  if (root !== undefined) await writeTree(resolve(root), await board.tree());
}

async function runMicrobit({ link, root }: Flags): Promise<void> {
  const files = root === undefined ? new Map() : await readTree(resolve(root));
  const named = [...files].map(([path, content]): [string, Uint8Array] => [path.slice(1), content]);
  const board = await startMicrobit({ link: resolve(link), files: new Map(named) });
  console.log(board.port);
  await stopped.promise;
  await board.stop();
}
