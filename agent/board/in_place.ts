/**
 * The way of boards that have neither directories nor rename (BBC micro:bit): files are replaced
 * where they are, `version` last, while the gateway keeps what it replaces.
 *
 * INVARIANTS
 * - Before a file is touched, its old content is in the gateway's memory.
 * - A failure that leaves the line intact ends with the old files back in place. After a cut of the
 *   line, `version` is still the old one, so that the next attempt brings the board to the release.
 */
import { messageOf, UotaError } from "../../errors/mod.ts";
import { type Board, sha256Hex } from "../../serial/mod.ts";
import type { Inspection } from "./inspect.ts";
import type { Operation, Plan } from "./plan.ts";

export interface InPlaceOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

const ATTEMPTS = 4;

/** Carries out the plan file by file. */
export async function installInPlace(
  board: Board,
  inspection: Inspection,
  plan: Plan,
  options: InPlaceOptions,
): Promise<void> {
  const before = new Map<string, Uint8Array<ArrayBuffer> | null>();
  let doneBytes = 0;
  try {
    for (const operation of plan.operations) {
      const exists = inspection.states.get(operation.path)?.kind === "file";
      before.set(operation.path, exists ? await board.readFile(operation.path, options) : null);
      await carryOut(board, operation, options);
      if (operation.kind === "put") doneBytes += operation.file.content.byteLength;
      options.onProgress?.(doneBytes, plan.putBytes);
    }
  } catch (error) {
    await putBack(board, before, error);
    throw error;
  }
}

async function carryOut(
  board: Board,
  operation: Operation,
  options: InPlaceOptions,
): Promise<void> {
  switch (operation.kind) {
    case "delete":
      await board.removeFile(operation.path, options);
      return;
    case "put":
      await replaceFile(board, operation.path, operation.file.content, options);
      return;
    case "make_directory":
      throw new UotaError("internal", `A flat board cannot have the directory ${operation.path}`);
  }
}

async function replaceFile(
  board: Board,
  path: string,
  content: Uint8Array,
  options: InPlaceOptions,
): Promise<void> {
  const sha256 = sha256Hex(content);
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    await board.writeFiles([{ path, content }], { signal: options.signal });
    const [state] = await board.describe([path], options);
    if (state?.kind === "file" && state.sha256 === sha256) return;
  }
  throw new UotaError(
    "verification_failed",
    `${path} arrived damaged on the board on ${board.path}, ${ATTEMPTS} times over; ` +
      "check the cable",
  );
}

/** Restores, newest change first. Cancelling must not leave the board between two releases. */
async function putBack(
  board: Board,
  before: ReadonlyMap<string, Uint8Array<ArrayBuffer> | null>,
  reason: unknown,
): Promise<void> {
  const options = { signal: new AbortController().signal };
  try {
    // The board may have half a script: of a write that was cancelled, or that lost bytes.
    await board.resynchronise(options);
    for (const [path, content] of [...before].reverse()) {
      const [state] = await board.stat([path], options);
      if (content !== null) await replaceFile(board, path, content, options);
      else if (state?.kind === "file") await board.removeFile(path, options);
    }
  } catch (error) {
    throw new UotaError(
      "unfinished_transaction",
      `${messageOf(reason)}. The old files could not all be put back (${messageOf(error)}); ` +
        "version is still the old one, so the next update of this board completes it",
      { cause: reason },
    );
  }
}
