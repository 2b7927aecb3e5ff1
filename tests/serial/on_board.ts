/** What the tests of boards share: a board to ask, its files, and whether its program runs. */
import { type Board, connectBoard } from "../../serial/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { assertRejects } from "../assert.ts";
import { Probe, startWasmBoard, type WasmBoard, type WasmBoardOptions } from "../boards/mod.ts";
import { bytesOf } from "./line.ts";

/** Says that it runs, on any board. */
export const MAIN = bytesOf(
  "try:\n from time import sleep_ms\nexcept ImportError:\n from microbit import sleep as sleep_ms\n" +
    "while True:\n print('MAIN RUNS')\n sleep_ms(50)\n",
);

export const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

/** Content of a size that hardly repeats itself. */
export function pattern(sizeBytes: number): Uint8Array<ArrayBuffer> {
  return Uint8Array.from({ length: sizeBytes }, (_, index) => (index * 7919) >> 5);
}

/** Files by path; text is one byte a character. */
export function files(
  entries: Readonly<Record<string, string | Uint8Array<ArrayBuffer>>>,
): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(
    Object.entries(entries).map((
      [path, content],
    ) => [path, typeof content === "string" ? bytesOf(content) : content]),
  );
}

/** Starts a board, connects to it, and ends both after `work`. */
export async function onBoard(
  options: WasmBoardOptions,
  work: (board: Board, hardware: WasmBoard) => Promise<void>,
): Promise<void> {
  const { signal } = new AbortController();
  await using hardware = await startWasmBoard(options);
  await using board = await connectBoard(hardware.port, { signal });
  await work(board, hardware);
}

/** What `run` fails with. */
export async function failure(run: () => Promise<unknown>): Promise<UotaError> {
  return await assertRejects(run, UotaError);
}

/** Waits for {@linkcode MAIN}. */
export async function mainRuns(port: string): Promise<void> {
  using probe = new Probe(port);
  await probe.until("MAIN RUNS");
}
