/** A server that says when it wants to be asked again: the Retry-After header (RFC 9110, 10.2.3). */
import { UotaError } from "../../errors/mod.ts";

/** The server is well enough to say how long it will not answer. */
export class RetryLaterError extends UotaError {
  /** How long to leave the server alone, in milliseconds, as it says: from 0 up, without a limit. */
  readonly retryAfterMs: number;

  constructor(message: string, retryAfterMs: number) {
    super("server_error", message);
    this.retryAfterMs = retryAfterMs;
  }
}

/** The headers that count. */
export interface RetryHeaders {
  readonly "retry-after"?: string | undefined;
  /** When the server answered. */
  readonly date?: string | undefined;
}

/**
 * Milliseconds until the server wants to be asked again; null where it does not say, or says what is
 * neither seconds nor a date. A date counts from the server's own, since the gateway's clock may be
 * wrong; `now` is for servers that do not send theirs.
 */
export function retryAfterMs(headers: RetryHeaders, now: Date): number | null {
  const value = headers["retry-after"]?.trim() ?? "";
  if (/^\d+$/.test(value)) return Number(value) * 1000;
  const untilMs = httpDateMs(value);
  if (untilMs === null) return null;
  return Math.max(0, untilMs - (httpDateMs(headers.date ?? "") ?? now.getTime()));
}

/** RFC 9110, 5.6.7: what every sender must write. `Date.parse` alone takes almost anything. */
function httpDateMs(text: string): number | null {
  if (!/^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/.test(text)) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? null : ms;
}
