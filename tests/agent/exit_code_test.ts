import { assertEquals } from "../assert.ts";
import type { Outcome } from "../../agent/board/outcome.ts";
import { exitCodeOfError, exitCodeOfOutcomes } from "../../agent/exit_code.ts";
import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { outcome, untouched } from "./outcomes.ts";

const updated = outcome();
const current = outcome({ outcome: "current" });
const dryRun = outcome({ outcome: "skipped", reason: { code: "dry_run", message: "" } });
const busy = untouched("unreachable", "port_busy");
const failed = untouched("failed", "no_space");
const rolledBack = untouched("rolled_back", "board_error");
const ownServerDown = untouched("failed", "server_unreachable");
const ownReleaseRefused = untouched("failed", "hash_mismatch");

const RUNS: readonly (readonly [readonly Outcome[], number])[] = [
  [[], 0],
  [[updated, current, dryRun], 0],
  [[untouched("skipped", "pinned"), untouched("skipped", "older")], 0],
  [[updated, failed], 1],
  [[updated, rolledBack], 1],
  [[updated, busy], 75],
  [[failed, busy], 1],
  [[busy, ownServerDown, failed], 69],
  [[ownServerDown, ownReleaseRefused, failed, busy], 77],
  [[untouched("failed", "timed_out")], 1],
];

for (const [outcomes, code] of RUNS) {
  const kinds = outcomes.map(({ outcome, reason }) => reason?.code ?? outcome).join(", ");
  Deno.test(`exitCodeOfOutcomes() is ${code} for ${kinds || "no boards"}`, () => {
    assertEquals(exitCodeOfOutcomes(outcomes), code);
  });
}

const ERRORS: readonly (readonly [ErrorCode, number])[] = [
  ["usage", 2],
  ["unknown_board", 2],
  ["config_invalid", 78],
  ["hash_mismatch", 77],
  ["pin_mismatch", 77],
  ["archive_unsafe", 77],
  ["notice_invalid", 77],
  ["server_unreachable", 69],
  ["not_found", 69],
  ["request_refused", 69],
  ["port_missing", 75],
  ["daemon_denied", 75],
  ["daemon_gone", 75],
  ["internal", 1],
  ["cancelled", 130],
];

for (const [code, exit] of ERRORS) {
  Deno.test(`exitCodeOfError() is ${exit} for ${code}`, () => {
    assertEquals(exitCodeOfError(new UotaError(code, "")), exit);
  });
}
