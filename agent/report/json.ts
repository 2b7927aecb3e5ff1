/**
 * Results for programs: what `--json` prints, one document a run. Names and their order are
 * INTERFACE.md's; a name means the same in every document.
 */
import type { UotaError } from "../../errors/mod.ts";
import type { Outcome } from "../board/outcome.ts";
import type { AttachedBoard } from "../survey.ts";
import type { UpdateReport } from "../update.ts";

/** `update --json` and `check --json`. */
export function updateJson({ release, boards }: UpdateReport): string {
  return document({
    release: release && {
      version: release.version,
      archive: release.archive,
      sha256: release.sha256,
      verified_by: release.verifiedBy,
    },
    boards: boards.map(outcomeJson),
  });
}

function outcomeJson(outcome: Outcome) {
  const { reason, files } = outcome;
  return {
    name: outcome.name,
    uid: outcome.uid,
    port: outcome.port,
    outcome: outcome.outcome,
    from: outcome.from,
    to: outcome.to,
    reason: reason && { code: reason.code, message: reason.message },
    strategy: outcome.strategy,
    files: {
      written: files.written,
      unchanged: files.unchanged,
      deleted: files.deleted,
      excluded: files.excluded,
    },
    bytes_on_wire: outcome.bytesOnWire,
    seconds: Math.round(outcome.seconds * 1000) / 1000,
  };
}

/** `boards --json`. */
export function boardsJson(boards: readonly AttachedBoard[]): string {
  return document(boards.map(({ reason, ...board }) => ({
    name: board.name,
    uid: board.uid,
    port: board.port,
    group: board.group,
    micropython: board.micropython,
    machine: board.machine,
    version: board.version,
    free_bytes: board.freeBytes,
    reason: reason && { code: reason.code, message: reason.message },
  })));
}

/** What any command prints with `--json` where it fails as a whole. */
export function errorJson({ code, message }: UotaError): string {
  return document({ error: { code, message } });
}

function document(value: unknown): string {
  return `${JSON.stringify(value)}\n`;
}
