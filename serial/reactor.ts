/**
 * One `poll(2)` for all open ports: Deno runs some 32 blocking calls at once, so a `poll` for each
 * port would let the thirty-third starve.
 *
 * INVARIANTS
 * - At most one `poll` is under way, and none while nobody waits: an idle gateway makes no system
 *   calls and does not keep the process alive.
 * - A change of interest wakes the `poll` under way through an eventfd; nobody waits for a tick.
 * - A descriptor that was forgotten is not in a `poll` any more, so its number may be used anew.
 * - A waiter is settled exactly once: by readiness, by its signal, or by {@linkcode Reactor.forget}.
 */
import {
  closeFdNow,
  createEventFd,
  POLLERR,
  pollFds,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  readFd,
  writeFd,
} from "./libc.ts";

interface Waiter {
  readonly fd: number;
  readonly events: number;
  readonly settle: (revents: number) => void;
  readonly fail: (reason: unknown) => void;
}

const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** Tells when descriptors become ready. */
export class Reactor {
  readonly #waiters = new Set<Waiter>();
  #wakeFd: number | null = null;
  #polling = false;
  /** What the `poll` under way watches, and its end. */
  #watched: ReadonlySet<number> = new Set();
  #pollEnd = Promise.withResolvers<void>();

  /**
   * Waits until one of `events` (a mask of `POLLIN`, `POLLOUT`) holds for `fd`; errors and hang-ups
   * count as readiness, so that the following read or write reports them.
   *
   * @returns the `revents` mask
   * @throws the signal's reason when it aborts
   */
  ready(fd: number, events: number, options: { readonly signal: AbortSignal }): Promise<number> {
    const { signal } = options;
    signal.throwIfAborted();
    return new Promise((resolve, reject) => {
      const onAbort = () => waiter.fail(signal.reason);
      const done = () => {
        this.#waiters.delete(waiter);
        signal.removeEventListener("abort", onAbort);
        // A `poll` that still watches for a waiter who left would keep the process alive.
        this.#wake();
      };
      const waiter: Waiter = {
        fd,
        events,
        settle: (revents) => {
          done();
          resolve(revents);
        },
        fail: (reason) => {
          done();
          reject(reason);
        },
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#waiters.add(waiter);
      if (this.#polling) this.#wake();
      else void this.#run();
    });
  }

  /** Fails all who wait for `fd`, and lets go of it; call it before the descriptor is closed. */
  async forget(fd: number, reason: unknown): Promise<void> {
    for (const waiter of [...this.#waiters]) if (waiter.fd === fd) waiter.fail(reason);
    while (this.#watched.has(fd)) await this.#pollEnd.promise;
  }

  #wake(): void {
    if (this.#polling && this.#wakeFd !== null) writeFd(this.#wakeFd, ONE);
  }

  async #run(): Promise<void> {
    this.#polling = true;
    const wakeFd = createEventFd();
    this.#wakeFd = wakeFd;
    const drain = new Uint8Array(8);
    try {
      while (this.#waiters.size > 0) {
        const watched = new Map<number, number>([[wakeFd, POLLIN]]);
        for (const { fd, events } of this.#waiters) {
          watched.set(fd, (watched.get(fd) ?? 0) | events);
        }
        const entries = [...watched].map(([fd, events]) => ({ fd, events }));
        this.#watched = new Set(watched.keys());
        const revents = await pollFds(entries, -1);
        this.#watched = new Set();
        this.#pollEnd.resolve();
        this.#pollEnd = Promise.withResolvers();
        const result = new Map(entries.map(({ fd }, index) => [fd, revents[index] ?? 0]));
        if (result.get(wakeFd)) readFd(wakeFd, drain);
        for (const waiter of [...this.#waiters]) {
          const got = result.get(waiter.fd) ?? 0;
          if (got & (waiter.events | POLLERR | POLLHUP | POLLNVAL)) waiter.settle(got);
        }
      }
    } catch (error) {
      for (const waiter of [...this.#waiters]) waiter.fail(error);
    } finally {
      this.#polling = false;
      this.#wakeFd = null;
      closeFdNow(wakeFd);
    }
  }
}

/** The one of this process: all that waits for descriptors shares its `poll`. */
export const sharedReactor = new Reactor();
