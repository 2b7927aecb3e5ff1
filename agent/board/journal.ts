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
  const header = `uota-gateway ${FORMAT} ${release.sha256} ${release.version}`;
  const body = [header, ...lines, END].join("\n");
  const encoder = new TextEncoder();
  return encoder.encode(`${body}${sha256Hex(encoder.encode(body))}\n`);
}

/** The first line names it, so that whoever does not know it leaves the transaction alone. */
const FORMAT = 1;
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

/** A journal as it was read: as it was written, of another format, or damaged on the board. */
export type JournalReading =
  | { readonly kind: "whole"; readonly journal: Uint8Array }
  | { readonly kind: "foreign" }
  | { readonly kind: "damaged" };

/**
 * Reads the journal at `path` and says whether it is as it was written.
 *
 * @throws {UotaError} `protocol` when the line, not the board, has damaged it
 */
export async function readJournal(
  board: Board,
  path: string,
  options: { readonly signal: AbortSignal },
): Promise<JournalReading> {
  const journal = await board.files.readFile(path, options);
  if (isWhole(journal)) return { kind: "whole", journal };
  const [state] = await board.files.describe([path], options);
  if (state?.kind === "file" && state.sha256 === sha256Hex(journal)) {
    return { kind: isForeign(journal) ? "foreign" : "damaged" };
  }
  throw new UotaError(
    "protocol",
    `The transaction's journal on the board on ${board.path} could not be read twice alike; ` +
      "the line may lose bytes: check the cable and the baud rate",
  );
}

/** Where a transaction is: to be carried forward, in place, or to be carried backward. */
export type TransactionState = "journal" | "committed" | "rollback";

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

/**
 * Whether a journal names a format that this version does not know. Every format begins with its
 * name and number, and ends with its hash; one whose hash is not right was damaged.
 */
export function isForeign(journal: Uint8Array): boolean {
  const text = new TextDecoder("latin1").decode(journal);
  const format = /^uota-gateway (\d{1,9})(?= |\n)/.exec(text)?.[1];
  if (format === undefined || Number(format) === FORMAT) return false;
  const end = /\nend ([0-9a-f]{64})\n$/.exec(text);
  return end === null || end[1] === sha256Hex(journal.subarray(0, end.index + 1 + END.length));
}

/** Where in `old` the `version` of the release before is; null where the journal replaces none. */
export function oldVersionIndex(journal: Uint8Array): number | null {
  const match = /^p (\d+) version$/m.exec(new TextDecoder().decode(journal));
  return match === null ? null : Number(match[1]);
}
