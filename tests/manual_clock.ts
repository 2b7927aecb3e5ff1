/** A clock that goes on when the test says so. */
import type { Clock } from "../agent/clock.ts";

interface Timer {
  readonly atMs: number;
  readonly action: () => void;
}

export class ManualClock implements Clock {
  #nowMs = 0;
  readonly #timers = new Set<Timer>();

  after(ms: number, action: () => void): Disposable {
    const timer = { atMs: this.#nowMs + ms, action };
    this.#timers.add(timer);
    return { [Symbol.dispose]: () => void this.#timers.delete(timer) };
  }

  /** Lets so much time go by; what is due happens, in order. */
  advance(ms: number): void {
    this.#nowMs += ms;
    const due = [...this.#timers].filter(({ atMs }) => atMs <= this.#nowMs)
      .sort((one, other) => one.atMs - other.atMs);
    for (const timer of due) {
      if (this.#timers.delete(timer)) timer.action();
    }
  }
}
