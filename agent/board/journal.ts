/**
 * The journal on the board: what the commit does, in a form that the board reads line by line.
 * Its reader is `on_board/transaction.py`, which also describes the form.
 *
 * INVARIANTS
 * - The last line is the SHA-256 of all before it. A journal gets its name only when it is whole, so
 *   one that is not was damaged later, with its file system: half of it must not be carried out.
 */
import { UotaError } from "../../errors/mod.ts";
import { type Board, sha256Hex } from "../../serial/mod.ts";
import type { Release } from "../release/mod.ts";
import type { Plan } from "./plan.ts";

/** The journal's bytes. The first line: format, version and hash of the release. */
export function encodeJournal(plan: Plan, release: Release): Uint8Array<ArrayBuffer> {
  const lines = plan.operations.map((operation, index) => {
    switch (operation.kind) {
      case "delete":
        return `d ${index} ${operation.path}`;
      case "make_directory":
        return `m ${operation.path}`;
      case "put":
        return `p ${index} ${operation.path}`;
    }
  });
  const header = `uota-gateway 1 ${release.sha256} ${release.version}`;
  const body = [header, ...lines, END].join("\n");
  const encoder = new TextEncoder();
  return encoder.encode(`${body}${sha256Hex(encoder.encode(body))}\n`);
}

/** What the last line begins with; it ends with the hash of everything up to here. */
const END = "end ";
const SHA256_CHARACTERS = 64;

/** Whether a journal is as it was written. */
export function isWhole(journal: Uint8Array): boolean {
  const end = journal.byteLength - SHA256_CHARACTERS - 1;
  if (end < END.length || parseJournalHeader(journal) === null) return false;
  const text = (from: number, to: number) => new TextDecoder().decode(journal.subarray(from, to));
  return text(end - END.length - 1, end) === `\n${END}` &&
    text(end, journal.byteLength) === `${sha256Hex(journal.subarray(0, end))}\n`;
}

/**
 * Reads the journal at `path` and says whether it is as it was written.
 *
 * @throws {UotaError} `protocol` when the line, not the board, has damaged it
 */
export async function isWholeOnBoard(
  board: Board,
  path: string,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  const journal = await board.files.readFile(path, options);
  if (isWhole(journal)) return true;
  const [state] = await board.files.describe([path], options);
  if (state?.kind === "file" && state.sha256 === sha256Hex(journal)) return false;
  throw new UotaError(
    "protocol",
    `The transaction's journal on the board on ${board.path} could not be read twice alike; ` +
      "the line may lose bytes: check the cable and the baud rate",
  );
}

/** What a journal's first line says of its release. */
export interface JournalHeader {
  readonly archiveSha256: string;
  readonly version: string;
}

/** More than the longest first line. */
export const HEADER_BYTES = 512;

/** Reads the first line; null where it is not one of ours. */
export function parseJournalHeader(start: Uint8Array): JournalHeader | null {
  const [line = ""] = new TextDecoder().decode(start).split("\n");
  const match = /^uota-gateway 1 ([0-9a-f]{64}) (.+)$/.exec(line);
  return match ? { archiveSha256: match[1] ?? "", version: match[2] ?? "" } : null;
}
