/** When to ask a source again: pure functions, so that it can be shown for all cases. */
import type { ErrorCode } from "../../errors/mod.ts";

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
  /** How long the server asks to be left alone; null where it does not. */
  readonly retryAfterMs: number | null;
  /** From 0 up to, not including, 1. */
  readonly random: number;
}

/** After the first fault; doubles from then on. */
const FIRST_RETRY_MS = 5000;
/** Gateways that were switched on together are not to ask together for ever. */
const JITTER = 0.1;

/** What a server says of itself is believed up to here: it may be wrong, and boards wait. */
const LONGEST_RETRY_AFTER_MS = 60 * 60_000;

/**
 * Faults that pass by themselves. A certificate is one: the clock of a machine without a battery is
 * wrong until the network has told it the time.
 */
const FAULTY: ReadonlySet<ErrorCode> = new Set(["server_unreachable", "server_error", "tls"]);

/** How a poll ended that failed so. */
export function pollEndOf(code: ErrorCode): PollEnd {
  return FAULTY.has(code) ? "faulty" : "wrong";
}

/** Milliseconds until the next poll. */
export function pollDelayMs(end: PollEnd, options: PollDelayOptions): number {
  const { intervalMs, failures, retryAfterMs, random } = options;
  const plainMs = end === "faulty"
    // Sooner than usual at first, since a fault may pass, and never more often than asked for.
    ? Math.min(intervalMs, FIRST_RETRY_MS * 2 ** Math.min(failures - 1, 20))
    : intervalMs;
  const delayMs = Math.round(plainMs * (1 - JITTER + 2 * JITTER * random));
  if (retryAfterMs === null) return delayMs;
  // Never sooner than it asks for, and not all gateways at the very moment.
  const askedMs = Math.min(LONGEST_RETRY_AFTER_MS, retryAfterMs * (1 + JITTER * random));
  return Math.max(delayMs, Math.ceil(askedMs));
}
