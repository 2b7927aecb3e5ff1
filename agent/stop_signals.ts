/**
 * What signals ask of a run that has boards in hand. Used by `main.ts`, which does what they ask.
 *
 * The first SIGINT, SIGTERM, SIGHUP or SIGQUIT asks for an orderly stop; a second one by a hand, for
 * an end at once. A hang-up is never the second: it says that the terminal is gone, and ends of
 * sessions send it right behind a SIGTERM.
 *
 * INVARIANTS
 * - One stroke of a key counts once, however often its signal arrives: the terminal sends it to all
 *   of its foreground, and those who have started us may pass it on.
 * - Listeners are those of `node:process`, so that libraries that end the process where nobody else
 *   listens (signal-exit) see that somebody does.
 */
import process from "node:process";

export const STOP_SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"] as const;
export type StopSignal = typeof STOP_SIGNALS[number];

/** Within this time after the first one, another signal is the same stroke. */
export const BOUNCE_MS = 500;

export interface StopSignalsOptions {
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
  /** Told once. */
  readonly onStop: (signal: StopSignal) => void;
  readonly onAbort: (signal: StopSignal) => void;
}

export class StopSignals {
  readonly #options: StopSignalsOptions;
  #first: { readonly signal: StopSignal; readonly atMs: number } | null = null;
  #hangUp: (() => void) | null = null;

  constructor(options: StopSignalsOptions) {
    this.#options = options;
  }

  /** The signal that has stopped the run; null while none has. */
  get stoppedBy(): StopSignal | null {
    return this.#first?.signal ?? null;
  }

  /** Hears the process's signals from now on. */
  listen(): void {
    for (const signal of STOP_SIGNALS) process.on(signal, () => this.receive(signal));
  }

  /** Until disposed of, SIGHUP does this, and stops nothing. */
  onHangUp(action: () => void): Disposable {
    this.#hangUp = action;
    return { [Symbol.dispose]: () => this.#hangUp = null };
  }

  receive(signal: StopSignal): void {
    const { now, onStop, onAbort } = this.#options;
    if (signal === "SIGHUP" && this.#hangUp !== null) return this.#hangUp();
    if (this.#first === null) {
      this.#first = { signal, atMs: now() };
      return onStop(signal);
    }
    if (signal === "SIGHUP" || now() - this.#first.atMs < BOUNCE_MS) return;
    onAbort(signal);
  }
}

/**
 * Until disposed of, Ctrl-Z does this instead of suspending the process: boards would stand at their
 * prompts until somebody types `fg`. SIGSTOP suspends all the same.
 */
export function refuseSuspension(action: () => void): Disposable {
  process.on("SIGTSTP", action);
  return { [Symbol.dispose]: () => void process.off("SIGTSTP", action) };
}
