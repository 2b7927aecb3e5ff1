/**
 * What has arrived from a port and was not taken yet, with the ways of waiting for more.
 * Used by `raw_repl.ts` only.
 */
import { UotaError } from "../errors/mod.ts";
import { concatenate } from "./concatenate.ts";
import { withTimeout } from "./deadline.ts";
import type { SerialPort } from "./tty.ts";

export interface WaitOptions {
  readonly signal: AbortSignal;
  /** How long the board may say nothing, in milliseconds. */
  readonly idleMs: number;
  /** How long to wait altogether, in milliseconds. @default without bound of its own */
  readonly totalMs?: number;
  /** How much to take in while waiting. @default without bound of its own */
  readonly maxBytes?: number;
}

/** The receiving side of a port. */
export class Inbox {
  readonly #port: SerialPort;
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(4096);
  #start = 0;
  #end = 0;
  #received = 0;

  constructor(port: SerialPort) {
    this.#port = port;
  }

  /** Adds bytes that somebody else took from the port. */
  push(bytes: Uint8Array): void {
    this.#received += bytes.byteLength;
    if (this.#end + bytes.byteLength > this.#bytes.byteLength) {
      const waiting = this.#end - this.#start;
      const room = Math.max(this.#bytes.byteLength, 2 * (waiting + bytes.byteLength));
      const moved = new Uint8Array(room);
      moved.set(this.#bytes.subarray(this.#start, this.#end));
      this.#bytes = moved;
      this.#start = 0;
      this.#end = waiting;
    }
    this.#bytes.set(bytes, this.#end);
    this.#end += bytes.byteLength;
  }

  /** Everything that has arrived by now, also what nobody has read yet. */
  takeArrived(): Uint8Array<ArrayBuffer> {
    this.push(this.#port.readAvailable());
    return this.takeAll();
  }

  /** Forgets what has arrived so far. */
  clear(): void {
    this.push(this.#port.readAvailable());
    this.#start = this.#end = 0;
  }

  /** How many bytes have arrived altogether. */
  get received(): number {
    return this.#received;
  }

  /** The last bytes that have arrived, at most `length`, without taking them. */
  tail(length: number): Uint8Array {
    return this.#bytes.subarray(Math.max(this.#start, this.#end - length), this.#end);
  }

  /** Everything that is there, perhaps nothing. */
  takeAll(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(this.#start, this.#end);
    this.#start = this.#end = 0;
    return taken;
  }

  /** Forgets all but the last bytes of what is there. */
  keepLast(length: number): void {
    this.#start = Math.max(this.#start, this.#end - length);
  }

  /** The next byte if it is there, else null. */
  tryByte(): number | null {
    if (this.#start === this.#end) this.push(this.#port.readAvailable());
    return this.#start < this.#end ? this.#bytes[this.#start++] ?? null : null;
  }

  /** The next byte. @throws {UotaError} `timed_out` */
  async byte(options: WaitOptions): Promise<number> {
    const [byte = 0] = await this.exactly(1, options);
    return byte;
  }

  /** The next `length` bytes. @throws {UotaError} `timed_out` */
  async exactly(length: number, options: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    while (this.#end - this.#start < length) await this.#receive(options.idleMs, options.signal);
    const taken = this.#bytes.slice(this.#start, this.#start + length);
    this.#start += length;
    return taken;
  }

  /**
   * Everything up to and with `mark`.
   *
   * @throws {UotaError} `timed_out`, or `protocol` when `maxBytes` have come without it
   */
  async until(mark: Uint8Array, options: WaitOptions): Promise<Uint8Array<ArrayBuffer>> {
    const { maxBytes = Infinity } = options;
    let searched = 0;
    while (true) {
      const at = indexOf(this.#bytes.subarray(this.#start, this.#end), mark, searched);
      if (at >= 0) return await this.exactly(at + mark.byteLength, options);
      searched = Math.max(0, this.#end - this.#start - mark.byteLength + 1);
      if (searched > maxBytes) {
        throw new UotaError(
          "protocol",
          `The board on ${this.#port.path} sent over ${maxBytes} bytes where a short answer was due; ` +
            "its program prints in the background: stop its threads and timers on Ctrl-C",
        );
      }
      await this.#receive(options.idleMs, options.signal);
    }
  }

  /**
   * Everything up to `mark`, however much it is, of which only the beginning and the end are kept.
   *
   * @throws {UotaError} `timed_out`
   */
  async untilAbridged(
    mark: number,
    options: WaitOptions & { readonly keepBytes: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    const half = Math.ceil(options.keepBytes / 2);
    const head = new Uint8Array(half);
    let headBytes = 0;
    let tail: Uint8Array<ArrayBuffer> = new Uint8Array();
    let total = 0;
    while (true) {
      const there = this.#bytes.subarray(this.#start, this.#end);
      const at = there.indexOf(mark);
      const part = at < 0 ? there : there.subarray(0, at);
      const toHead = Math.min(half - headBytes, part.byteLength);
      head.set(part.subarray(0, toHead), headBytes);
      headBytes += toHead;
      total += part.byteLength;
      tail = lastOf(tail, part.subarray(toHead), half);
      this.#start += part.byteLength + (at < 0 ? 0 : 1);
      if (at >= 0) break;
      await this.#receive(options.idleMs, options.signal);
    }
    const leftOut = total - headBytes - tail.byteLength;
    const note = leftOut > 0 ? `\r\n(${leftOut} bytes left out)\r\n` : "";
    return concatenate([head.subarray(0, headBytes), new TextEncoder().encode(note), tail]);
  }

  /**
   * Waits for `mark` and takes everything up to it; `null` waits for nothing but the time.
   *
   * @returns whether it came in time
   */
  async tryUntil(mark: Uint8Array | null, options: WaitOptions): Promise<boolean> {
    const { signal, idleMs, totalMs = Infinity } = options;
    const end = performance.now() + totalMs;
    while (true) {
      const at = mark ? indexOf(this.#bytes.subarray(this.#start, this.#end), mark, 0) : -1;
      if (mark && at >= 0) {
        this.#start += at + mark.byteLength;
        return true;
      }
      // Keep only what could be the mark's beginning, so that a flood does not pile up.
      this.#start = Math.max(this.#start, this.#end - (mark?.byteLength ?? 0));
      const left = Math.min(idleMs, end - performance.now());
      if (left <= 0 || !await this.waitForMore(left, signal)) return false;
    }
  }

  /**
   * Takes in what comes, until nothing has come for `quietMs` or `totalMs` are over.
   *
   * @returns the last of it, at most `keepBytes`
   */
  async settle(options: {
    readonly signal: AbortSignal;
    readonly quietMs: number;
    readonly totalMs: number;
    readonly keepBytes: number;
  }): Promise<Uint8Array<ArrayBuffer>> {
    const end = performance.now() + options.totalMs;
    let kept: Uint8Array<ArrayBuffer> = new Uint8Array();
    while (true) {
      kept = lastOf(kept, this.takeAll(), options.keepBytes);
      const left = Math.min(options.quietMs, end - performance.now());
      if (left <= 0 || !await this.waitForMore(left, options.signal)) return kept;
    }
  }

  /** Waits for more; tells whether any came within `ms`. */
  async waitForMore(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#receive(ms, signal);
      return true;
    } catch (error) {
      if (error instanceof UotaError && error.code === "timed_out") return false;
      throw error;
    }
  }

  async #receive(idleMs: number, signal: AbortSignal): Promise<void> {
    const there = this.#port.readAvailable();
    if (there.byteLength > 0) return this.push(there);
    const onTimeout = () =>
      new UotaError(
        "timed_out",
        `The board on ${this.#port.path} said nothing for ${idleMs / 1000} s; ` +
          "check the cable, or reset the board",
      );
    this.push(
      await withTimeout(
        signal,
        { ms: idleMs, onTimeout },
        (bounded) => this.#port.read({ signal: bounded }),
      ),
    );
  }
}

/** The last `length` bytes of the two together. */
function lastOf(
  before: Uint8Array<ArrayBuffer>,
  more: Uint8Array,
  length: number,
): Uint8Array<ArrayBuffer> {
  const fresh = more.subarray(Math.max(0, more.byteLength - length));
  return concatenate([
    before.subarray(Math.max(0, before.byteLength + fresh.byteLength - length)),
    fresh,
  ]);
}

function indexOf(bytes: Uint8Array, mark: Uint8Array, from: number): number {
  const first = mark[0] ?? 0;
  for (let at = bytes.indexOf(first, from); at >= 0; at = bytes.indexOf(first, at + 1)) {
    if (at + mark.byteLength > bytes.byteLength) return -1;
    if (mark.every((byte, index) => bytes[at + index] === byte)) return at;
  }
  return -1;
}
