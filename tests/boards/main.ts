/**
 * `deno task board`: an emulated board by hand. Prints the port's name once it can be opened; at
 * SIGINT or SIGTERM writes the board's file system back to its directory.
 */

import { Command, InvalidArgumentError } from "commander";
import { resolve } from "node:path";
import { writeTree } from "./file_tree.ts";
import { startWasmBoard, type WasmBoardOptions } from "./wasm_board.ts";

interface Flags {
  readonly link: string;
  readonly root: string;
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

const command = new Command("board")
  .description("An emulated MicroPython board on a tty of this machine")
  .requiredOption("--link <path>", "where the port's name is made")
  .requiredOption("--root <dir>", "the board's file system: read at the start, written at the end")
  .option("--heap <bytes>", "size of Python's heap", wholeNumber)
  .option("--flash <bytes>", "size of the file system", wholeNumber)
  .option("--uid <hex>", "machine.unique_id()", hexadecimal)
  .option("--usb-delay <ms>", "how long the port is away after machine.reset()", wholeNumber)
  .parse();
const flags = command.opts<Flags>();
const root = resolve(flags.root);

const stopped = Promise.withResolvers<void>();
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, () => stopped.resolve());
}

const options: WasmBoardOptions = {
  root,
  link: resolve(flags.link),
  ...(flags.heap === undefined ? {} : { heapBytes: flags.heap }),
  ...(flags.flash === undefined ? {} : { flashBytes: flags.flash }),
  ...(flags.uid === undefined ? {} : { uid: flags.uid }),
  ...(flags.usbDelay === undefined ? {} : { usbDelayMs: flags.usbDelay }),
};
const board = await startWasmBoard(options);
console.log(board.port);
await stopped.promise;
await board.stop();
await writeTree(root, await board.tree());
Deno.exit(0);
