/**
 * Whether a board has started anew since it was looked at last, and whether its program or its power
 * did that. From what the board itself says (`serial/evidence.ts`): its clock, and the cause of its
 * last reset.
 *
 * INVARIANTS
 * - Power that went is no evidence against a program, and neither is a cable that was pulled.
 */
import type { Evidence } from "../../serial/mod.ts";

/** What became of the board: it runs on as before, started by itself, lost its power, or cannot say. */
export type Boot = "same" | "restarted" | "power" | "unknown";

/** From our reset until the board's clock begins to count: boot loaders, boards that wait for USB. */
const BOOT_ALLOWANCE_MS = 2500;
/** What two looks at one clock may differ by, with the time that the line takes. */
const LOOK_TOLERANCE_MS = 750;

/** The starts of one board while it is watched. */
export class Boots {
  readonly #now: () => number;
  /** When the board started, on our clock; null while only the bound is known. */
  #startedMs: number | null = null;
  #startedBeforeMs = Infinity;
  /** Whether the board has a reset cause that tells a reset from a loss of power. */
  #tellsPower = true;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** We reset the board just now. */
  resetByUs(): void {
    this.#startedMs = null;
    this.#startedBeforeMs = this.#now() + BOOT_ALLOWANCE_MS;
  }

  /** The board is as it is known to be: what comes later is compared with this. */
  returned(evidence: Evidence | null): void {
    // Some ports call every reset a power-on, `machine.reset()` too, after which this is asked first.
    if (this.#startedMs === null && evidence?.resetCause === "power_on") this.#tellsPower = false;
    this.#startedMs = this.#startOf(evidence);
  }

  /** What became of the board since. */
  look(evidence: Evidence | null): Boot {
    const startMs = this.#startOf(evidence);
    if (startMs !== null) {
      const latestMs = this.#startedMs === null
        ? this.#startedBeforeMs
        : this.#startedMs + LOOK_TOLERANCE_MS;
      if (startMs <= latestMs) return "same";
    }
    const cause = evidence?.resetCause ?? null;
    if (startMs === null && cause === null) return "unknown";
    if (cause === "power_on" && this.#tellsPower) return "power";
    // Without a clock, a reset by us and one by the program have the same cause.
    return startMs === null && cause !== "deep_sleep" ? "unknown" : "restarted";
  }

  #startOf(evidence: Evidence | null): number | null {
    const uptimeMs = evidence?.uptimeMs ?? null;
    return uptimeMs === null ? null : this.#now() - uptimeMs;
  }
}
