/**
 * MicroPython's raw REPL over a {@linkcode SerialPort}: getting in from whatever the board is doing,
 * running source, soft reset. The protocol is that of MicroPython's shared/runtime/pyexec.c.
 *
 * INVARIANTS
 * - Ctrl-A is only ever sent to a REPL that has proved to be one: sent into a running program it left boards on which
 *   Ctrl-C was dead afterwards (micropython#7867).
 * - Nothing is sent while the board works on a script: a UART board loses bytes that arrive while it
 *   writes flash (micropython#8386), so the next bytes wait for the reply.
 * - Two bounds on every wait, with their own meaning: `idleMs` for a board that has fallen silent,
 *   and a total one for a board that never stops talking.
 */
import { UotaError } from "../errors/mod.ts";
import { pause, withTimeout } from "./deadline.ts";
import { Inbox } from "./inbox.ts";
import type { Transfer } from "./literal.ts";
import type { SerialPort } from "./tty.ts";

/** What a script printed. Bytes: a reply may be cut anywhere, also within a character. */
export interface Execution {
  readonly stdout: Uint8Array<ArrayBuffer>;
  /** The traceback, empty when the script ended well. */
  readonly stderr: Uint8Array<ArrayBuffer>;
}

export interface ExecuteOptions {
  readonly signal: AbortSignal;
  /** How long the board may say nothing. @default 10000 */
  readonly idleMs?: number;
  /** How long the script may run altogether. @default 120000 */
  readonly totalMs?: number;
}

export interface EnterOptions {
  readonly signal: AbortSignal;
  /** For getting in altogether. @default 12000 */
  readonly timeoutMs?: number;
}

const CTRL_A = 0x01;
const CTRL_B = 0x02;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const CTRL_E = 0x05;
const RAW_BANNER = ascii("raw REPL; CTRL-B to exit\r\n>");
const FRIENDLY_PROMPT = ascii(">>> ");
/** A loop and some output: between them every port looks whether it was interrupted. */
const INTERRUPTIBLE = ascii("for i in(0,1):print(i)");
const END_OF_OUTPUT = Uint8Array.of(CTRL_D);
/** When nothing comes for this long after a Ctrl-C, whatever it caused has been said. */
const QUIET_MS = 40;
/** How long to wait for what a control character causes; grows from round to round. */
const FIRST_ROUND_MS = 100;
const LONGEST_ROUND_MS = 1500;
/** More than any banner. */
const BANNER_BYTES = 400;
const BANNER_MS = 1000;
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
/** While it takes in a script, a board has nothing to do that could keep it longer. */
const TRANSFER_IDLE_MS = 3000;
const WATCHED_CHARACTERS = 32 * 1024;
/** What stays the last word for this long is the last word. */
const SETTLED_MS = 150;
const MAX_OUTPUT_BYTES = 16 * 1024 * 1024;

/** The raw REPL of one board. Made by {@linkcode RawRepl.enter}. */
export class RawRepl {
  readonly #port: SerialPort;
  readonly #inbox: Inbox;
  #rawPaste: boolean | null = null;
  /** Whether a Ctrl-C may still wait in an old firmware. */
  #interruptMayWait = false;

  private constructor(port: SerialPort) {
    this.#port = port;
    this.#inbox = new Inbox(port);
  }

  /**
   * Brings the board to the raw REPL's prompt, whatever it is doing: a running program, a prompt
   * with half a line, paste mode, a raw REPL that somebody left open in the middle of a paste.
   *
   * @throws {UotaError} `no_response` when the board does not get there in time
   */
  static async enter(port: SerialPort, options: EnterOptions): Promise<RawRepl> {
    const repl = new RawRepl(port);
    await repl.reenter(options);
    return repl;
  }

  /** How source gets to this board; known after the first {@linkcode RawRepl.execute}. */
  get transfer(): Transfer {
    return this.#rawPaste === true ? "raw_paste" : "raw";
  }

