/**
 * How source gets to a raw REPL and its output back: raw-paste with its window, or plainly with old
 * firmware. The protocol is that of MicroPython's shared/runtime/pyexec.c.
 *
 * INVARIANTS
 * - Never more is sent than the board has opened windows for.
 * - Nothing is sent while the board works on a script: a UART board loses bytes that arrive while it
 *   writes flash (micropython#8386), so the next bytes wait for the reply.
 */
import { UotaError } from "../errors/mod.ts";
import { pause } from "./deadline.ts";
import type { Inbox } from "./inbox.ts";
import type { Transfer } from "./literal.ts";
import type { SerialPort } from "./tty.ts";

/** What a script printed. Bytes: a reply may be cut anywhere, also within a character. */
export interface Execution {
  readonly stdout: Uint8Array<ArrayBuffer>;
  /** The traceback, empty when the script ended well; a long one without its middle. */
  readonly stderr: Uint8Array<ArrayBuffer>;
}

/** A bound on the board's silence, and what ends the waiting before. */
export interface Waiting {
  readonly signal: AbortSignal;
  readonly idleMs: number;
}

const CTRL_A = 0x01;
const CTRL_D = 0x04;
const CTRL_E = 0x05;
/** A loop and some output: between them every port looks whether it was interrupted. */
const INTERRUPTIBLE = ascii("for i in(0,1):print(i)");
const END_OF_OUTPUT = Uint8Array.of(CTRL_D);
/**
 * Plain raw mode has no flow control, and old firmware buffers 64 bytes: this much at a time with a
 * rest after it is 10 KB/s, about what 115200 baud carries. Bursts of 64 and more lost bytes on the
 * BBC micro:bit's firmware.
 */
const UNPACED_BYTES = 32;
const PACE_MS = 3;
/** How long after the last byte an old firmware may take to say OK; it says so before it compiles. */
const OK_MS = 2000;
const PLAIN_ATTEMPTS = 3;
/** A traceback of calls that call each other without end, or with a text in it, can be any length. */
const TRACEBACK_BYTES = 8 * 1024;
/** What scripts print that nobody asks for an answer. */
const LITTLE_OUTPUT_BYTES = 64 * 1024;

/** What a sender works with. */
export interface SenderOptions {
  readonly port: SerialPort;
  readonly inbox: Inbox;
  /** Brings the board back to the raw REPL's prompt. */
  readonly reenter: (signal: AbortSignal) => Promise<void>;
}

/** The way of source to one board. */
export class SourceSender {
  readonly #port: SerialPort;
  readonly #inbox: Inbox;
  readonly #reenter: (signal: AbortSignal) => Promise<void>;
  /** Null while nobody knows. */
  #rawPaste: boolean | null = null;
  /** Whether a Ctrl-C may still wait in an old firmware. */
  #interruptMayWait = false;

  constructor({ port, inbox, reenter }: SenderOptions) {
    this.#port = port;
    this.#inbox = inbox;
    this.#reenter = reenter;
  }

  /** How source gets to this board; known after the first {@linkcode SourceSender.send}. */
  get transfer(): Transfer {
    return this.#rawPaste === true ? "raw_paste" : "raw";
  }

  /** A Ctrl-C goes to the board. */
  interrupting(): void {
    this.#interruptMayWait = true;
  }

  /**
   * Sends a script, whichever way this board takes it; it begins to run.
   *
   * @throws {UotaError} `timed_out`, `protocol`, `port_lost`
   */
  async send(source: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    if (this.#rawPaste !== false && await this.#beginRawPaste(waiting)) {
      await this.#rawPasteSource(source, waiting);
      return;
    }
    await this.#plainSourceReliably(source, waiting);
  }

