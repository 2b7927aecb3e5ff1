/**
 * What a process writes, kept as a whole, so that a test can wait for a part of it and say what came
 * instead.
 *
 * INVARIANTS
 * - The streams are read to their ends, so that nobody waits for what he writes to be read.
 */

/** All that streams have brought so far, and a way to wait for more. */
export class Transcript {
  /** Settles when the streams have ended. */
  readonly ended: Promise<void>;
  #text = "";
  #waiters: (() => void)[] = [];

  constructor(...streams: readonly ReadableStream<Uint8Array<ArrayBuffer>>[]) {
    this.ended = Promise.all(streams.map((stream) => this.#read(stream))).then(() => {});
  }

  get text(): string {
    return this.#text;
  }

  /** @throws {Error} when the streams end or the time is over before that */
  async until(wanted: string | RegExp, timeoutMs: number): Promise<void> {
    const found = () =>
      typeof wanted === "string" ? this.#text.includes(wanted) : wanted.test(this.#text);
    const arrived = (async () => {
      while (!found()) await new Promise<void>((resolve) => this.#waiters.push(resolve));
    })();
    const over = this.ended.then(() => {
      if (!found()) throw new Error(`It ended before ${wanted} came`);
    });
    await within(timeoutMs, Promise.race([arrived, over]));
  }

  async #read(stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    for await (const part of stream.pipeThrough(new TextDecoderStream())) {
      this.#text += part;
      for (const wake of this.#waiters.splice(0)) wake();
    }
  }
}

/** @throws {Error} if the work takes longer; it then goes on, and nobody waits for it */
export async function within<Value>(timeoutMs: number, work: Promise<Value>): Promise<Value> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`It took longer than ${timeoutMs} ms`)),
    timeoutMs,
  );
  try {
    return await Promise.race([work, late.promise]);
  } finally {
    clearTimeout(timer);
  }
}