  /** As {@linkcode RawRepl.enter}, for a board that got out of step. */
  async reenter(options: EnterOptions): Promise<void> {
    const { signal, timeoutMs = 12_000 } = options;
    const before = this.#inbox.received;
    const onTimeout = () =>
      new UotaError(
        "no_response",
        this.#inbox.received === before
          ? `No answer on ${this.#port.path} within ${
            timeoutMs / 1000
          } s: nothing at all came from it. ` +
            "Check that a MicroPython board hangs there; if its program sleeps or blocks USB, reset or power-cycle it"
          : `No prompt on ${this.#port.path} within ${timeoutMs / 1000} s, though ${
            this.#inbox.received - before
          } bytes came from it. ` +
            "Its program does not stop on Ctrl-C; reset or power-cycle the board, and let its program pass KeyboardInterrupt on",
      );
    await withTimeout(signal, { ms: timeoutMs, onTimeout }, async (bounded) => {
      for (let roundMs = FIRST_ROUND_MS;; roundMs = Math.min(roundMs * 2, LONGEST_ROUND_MS)) {
        this.#inbox.clear();
        this.#interruptMayWait = true;
        await this.#send(Uint8Array.of(CTRL_C, CTRL_C), bounded);
        await this.#inbox.settle({ signal: bounded, quietMs: QUIET_MS, totalMs: roundMs });
        // A raw REPL takes a Ctrl-C without a word, and a program may print what looks like a prompt.
        // Only a friendly REPL answers Ctrl-B with its banner, so the banner is what proves it.
        this.#inbox.clear();
        await this.#send(Uint8Array.of(CTRL_B), bounded);
        if (!await this.#awaitBanner(roundMs, bounded)) continue;
        this.#inbox.clear();
        await this.#send(Uint8Array.of(CTRL_A), bounded);
        const banner = { signal: bounded, idleMs: BANNER_MS, totalMs: BANNER_MS };
        if (await this.#inbox.tryUntil(RAW_BANNER, banner)) return;
      }
    });
  }

  /**
   * Runs `source` and waits for its end.
   *
   * @throws {UotaError} `timed_out` when a bound passes, `protocol` when the board answers out of
   *   step (then {@linkcode RawRepl.reenter} is the way back), `port_lost`
   */
  async execute(source: Uint8Array<ArrayBuffer>, options: ExecuteOptions): Promise<Execution> {
    const { signal, idleMs = 10_000, totalMs = 120_000 } = options;
    const onTimeout = () =>
      new UotaError(
        "timed_out",
        `A script on ${this.#port.path} did not end within ${totalMs / 1000} s`,
      );
    return await withTimeout(signal, { ms: totalMs, onTimeout }, async (bounded) => {
      const waiting = { signal: bounded, idleMs };
      await this.#transfer(source, { signal: bounded, idleMs: Math.min(idleMs, TRANSFER_IDLE_MS) });
      return await this.#reply(waiting);
    });
  }

  /** Sends a script without waiting for its end: for one that resets the board. */
  async launch(source: Uint8Array<ArrayBuffer>, options: ExecuteOptions): Promise<void> {
    await this.#transfer(source, { signal: options.signal, idleMs: options.idleMs ?? 10_000 });
  }

  /**
   * Soft reset within the raw REPL: a fresh heap, no timers or threads of the old program; boot.py
   * runs, main.py does not (ports/<port>/main.c runs it in friendly mode only).
   *
   * @throws {UotaError} `no_response` when the board does not come back
   */
  async softReset(options: EnterOptions): Promise<void> {
    const { signal, timeoutMs = 12_000 } = options;
    this.#inbox.clear();
    await this.#send(Uint8Array.of(CTRL_D), signal);
    // A boot.py that takes its time (waits for a network, say) is interrupted as a program would be.
    const came = await this.#inbox.tryUntil(RAW_BANNER, { signal, idleMs: 2000, totalMs: 5000 });
    if (!came) await this.reenter({ signal, timeoutMs });
  }

  /** Back to the friendly prompt, and nothing else. */
  async leave(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#inbox.clear();
    await this.#send(Uint8Array.of(CTRL_B), options.signal);
    await this.#inbox.tryUntil(FRIENDLY_PROMPT, { signal: options.signal, idleMs: BANNER_MS });
  }

  /** Back to the friendly REPL, then a soft reset there: boot.py and main.py run. */
  async restartProgram(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.leave(options);
    await this.#send(Uint8Array.of(CTRL_D), options.signal);
    // Seeing it begin is proof that the byte did not get lost with the closing port.
    await this.#inbox.tryUntil(ascii("soft reboot"), {
      signal: options.signal,
      idleMs: BANNER_MS,
    });
  }

