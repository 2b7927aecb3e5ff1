/**
 * The least client of a board: bytes on a tty, and waiting for bytes. Tests of the boards use it,
 * so that they judge by something other than the product's own serial code, and the micro:bit's
 * files are written with it.
 *
 * INVARIANTS
 * - It waits for what it was told to wait for, by `poll`, under one deadline; it never sleeps.
 */

import {
  closeFdNow,
  ioctlBufferNow,
  ioctlValue,
  LibcError,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  openPathNow,
  pollFds,
  POLLIN,
  POLLOUT,
  readFd,
  TCSETS2,
  TIOCEXCL,
  writeFd,
} from "../../serial/libc.ts";
import { encodeRawTermios } from "../../serial/termios.ts";

/** What a script printed, and its traceback. */
export interface ProbeResult {
  readonly stdout: string;
  readonly stderr: string;
}

const DEFAULT_TIMEOUT_MS = 10_000;

/** Each byte becomes one character; what browsers call latin1 is Windows-1252, so by hand. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Each character is one byte. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

export class Probe implements Disposable {
  readonly #fd: number;
  readonly #buffer = new Uint8Array(4096);
  #received = "";

  /** @throws {LibcError} when the port cannot be opened */
  constructor(port: string) {
    this.#fd = openPathNow(port, O_RDWR | O_NOCTTY | O_NONBLOCK);
    ioctlBufferNow(this.#fd, TCSETS2, encodeRawTermios(115200));
  }

  [Symbol.dispose](): void {
    closeFdNow(this.#fd);
  }

  /** Keeps others from opening the port, as a client may do. */
  exclude(): void {
    ioctlValue(this.#fd, TIOCEXCL);
  }

  /** What was received and not yet waited for; one character a byte. */
  get pending(): string {
    return this.#received;
  }

  /** Sends text, one byte a character. */
  async send(text: string): Promise<void> {
    let rest = bytesOf(text);
    while (rest.length > 0) {
      const count = writeFd(this.#fd, rest);
      if (count === null) await pollFds([{ fd: this.#fd, events: POLLOUT }], 1000);
      else rest = rest.subarray(count);
    }
  }

  /**
   * Receives up to and including `end` and returns it.
   *
   * @throws {Error} with what came instead, when the time is over or the port has gone
   */
  async until(end: string, timeoutMs = DEFAULT_TIMEOUT_MS): Promise<string> {
    const deadline = performance.now() + timeoutMs;
    for (;;) {
      const at = this.#received.indexOf(end);
      if (at >= 0) {
        const taken = this.#received.slice(0, at + end.length);
        this.#received = this.#received.slice(at + end.length);
        return taken;
      }
      const leftMs = Math.ceil(deadline - performance.now());
      if (leftMs <= 0 || !await this.#receive(leftMs)) {
        throw new Error(
          `Expected ${JSON.stringify(end)}, received ${JSON.stringify(this.#received)}`,
        );
      }
    }
  }

  /** Waits until the port goes away. */
  async untilGone(timeoutMs = DEFAULT_TIMEOUT_MS): Promise<void> {
    const deadline = performance.now() + timeoutMs;
    while (await this.#receive(Math.max(0, deadline - performance.now()))) {
      if (performance.now() > deadline) throw new Error("The port has not gone away");
    }
  }

  /** @returns whether the port is still there */
  async #receive(timeoutMs: number): Promise<boolean> {
    await pollFds([{ fd: this.#fd, events: POLLIN }], Math.ceil(timeoutMs));
    try {
      const count = readFd(this.#fd, this.#buffer);
      if (count === 0) return false;
      if (count !== null) this.#received += latin1(this.#buffer.subarray(0, count));
      return true;
    } catch (error) {
      if (error instanceof LibcError && error.errnoName === "EIO") return false;
      throw error;
    }
  }

  /** Interrupts whatever runs and enters the raw REPL. */
  async enterRaw(): Promise<void> {
    await this.send("\r\x03\x02");
    await this.until(">>> ");
    await this.send("\x01");
    await this.until("raw REPL; CTRL-B to exit\r\n>");
    this.#received = "";
  }

  /** Runs a script in the plain raw REPL, which must have been entered. */
  async run(source: string, timeoutMs?: number): Promise<ProbeResult> {
    await this.send(`${source}\x04`);
    await this.until("OK", timeoutMs);
    const stdout = (await this.until("\x04", timeoutMs)).slice(0, -1);
    const stderr = (await this.until("\x04", timeoutMs)).slice(0, -1);
    await this.until(">", timeoutMs);
    return { stdout, stderr };
  }

  /** As {@linkcode run}; returns what was printed. @throws {Error} the board's traceback */
  async print(source: string, timeoutMs?: number): Promise<string> {
    const { stdout, stderr } = await this.run(source, timeoutMs);
    if (stderr !== "") throw new Error(stderr);
    return stdout.trimEnd();
  }
}
