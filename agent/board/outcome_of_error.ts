/** One table from what went wrong on a board to how the attempt ended. */
import type { ErrorCode, UotaError } from "../../errors/mod.ts";
import type { OutcomeKind } from "./outcome.ts";

/** Codes for which the board was not there, or went away before anything of it had changed. */
const UNREACHABLE: ReadonlySet<ErrorCode> = new Set([
  "port_missing",
  "port_busy",
  "port_denied",
  "port_lost",
  "no_response",
  "not_attached",
  "timed_out",
  "too_slow",
]);

/** `committed`: whether the release was on its way into place. */
export function outcomeOfError(error: UotaError, committed: boolean): OutcomeKind {
  return !committed && UNREACHABLE.has(error.code) ? "unreachable" : "failed";
}