  /**
   * Starts the program again as {@linkcode RawRepl.restartProgram} does, and listens to it.
   *
   * @returns what the board said from its start on, the last 32 KB of it
   */
  async watchProgram(options: WatchOptions): Promise<string> {
    const { signal, ms, isDecided } = options;
    await this.restartProgram({ signal });
    const until = performance.now() + ms;
    let output = "";
    const decoder = new TextDecoder();
    while (true) {
      output = (output + decoder.decode(this.#inbox.takeAll(), { stream: true }))
        .slice(-WATCHED_CHARACTERS);
      const left = until - performance.now();
      if (left <= 0) return output;
      const decided = isDecided(output);
      const more = await this.#inbox.waitForMore(
        decided ? Math.min(SETTLED_MS, left) : left,
        signal,
      );
      if (decided && !more) return output;
    }
  }

  /** Reads until the port goes away or `ms` have passed; tells which. */
  async awaitHangUp(ms: number, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#inbox.tryUntil(null, { signal, idleMs: ms, totalMs: ms });
      return false;
    } catch (error) {
      if (error instanceof UotaError && error.code === "port_lost") return true;
      throw error;
    }
  }

  async #transfer(source: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
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
    await this.#reply(waiting);
    this.#interruptMayWait = false;
  }

  async #reply(waiting: Waiting): Promise<Execution> {
    const limit = { ...waiting, maxBytes: MAX_OUTPUT_BYTES };
    const stdout = await this.#inbox.until(END_OF_OUTPUT, limit);
    const stderr = await this.#inbox.until(END_OF_OUTPUT, limit);
    await this.#expect(ascii(">"), waiting);
    return { stdout: stdout.slice(0, -1), stderr: stderr.slice(0, -1) };
  }

  /** `05 41 01`; the answers are listed in MicroPython's docs/reference/repl.rst, "Raw-paste mode". */
  async #beginRawPaste(waiting: Waiting): Promise<boolean> {
    await this.#send(Uint8Array.of(CTRL_E, 0x41, CTRL_A), waiting.signal);
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
        await this.#send(bytes.subarray(sent, sent + room), waiting.signal);
        sent += room;
      } else if (arrived === CTRL_A) {
        allowed += windowBytes;
      } else if (arrived === CTRL_D) {
        if (sent === bytes.byteLength) return;
        // The board has seen enough, a syntax error mostly; it waits for our 04 and then says why.
        await this.#send(END_OF_OUTPUT, waiting.signal);
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
      await this.#send(source.subarray(at, at + UNPACED_BYTES), waiting.signal);
    }
    await this.#send(END_OF_OUTPUT, waiting.signal);
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
        await this.reenter({ signal: waiting.signal });
      }
    }
  }

  async #expect(what: Uint8Array<ArrayBuffer>, waiting: Waiting): Promise<void> {
    const got = await this.#inbox.exactly(what.byteLength, waiting);
    if (got.some((byte, index) => byte !== what[index])) {
      throw this.#outOfStep(`"${new TextDecoder().decode(what)}"`, got);
    }
  }

  async #send(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    await this.#port.write(bytes, { signal, whileFull: (arrived) => this.#inbox.push(arrived) });
  }

  /** Waits for the friendly REPL's banner and prompt; tells whether they came within `ms`. */
  async #awaitBanner(ms: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + ms;
    while (!isBanner(this.#inbox.tail(BANNER_BYTES))) {
      const left = until - performance.now();
      if (left <= 0 || !await this.#inbox.waitForMore(left, signal)) return false;
    }
    return true;
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

/** How {@linkcode RawRepl.watchProgram} listens. */
export interface WatchOptions {
  /** Ends the listening. */
  readonly signal: AbortSignal;
  /** How long to listen, in milliseconds. */
  readonly ms: number;
  /** Whether the output so far, with nothing after it for a moment, tells enough. */
  readonly isDecided: (output: string) => boolean;
}

interface Waiting {
  readonly signal: AbortSignal;
  readonly idleMs: number;
}

/**
 * Two lines at most (shared/runtime/pyexec.c, `friendly_repl_reset`), then the prompt. A timer of
 * the program that was interrupted may print behind it.
 */
function isBanner(tail: Uint8Array): boolean {
  return /\r\n[^\r\n]*Python[^\r\n]*\r\n([^\r\n]+\r\n)?>>> /i.test(String.fromCharCode(...tail));
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
