/**
 * Whether the daemon itself still gets on: what the keep-alive to systemd depends on. That the event
 * loop turns is shown by whoever asks. No board has a say in it: one that dawdles loses its place to
 * the next (`visit_bound.ts`), and a daemon that is killed for it would cut the others off.
 */

/** Two downloads of a source, each with its own bound of 15 minutes; then a poll is aborted. */
export const POLL_BOUND_MS = 40 * 60_000;
/** For an aborted poll to come to its end. */
const ENDING_MS = 5 * 60_000;

/**
 * What hangs, in words; null where all gets on.
 *
 * @param pollsSinceMs when each poll under way began, on the clock of `performance.now()`; null where
 *   none is
 */
export function whatHangs(
  pollsSinceMs: readonly (number | null)[],
  nowMs: number,
): string | null {
  const hangs = (sinceMs: number | null) =>
    sinceMs !== null && nowMs - sinceMs > POLL_BOUND_MS + ENDING_MS;
  return pollsSinceMs.some(hangs)
    ? "A poll does not end although it was aborted; systemd will start the daemon again"
    : null;
}