  /**
   * A Ctrl-C that came while the program was already ending waits in an old firmware for the next
   * code that runs; those with raw-paste drop it (`parse_compile_execute` in shared/runtime/pyexec.c).
   * So a script that nobody needs goes first, and takes it.
   */
  async #takeInterrupt(waiting: Waiting): Promise<void> {
    await this.#plainSource(INTERRUPTIBLE, waiting);
    await this.reply(waiting, { maxOutputBytes: LITTLE_OUTPUT_BYTES });
    this.#interruptMayWait = false;
  }

  /** Waits for the end of the script that was sent last. @throws {UotaError} `protocol` for more */
  async reply(
    waiting: Waiting,
    { maxOutputBytes }: { readonly maxOutputBytes: number },
  ): Promise<Execution> {
    const stdout = await this.#inbox.until(END_OF_OUTPUT, { ...waiting, maxBytes: maxOutputBytes });
    const abridged = { ...waiting, keepBytes: TRACEBACK_BYTES };
    const stderr = await this.#inbox.untilAbridged(CTRL_D, abridged);
    await this.#expect(ascii(">"), waiting);
    return { stdout: stdout.slice(0, -1), stderr };
  }

  /** `05 41 01`; the answers are listed in MicroPython's docs/reference/repl.rst, "Raw-paste mode". */
  async #beginRawPaste(waiting: Waiting): Promise<boolean> {
    await this.#write(Uint8Array.of(CTRL_E, 0x41, CTRL_A), waiting.signal);
    const answer = await this.#inbox.exactly(2, waiting);
    const [first, second] = answer;
    if (first === 0x52 && second === 0x01) {
      this.#rawPaste = true;
      return true;
    }
    // A board that could do it before can still do it; then the line has damaged the question.
    if (this.#rawPaste === true) throw this.#outOfStep("raw-paste's handshake", answer);
    this.#rawPaste = false;
    if (first === 0x52 && second === 0x00) return false;
    if (first === 0x72 && second === 0x61) {
      // "ra…": a firmware from before 1.14 took the 01 for a fresh start; drain its banner.
      await this.#inbox.until(ascii(">"), { ...waiting, maxBytes: 64 });
      return false;
    }
    this.#rawPaste = null;
    throw this.#outOfStep("raw-paste's handshake", answer);
  }

  async #rawPasteSource(source: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    const header = await this.#inbox.exactly(2, waiting);
    const windowBytes = (header[0] ?? 0) | ((header[1] ?? 0) << 8);
    if (windowBytes === 0) throw this.#outOfStep("raw-paste's window size", header);
    // The closing 04 takes a place in the board's buffer like any other byte.
    const bytes = new Uint8Array(source.byteLength + 1);
    bytes.set(source);
    bytes[source.byteLength] = CTRL_D;
    let sent = 0;
    let allowed = windowBytes;
    while (true) {
      // Two windows may be open, but an ESP8266 can buffer one byte less than that.
      const room = Math.min(allowed - 1, bytes.byteLength) - sent;
      const arrived = room > 0 ? this.#inbox.tryByte() : await this.#inbox.byte(waiting);
      if (arrived === null) {
        await this.#write(bytes.subarray(sent, sent + room), waiting.signal);
        sent += room;
      } else if (arrived === CTRL_A) {
        allowed += windowBytes;
      } else if (arrived === CTRL_D) {
        if (sent === bytes.byteLength) return;
        // The board has seen enough, a syntax error mostly; it waits for our 04 and then says why.
        await this.#write(END_OF_OUTPUT, waiting.signal);
        return;
      } else {
        const where = sent < bytes.byteLength ? "flow control" : "acknowledgement";
        throw this.#outOfStep(`raw-paste's ${where}`, Uint8Array.of(arrived));
      }
    }
  }

  async #plainSource(source: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    for (let at = 0; at < source.byteLength; at += UNPACED_BYTES) {
      if (at > 0) await pause(PACE_MS, waiting.signal);
      await this.#write(source.subarray(at, at + UNPACED_BYTES), waiting.signal);
    }
    await this.#write(END_OF_OUTPUT, waiting.signal);
    await this.#expect(ascii("OK"), { ...waiting, idleMs: Math.min(OK_MS, waiting.idleMs) });
  }

  /** A script that never got its OK never ran, since only the closing 04 starts it: send it again. */
  async #plainSourceReliably(source: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    for (let attempt = 1;; attempt++) {
      try {
        if (this.#interruptMayWait) await this.#takeInterrupt(waiting);
        return await this.#plainSource(source, waiting);
      } catch (error) {
        const lost = error instanceof UotaError && error.code === "timed_out";
        if (!lost || attempt === PLAIN_ATTEMPTS || waiting.signal.aborted) throw error;
        await this.#reenter(waiting.signal);
      }
    }
  }

  async #expect(what: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    const got = await this.#inbox.exactly(what.byteLength, waiting);
    if (got.some((byte, index) => byte !== what[index])) {
      throw this.#outOfStep(`"${new TextDecoder().decode(what)}"`, got);
    }
  }

  async #write(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    await this.#port.write(bytes, { signal, whileFull: (arrived) => this.#inbox.push(arrived) });
  }

  #outOfStep(where: string, got: Uint8Array): UotaError {
    const context = [...got, ...this.#inbox.tail(32)].map((byte) =>
      byte.toString(16).padStart(2, "0")
    );
    return new UotaError(
      "protocol",
      `The board on ${this.#port.path} answered out of step at ${where} (bytes ${
        context.join(" ")
      }); ` +
        "the line may lose bytes: check the cable and the baud rate",
    );
  }
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
