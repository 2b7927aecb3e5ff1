/**
 * The interpreter's end of the serial line: reads the ring of received bytes and writes to the
 * pty. What a USB-CDC board does in `mp_hal_stdin_rx_chr` and `mp_hal_stdout_tx_strn`.
 *
 * INVARIANTS
 * - Reading waits without using the processor, and ends when the board is switched off.
 * - Writing never waits for ever: without a host it drops, and a host that stops reading costs
 *   500 ms once, after which output is dropped until it reads again (ports/rp2, `mphalport.c`).
 * - On a slow line writing takes the time that the bytes take.
 */

import { pollFdsBlocking, POLLOUT, writeFd } from "../../serial/libc.ts";
import type { ControlBlock } from "./control_block.ts";

/** Thrown through the interpreter to leave it for good: power off, or a hard reset. */
export class PowerOff extends Error {
  override readonly name = "PowerOff";
}

const TRANSMIT_TIMEOUT_MS = 500;
/** A slow line carries so many parts a second. */
const PARTS_A_SECOND = 50;
/** Raw-paste's flow control (shared/runtime/pyexec.c), to which a host that is sending need not listen. */
const ANOTHER_WINDOW = 0x01;

export class Console {
  readonly #control: ControlBlock;
  readonly #wakeFd: number;
  #hostStalled = false;
  /** Where output goes instead of the line, while the firmware's start is arranged. */
  divert: ((bytes: Uint8Array<ArrayBuffer>) => void) | null = null;

  /** Called when something is said to the host, other than that another window is open. */
  whenAnswering: () => void = () => {};

  /**
   * Called whenever waiting for a byte was disturbed; what it throws ends the wait. Answers after
   * how many milliseconds it wants to be called again.
   */
  whileWaiting: () => number = () => Infinity;

  /** What the line carries in a second; null for as much as it takes. */
  bytesPerSecond: () => number | null = () => null;

  constructor(control: ControlBlock, wakeFd: number) {
    this.#control = control;
    this.#wakeFd = wakeFd;
  }

  /** Whether a byte can be read at once. */
  get readable(): boolean {
    return this.#control.received > 0;
  }

  /**
   * Waits for something to read, for the bell, or for the time to pass.
   *
   * @throws {PowerOff} when the board was switched off
   */
  wait(timeoutMs: number): void {
    this.checkPower();
    const bell = this.#control.bell;
    if (this.readable || this.#control.stopped) return;
    this.#control.waitForBell(bell, timeoutMs);
    this.checkPower();
  }

  /** Waits until the bell rings, even where unread bytes lie; for delays. */
  sleep(bell: number, timeoutMs: number): void {
    this.#control.waitForBell(bell, timeoutMs);
    this.checkPower();
  }
  get bell(): number {
    return this.#control.bell;
  }

  /** @throws {PowerOff} */
  checkPower(): void {
    if (this.#control.stopped) throw new PowerOff();
  }

  /** Waits for a byte and takes it. */
  readByte(): number {
    while (!this.readable) {
      const bell = this.#control.bell;
      this.checkPower();
      const againMs = this.whileWaiting();
      if (!this.readable) this.#control.waitForBell(bell, againMs);
    }
    const byte = this.#control.shift();
    if (this.#control.ringFull) {
      this.#control.ringFull = false;
      writeFd(this.#wakeFd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
    }
    return byte;
  }

  /** Writes all of it, or drops what nobody takes. */
  write(bytes: Uint8Array<ArrayBuffer>): void {
    this.checkPower();
    if (this.divert !== null) return this.divert(bytes);
    if (bytes.length !== 1 || bytes[0] !== ANOTHER_WINDOW) this.whenAnswering();
    let rest = bytes;
    while (rest.length > 0 && this.#control.hostAttached) {
      const part = this.#part(rest);
      const count = this.#control.withMaster((fd) => {
        const written = writeFd(fd, part);
        if (written !== null) return written;
        if (this.#hostStalled) return 0;
        const [events] = pollFdsBlocking([{ fd, events: POLLOUT }], TRANSMIT_TIMEOUT_MS);
        return ((events ?? 0) & POLLOUT) !== 0 ? null : 0;
      }, 0);
      if (count === null) continue;
      this.#hostStalled = count === 0;
      if (count === 0) return;
      rest = rest.subarray(count);
    }
  }

  /** What goes out now: all, or, after its time on a slow line, the next part. */
  #part(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    const bytesPerSecond = this.bytesPerSecond();
    if (bytesPerSecond === null) return bytes;
    const part = bytes.subarray(0, Math.max(1, Math.floor(bytesPerSecond / PARTS_A_SECOND)));
    this.stayDeaf(part.length * 1000 / bytesPerSecond);
    return part;
  }

  /** Lets time pass, whatever comes, unless the power goes. */
  stayDeaf(ms: number): void {
    const endMs = performance.now() + ms;
    for (let leftMs = ms; leftMs > 0; leftMs = endMs - performance.now()) {
      this.sleep(this.bell, leftMs);
    }
  }
}
