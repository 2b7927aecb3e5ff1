/** When to visit a board again after an outcome: a pure function, so that it can be shown for all. */
import type { Outcome, ReasonCode } from "../board/outcome.ts";

const FIRST_RETRY_MS = 10_000;
const LONGEST_RETRY_MS = 15 * 60_000;
/** After these, nothing is gained before somebody publishes, plugs in or configures something else. */
const LASTING: ReadonlySet<ReasonCode> = new Set([
  "app_failed",
  "not_ready",
  "app_restarts",
  "no_space",
  "no_directories",
  "no_version",
  "no_previous",
  "version_order",
  "board_memory",
  "ambiguous_board",
  "uid_missing",
  "not_micropython",
  "foreign_transaction",
  "excluded_conflict",
]);

/**
 * Milliseconds until the board is visited again for the same release; null: not by itself.
 *
 * @param failures how many visits in a row have ended so, this one included
 */
export function retryDelayMs(
  { outcome, reason }: Pick<Outcome, "outcome" | "reason">,
  failures: number,
): number | null {
  if (outcome !== "unreachable" && outcome !== "failed") return null;
  if (reason !== null && LASTING.has(reason.code)) return null;
  return Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20));
}
