/**
 * Why a board started, and how long ago: read by `connectBoard` before its soft reset, for whoever
 * has to tell a crash from a power cut.
 */

/** What a board says of its last start; each part is null where it cannot tell. */
export interface Evidence {
  /**
   * `machine.reset_cause()`, by the name of the constant that equals it; what a chip calls a
   * brown-out or a lock-up has none of these names and is null.
   *
   * Read it with care: an rp2 carries out `machine.reset()` by its watchdog, so that it shows as
   * "watchdog" (ports/rp2/modmachine.c); an esp32 calls it "soft", and an older firmware of it a
   * brown-out "watchdog" (ports/esp32/modmachine.c, `machine_reset_cause`). After a soft reset
   * some ports say "soft", whatever was before it.
   */
  readonly resetCause: "power_on" | "hard" | "watchdog" | "deep_sleep" | "soft" | null;
  /**
   * `time.ticks_ms()`: milliseconds since the start, modulo 2^30 (12.4 days) on most ports. A soft
   * reset begins it anew on few of them.
   */
  readonly uptimeMs: number | null;
  /** After this moment of `performance.now()` the board has looked at its clock. */
  readonly askedAtMs: number;
  /** And before this one. */
  readonly answeredAtMs: number;
}

/** By the constants' names in `machine`. */
const CAUSES: ReadonlyMap<string, NonNullable<Evidence["resetCause"]>> = new Map([
  ["PWRON_RESET", "power_on"],
  ["HARD_RESET", "hard"],
  ["WDT_RESET", "watchdog"],
  ["DEEPSLEEP_RESET", "deep_sleep"],
  ["SOFT_RESET", "soft"],
]);

/** Reads the reply of `on_board/evidence.py`, which came within `times`. */
export function parseEvidence(
  reply: string,
  times: Pick<Evidence, "askedAtMs" | "answeredAtMs">,
): Evidence {
  const [cause = "", ticks = ""] = reply.split("\t");
  return {
    resetCause: CAUSES.get(cause) ?? null,
    uptimeMs: /^\d{1,15}$/.test(ticks) ? Number(ticks) : null,
    ...times,
  };
}
