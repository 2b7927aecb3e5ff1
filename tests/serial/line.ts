/**
 * The device's end of a serial line, for tests that script what a device says: a pty whose other
 * side the product opens. Where a board is wanted, `tests/boards/` has real ones.
 *
 * INVARIANTS
 * - Every wait has a bound and says what came instead.
 */
import { withTimeout } from "../../serial/deadline.ts";
import {
  closeFdNow,
  LibcError,
  openPseudoTerminal,
  POLLIN,
  POLLOUT,
  readFd,
  writeFd,
} from "../../serial/libc.ts";
import { Reactor } from "../../serial/reactor.ts";

const DEFAULT_TIMEOUT_MS = 10_000;

/** One character a byte. */
export function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** One byte a character. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A pty, seen from the device. */
export class Line implements AsyncDisposable {
  /** What the host opens. */
  readonly path: string;
  readonly masterFd: number;
  readonly #reactor = new Reactor();
  readonly #closing = new AbortController();
  readonly #buffer = new Uint8Array(4096);
  #received = "";
  #open = true;

  constructor() {
    const { masterFd, path } = openPseudoTerminal();
    this.masterFd = masterFd;
    this.path = path;
  }

  /** What the host sent and nobody has waited for; takes it. */
  takeReceived(): string {
    this.#receive();
    const taken = this.#received;
    this.#received = "";
    return taken;
  }

  /** Waits for anything from the host and takes it. The host must have opened the line. */
  async some(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    await this.#wait(() => this.#received.length > 0, "anything", timeoutMs);
    return this.takeReceived();
  }

  /** Waits for a byte from the host; leaves it there, or takes it. */
  async byte(options: { readonly take: boolean }): Promise<string> {
    await this.#wait(() => this.#received.length > 0, "a byte", DEFAULT_TIMEOUT_MS);
    const byte = this.#received.slice(0, 1);
    if (options.take) this.#received = this.#received.slice(1);
    return byte;
  }

  /** Waits for `end` from the host and takes everything up to it. */
  async until(end: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    await this.#wait(() => this.#received.includes(end), JSON.stringify(end), timeoutMs);
    const at = this.#received.indexOf(end) + end.length;
    const taken = this.#received.slice(0, at);
    this.#received = this.#received.slice(at);
    return taken;
  }

  /** Writes to the host, one byte a character. */
  async write(text: string): Promise<void> {
    let rest = bytesOf(text);
    while (rest.length > 0) {
      const count = writeFd(this.masterFd, rest);
      if (count === null) {
        await this.#reactor.ready(this.masterFd, POLLOUT, { signal: this.#closing.signal });
      } else rest = rest.subarray(count);
    }
  }

  /** The cable is pulled. */
  hangUp(): void {
    if (!this.#open) return;
    this.#open = false;
    this.#closing.abort(new Error("The line was hung up"));
    closeFdNow(this.masterFd);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort(new Error("The line was closed"));
    await this.#reactor.forget(this.masterFd, this.#closing.signal.reason);
    this.hangUp();
  }

  async #wait(holds: () => boolean, what: string, timeoutMs: number): Promise<void> {
    const onTimeout = () =>
      new Error(`The device waited for ${what}, received ${JSON.stringify(this.#received)}`);
    await withTimeout(this.#closing.signal, { ms: timeoutMs, onTimeout }, async (signal) => {
      for (this.#receive(); !holds(); this.#receive()) {
        await this.#reactor.ready(this.masterFd, POLLIN, { signal });
      }
    });
  }

  #receive(): void {
    for (;;) {
      try {
        const count = readFd(this.masterFd, this.#buffer);
        if (count === null || count === 0) return;
        this.#received += latin1(this.#buffer.subarray(0, count));
      } catch (error) {
        // EIO: no host has the line open.
        if (error instanceof LibcError && error.errnoName === "EIO") return;
        throw error;
      }
    }
  }
}
