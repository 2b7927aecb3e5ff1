/**
 * Whether the daemon still gets on: what the keep-alive to systemd depends on. That the event loop
 * turns is shown by whoever asks; this tells of work that goes on for longer than its bounds allow.
 */
import type { RunningTurn } from "../fleet/turns.ts";

/**
 * A step on a board that shows no progress for this long hangs. Every wait on the line is far
 * shorter; the longest step without a sign is reading a whole flash back at 9600 baud.
 */
const TURN_BOUND_MS = 30 * 60_000;
/** Two downloads of a source, each with its own bound of 15 minutes. */
const POLL_BOUND_MS = 40 * 60_000;

export interface Work {
  readonly turns: readonly RunningTurn[];
  /** When each poll under way began; null where none is. */
  readonly pollsSinceMs: readonly (number | null)[];
  /** The longest that a board is watched after its reset. */
  readonly longestConfirmMs: number;
}

/** What hangs, in words; null where all gets on. Times are those of `performance.now()`. */
export function whatHangs(work: Work, nowMs: number): string | null {
  const boundMs = TURN_BOUND_MS + 2 * work.longestConfirmMs;
  for (const { key, progressAtMs } of work.turns) {
    if (nowMs - progressAtMs > boundMs) return `The job on ${key} has shown no progress`;
  }
  for (const sinceMs of work.pollsSinceMs) {
    if (sinceMs !== null && nowMs - sinceMs > POLL_BOUND_MS) return "A poll does not end";
  }
  return null;
}
