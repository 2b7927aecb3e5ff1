/** Cancellation as this project reports it. */

import { UotaError } from "../../errors/mod.ts";

/** The error for a signal that was aborted while doing `what` ("downloading …"). */
export function cancelled(what: string, signal: AbortSignal): UotaError {
  return new UotaError("cancelled", `Cancelled while ${what}`, { cause: signal.reason });
}

/** @throws {UotaError} `cancelled` where the signal is aborted already. */
export function throwIfCancelled(what: string, signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(what, signal);
}
