/** When to ask a source again: a pure function, so that it can be shown for all cases. */

/** How the poll before ended. */
export type PollEnd =
  /** It offered something, new or not. */
  | "answered"
  /** The server is not there, or has a fault of its own, which passes by itself. */
  | "faulty"
  /** What is there is wrong, and stays so until somebody changes it. */
  | "wrong";

export interface PollDelayOptions {
  readonly intervalMs: number;
  /** How many polls in a row have failed. */
  readonly failures: number;
  /** From 0 up to, not including, 1. */
  readonly random: number;
}

/** After the first fault; doubles from then on. */
const FIRST_RETRY_MS = 5000;
/** Gateways that were switched on together are not to ask together for ever. */
const JITTER = 0.1;

/** Milliseconds until the next poll. */
export function pollDelayMs(end: PollEnd, options: PollDelayOptions): number {
  const { intervalMs, failures, random } = options;
  const plainMs = end === "faulty"
    // Sooner than usual at first, since a fault may pass, and never more often than asked for.
    ? Math.min(intervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20))
    : intervalMs;
  return Math.round(plainMs * (1 - JITTER + 2 * JITTER * random));
}
