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
/** What two looks at one clock may differ by, besides the time that asking takes. */
const LOOK_TOLERANCE_MS = 50;
/** And by how much a board's clock may be off: an oscillator on the chip, warm or cold. */
const CLOCK_TOLERANCE = 0.05;

/** The starts of one board while it is watched. */
export class Boots {
  readonly #now: () => number;
  /** Before this moment of our clock the board has started that we know. */
  #startedBeforeMs = Infinity;
  /** When its clock was looked at; null while only our own reset says when it has started. */
  #lookedAtMs: number | null = null;
  /** Whether that is only what our own reset says, and nothing has shown another start since. */
  #isOnlyReset = true;
  /** Whether the board has a reset cause that tells a reset from a loss of power. */
  #tellsPower = true;

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /** We reset the board just now. */
  resetByUs(): void {
    this.#isOnlyReset = true;
    this.#lookedAtMs = null;
    this.#startedBeforeMs = this.#now() + BOOT_ALLOWANCE_MS;
  }

  /** The board is as it is known to be: what comes later is compared with this. */
  returned(evidence: Evidence | null): void {
    // Some ports call every reset a power-on, `machine.reset()` too, which shows by one of ours.
    if (this.#isOnlyReset && evidence?.resetCause === "power_on") this.#tellsPower = false;
    this.#isOnlyReset = false;
    if (evidence === null || evidence.uptimeMs === null) return;
    this.#lookedAtMs = evidence.answeredAtMs;
    this.#startedBeforeMs = evidence.answeredAtMs - evidence.uptimeMs;
  }

  /** What became of the board since. */
  look(evidence: Evidence | null): Boot {
    if (evidence === null) return "unknown";
    const { resetCause, uptimeMs, askedAtMs } = evidence;
    // A busy machine may take long from asking to hearing: it started after this, at the earliest.
    // A program that fails at once starts several times in a second, so there is not much to spare.
    const toleranceMs = this.#lookedAtMs === null
      ? 0
      : LOOK_TOLERANCE_MS + (askedAtMs - this.#lookedAtMs) * CLOCK_TOLERANCE;
    if (uptimeMs !== null && askedAtMs - uptimeMs <= this.#startedBeforeMs + toleranceMs) {
      return "same";
    }
    // What it says from now on is not of our reset.
    if (uptimeMs !== null) this.#isOnlyReset = false;
    if (resetCause === "power_on" && this.#tellsPower) return "power";
    // Without a clock, a reset by us and one by the program have the same cause.
    return uptimeMs === null && resetCause !== "deep_sleep" ? "unknown" : "restarted";
  }
}
