/** Bounds on waiting. Every wait in `serial/` goes through here, so that none can be endless. */

/**
 * Runs `work` with a signal that aborts with the parent or after `ms` milliseconds, whichever comes
 * first; the timer never outlives the work.
 *
 * @throws what `onTimeout` makes, when the time is what ended the work
 */
export async function withTimeout<T>(
  parent: AbortSignal,
  options: { readonly ms: number; readonly onTimeout: () => Error },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent.throwIfAborted();
  const controller = new AbortController();
  const timer = setTimeout(() => controller.abort(options.onTimeout()), options.ms);
  const follow = () => controller.abort(parent.reason);
  parent.addEventListener("abort", follow, { once: true });
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    parent.removeEventListener("abort", follow);
  }
}

/**
 * Waits `ms` milliseconds.
 *
 * @throws the signal's reason when it aborts first
 */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener("abort", onAbort);
      resolve();
    }, ms);
    signal.addEventListener("abort", onAbort, { once: true });
  });
}
