/**
 * Results for programs: what `--json` prints, one document a run. Names and their order are
 * INTERFACE.md's; a name means the same in every document. What cannot be seen is escaped, since
 * people look at it on terminals, too.
 */
import type { UotaError } from "../../errors/mod.ts";
import { escapedJson } from "../../errors/shown_text.ts";
import type { Outcome } from "../board/outcome.ts";
import type { Check } from "../doctor/check.ts";
import type { AttemptRecord, BoardStatus } from "../fleet/store.ts";
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
    offered: outcome.offered,
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

/** `status --json`. */
export function statusJson(boards: readonly BoardStatus[]): string {
  return document(boards.map((board) => ({
    name: board.name,
    uid: board.uid,
    port: board.port,
    version: board.version,
    outcome: board.outcome,
    reason: recordedReason(board),
    at: board.at,
    seen_at: board.seen_at,
  })));
}

/** `history --json`, newest first. */
export function historyJson(attempts: readonly AttemptRecord[]): string {
  return document(attempts.map((attempt) => ({
    name: attempt.name,
    uid: attempt.uid,
    port: attempt.port,
    outcome: attempt.outcome,
    from: attempt.from_version,
    to: attempt.to_version,
    offered: attempt.offered_version,
    reason: recordedReason(attempt),
    strategy: attempt.strategy,
    files: {
      written: attempt.written,
      unchanged: attempt.unchanged,
      deleted: attempt.deleted,
      excluded: attempt.excluded,
    },
    bytes_on_wire: attempt.bytes_on_wire,
    seconds: Math.round(attempt.seconds * 1000) / 1000,
    started_at: attempt.started_at,
    ended_at: attempt.ended_at,
    steps: attempt.steps,
    clean_up: attempt.cleanUp,
  })));
}

/** `doctor --json`. */
export function checksJson(checks: readonly Check[]): string {
  return document(checks.map(({ check, state, message, mend }) => ({
    check,
    state,
    message,
    mend,
  })));
}

function recordedReason(
  record: { readonly reason_code: string | null; readonly reason_message: string | null },
) {
  if (record.reason_code === null) return null;
  return { code: record.reason_code, message: record.reason_message ?? "" };
}

/** What any command prints with `--json` where it fails as a whole. */
export function errorJson({ code, message }: UotaError): string {
  return document({ error: { code, message } });
}

function document(value: unknown): string {
  return `${escapedJson(JSON.stringify(value))}\n`;
}
