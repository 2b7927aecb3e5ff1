/**
 * The journal on the board: what the commit does, in a form that the board reads line by line.
 * Its reader is `on_board/transaction.py`, which also describes the form.
 */
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
  return new TextEncoder().encode([header, ...lines, ""].join("\n"));
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
