/** Time as something that is passed in, so that tests need not wait for it. */

export interface Clock {
  /** Calls `action` once, after so many milliseconds, unless it is disposed of before. */
  after(ms: number, action: () => void): Disposable;
}

/** The longest that a timer can be set to; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

export const SYSTEM_CLOCK: Clock = {
  after(ms, action) {
    const timer = setTimeout(action, Math.min(ms, LONGEST_TIMER_MS));
    return { [Symbol.dispose]: () => clearTimeout(timer) };
  },
};
