/**
 * The journal on the board: what the commit does, in a form that the board reads line by line.
 * Its reader is `on_board/transaction.py`, which also describes the form.
 */
import { sha256Hex } from "../../serial/mod.ts";
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

/** The hash that the board has to compute for it. */
export function journalSha256(journal: Uint8Array): string {
  return sha256Hex(journal);
}
