/** Bounds on waiting, as one signal. Used by `download.ts` and `connection.ts`. */

import { UotaError } from "../../errors/mod.ts";
import { cancelled } from "./cancelled.ts";
import type { Timeouts } from "./source.ts";

const DEFAULT_TIMEOUTS: Required<Timeouts> = {
  connectMs: 15_000,
  idleMs: 30_000,
  totalMs: 900_000,
};

/**
 * Aborts its {@linkcode signal} when a download takes too long in total, when one step of it does,
 * or when the caller cancels. The signal's reason is the error to throw. Dispose of it in the end.
 */
export class Deadline implements Disposable {
  readonly #controller = new AbortController();
  readonly #timeouts: Required<Timeouts>;
  readonly #server: string;
  readonly #callerSignal: AbortSignal;
  readonly #onCallerAbort: () => void;
  readonly #totalTimer: ReturnType<typeof setTimeout>;
  #stepTimer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    server: string,
    options: { readonly signal: AbortSignal; readonly timeouts: Timeouts | undefined },
  ) {
    this.#server = server;
    this.#timeouts = { ...DEFAULT_TIMEOUTS, ...options.timeouts };
    this.#callerSignal = options.signal;
    this.#onCallerAbort = () => {
      this.#controller.abort(cancelled(`asking ${server}`, options.signal));
    };
    this.#callerSignal.addEventListener("abort", this.#onCallerAbort, { once: true });
    if (options.signal.aborted) this.#onCallerAbort();
    const { totalMs } = this.#timeouts;
    this.#totalTimer = setTimeout(
      () => this.#expire(`did not finish the download within ${seconds(totalMs)}`),
      totalMs,
    );
  }

  /** Aborted with a `UotaError` as its reason: `server_unreachable` or `cancelled`. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on until the next call, a connection has to come about. */
  expectConnection(): void {
    const { connectMs } = this.#timeouts;
    this.#arm(connectMs, `took longer than ${seconds(connectMs)} to connect`);
  }

  /** From now on until the next call, the server has to send something. */
  expectData(): void {
    const { idleMs } = this.#timeouts;
    this.#arm(idleMs, `sent nothing for ${seconds(idleMs)}`);
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#totalTimer);
    clearTimeout(this.#stepTimer);
    this.#callerSignal.removeEventListener("abort", this.#onCallerAbort);
  }

  #arm(ms: number, failure: string): void {
    clearTimeout(this.#stepTimer);
    this.#stepTimer = setTimeout(() => this.#expire(failure), ms);
  }

  #expire(failure: string): void {
    this.#controller.abort(
      new UotaError(
        "server_unreachable",
        `The server ${this.#server} ${failure}; check the network, or try again later`,
      ),
    );
  }
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}
