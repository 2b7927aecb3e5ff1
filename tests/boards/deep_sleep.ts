/** Deep sleep of an emulated chip: off, but for the clock that wakes it. */

/** The time until a chip wakes by itself, unless something else ends its sleep. */
export class DeepSleep implements Disposable {
  readonly #over = Promise.withResolvers<void>();
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param ms null: it does not wake by itself */
  constructor(ms: number | null, wake: () => Promise<void>) {
    if (ms === null) return;
    this.#timer = setTimeout(() => wake().then(this.#over.resolve, this.#over.reject), ms);
  }

  /** Settles when it has woken, or something else has ended the sleep. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    this.#over.resolve();
  }
}
