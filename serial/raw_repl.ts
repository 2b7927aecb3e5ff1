/**
 * MicroPython's raw REPL over a {@linkcode SerialPort}: getting in from whatever the board is doing,
 * running source (`source_sender.ts` brings it there), soft reset. The protocol is that of
 * MicroPython's shared/runtime/pyexec.c.
 *
 * INVARIANTS
 * - Ctrl-A is only ever sent to a REPL that has proved to be one: sent into a running program it left boards on which
 *   Ctrl-C was dead afterwards (micropython#7867).
 * - Two bounds on every wait, with their own meaning: `idleMs` for a board that has fallen silent,
 *   and a total one for a board that never stops talking.
 */
import { UotaError } from "../errors/mod.ts";
import { type Banner, findBanner, hasEndedQuietly, hasInterruptedProgram } from "./banner.ts";
import { notMicroPython } from "./capabilities.ts";
import { withTimeout } from "./deadline.ts";
import { Inbox } from "./inbox.ts";
import type { Transfer } from "./literal.ts";
import { type Execution, SourceSender } from "./source_sender.ts";
import type { SerialPort } from "./tty.ts";

export interface ExecuteOptions {
  readonly signal: AbortSignal;
  /** How long the board may say nothing. @default 10000 */
  readonly idleMs?: number;
  /** How long the script may run altogether. @default 120000 */
  readonly totalMs?: number;
  /** How much it may print. @default 262144 */
  readonly maxOutputBytes?: number;
}

export interface EnterOptions {
  readonly signal: AbortSignal;
  /** For getting in altogether. @default 12000 */
  readonly timeoutMs?: number;
  /**
   * Whether the board may start anew at any moment, so that there is no time to lose: then Ctrl-C
   * comes again and again from the beginning. @default false
   */
  readonly eager?: boolean;
}

const CTRL_A = 0x01;
const CTRL_B = 0x02;
const CTRL_C = 0x03;
const CTRL_D = 0x04;
const RAW_BANNER = ascii("raw REPL; CTRL-B to exit\r\n>");
/** When nothing comes for this long after a Ctrl-C, whatever it caused has been said. */
const QUIET_MS = 40;
/** How long to wait for what a control character causes; grows from round to round. */
const FIRST_ROUND_MS = 100;
const LONGEST_ROUND_MS = 1500;
/** From this round on, Ctrl-C is sent again and again: a board that restarts takes it only now and then. */
const FIRST_SPRAYING_ROUND = 4;
const SPRAY_EVERY_MS = 5;
/** More than any banner, with a prompt of several lines behind it. */
const BANNER_BYTES = 2048;
/** Enough for a traceback of the program that was interrupted. */
const HEARD_BYTES = 8192;
const BANNER_MS = 1000;
/** While it takes in a script, a board has nothing to do that could keep it longer. */
const TRANSFER_IDLE_MS = 3000;
const MAX_OUTPUT_BYTES = 256 * 1024;
const LAUNCH_MS = 30_000;
const WATCHED_CHARACTERS = 32 * 1024;
/** What stays the last word for this long is the last word. */
const SETTLED_MS = 150;

/** The raw REPL of one board. Made by {@linkcode RawRepl.enter}. */
export class RawRepl {
  readonly #port: SerialPort;
  readonly #inbox: Inbox;
  readonly #sender: SourceSender;
  #found: Found = { program: false, quietEnd: false };

  private constructor(port: SerialPort) {
    this.#port = port;
    this.#inbox = new Inbox(port);
    this.#sender = new SourceSender({
      port,
      inbox: this.#inbox,
      reenter: (signal) => this.reenter({ signal }),
    });
  }

  /**
   * Brings the board to the raw REPL's prompt, whatever it is doing: a running program, a prompt
   * with half a line, paste mode, a raw REPL that somebody left open in the middle of a paste.
   *
   * @throws {UotaError} `no_response` when the board does not get there in time
   */
  static async enter(port: SerialPort, options: EnterOptions): Promise<RawRepl> {
    const repl = new RawRepl(port);
    repl.#found = await repl.#reach(options);
    return repl;
  }

  /** What was going on when the board was entered. */
  get found(): Found {
    return this.#found;
  }

  /** How source gets to this board; known after the first {@linkcode RawRepl.execute}. */
  get transfer(): Transfer {
    return this.#sender.transfer;
  }

  /** As {@linkcode RawRepl.enter}, for a board that got out of step. */
  async reenter(options: EnterOptions): Promise<void> {
    await this.#reach(options);
  }

  async #reach(
    { signal, timeoutMs = 12_000, eager = false }: EnterOptions,
  ): Promise<Found> {
    const before = this.#inbox.received;
    const onTimeout = () =>
      noPrompt(this.#port.path, { timeoutMs, received: this.#inbox.received - before });
    return await withTimeout(signal, { ms: timeoutMs, onTimeout }, async (bounded) => {
      let heard = "";
      let quietEnd: boolean | null = null;
      for (let round = 0;; round++) {
        const roundMs = Math.min(FIRST_ROUND_MS * 2 ** round, LONGEST_ROUND_MS);
        this.#inbox.clear();
        this.#sender.interrupting();
        await this.#send(Uint8Array.of(CTRL_C, CTRL_C), bounded);
        if (eager || round >= FIRST_SPRAYING_ROUND) await this.#spray(roundMs, bounded);
        const bounds = { quietMs: QUIET_MS, totalMs: roundMs, keepBytes: HEARD_BYTES };
        const said = await this.#inbox.settle({ signal: bounded, ...bounds });
        const more = this.#inbox.takeArrived().subarray(-HEARD_BYTES);
        heard = (heard + latin1(said) + latin1(more)).slice(-HEARD_BYTES);
        quietEnd ??= hasEndedQuietly(heard);
        // A raw REPL takes a Ctrl-C without a word, and a program may print what looks like a prompt.
        // Only a friendly REPL answers Ctrl-B with its banner, so the banner is what proves it.
        await this.#send(Uint8Array.of(CTRL_B), bounded);
        let banner = await this.#awaitBanner(roundMs, bounded);
        heard = (heard + latin1(this.#inbox.tail(HEARD_BYTES))).slice(-HEARD_BYTES);
        if (banner !== null && !banner.hasUsualPrompt) {
          // Another prompt proves nothing, so the banner has to come once more for the asking.
          this.#inbox.clear();
          await this.#send(Uint8Array.of(CTRL_B), bounded);
          banner = await this.#awaitBanner(roundMs, bounded);
        }
        if (banner === null) continue;
        if (/CircuitPython/i.test(banner.firmware)) {
          // It has the same REPL: a Ctrl-D starts its program again.
          await this.#send(Uint8Array.of(CTRL_D), bounded);
          throw notMicroPython("CircuitPython", this.#port.path);
        }
        this.#inbox.clear();
        await this.#send(Uint8Array.of(CTRL_A), bounded);
        const wait = { signal: bounded, idleMs: BANNER_MS, totalMs: BANNER_MS };
        if (!await this.#inbox.tryUntil(RAW_BANNER, wait)) continue;
        return { program: hasInterruptedProgram(heard), quietEnd };
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
    const { signal, idleMs = 10_000, totalMs = 120_000, maxOutputBytes = MAX_OUTPUT_BYTES } =
      options;
    const onTimeout = () =>
      new UotaError(
        "timed_out",
        `A script on ${this.#port.path} did not end within ${totalMs / 1000} s`,
      );
    return await withTimeout(signal, { ms: totalMs, onTimeout }, async (bounded) => {
      const waiting = { signal: bounded, idleMs };
      await this.#sender.send(source, {
        signal: bounded,
        idleMs: Math.min(idleMs, TRANSFER_IDLE_MS),
      });
      return await this.#sender.reply(waiting, { maxOutputBytes });
    });
  }

  /** Sends a script without waiting for its end: for one that resets the board. */
  async launch(source: Uint8Array<ArrayBuffer>, options: ExecuteOptions): Promise<void> {
    const { signal, idleMs = 10_000, totalMs = LAUNCH_MS } = options;
    const onTimeout = () =>
      new UotaError(
        "timed_out",
        `The board on ${this.#port.path} did not take a script within ${totalMs / 1000} s`,
      );
    await withTimeout(
      signal,
      { ms: totalMs, onTimeout },
      (bounded) => this.#sender.send(source, { signal: bounded, idleMs }),
    );
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

  /** Back to the friendly prompt, whichever it is, and nothing else. */
  async leave(options: { readonly signal: AbortSignal }): Promise<void> {
    this.#inbox.clear();
    await this.#send(Uint8Array.of(CTRL_B), options.signal);
    await this.#awaitBanner(BANNER_MS, options.signal);
    this.#inbox.clear();
  }

  /** Back to the friendly REPL, then a soft reset there: boot.py and main.py run. */
  async restartProgram(options: { readonly signal: AbortSignal }): Promise<void> {
    await this.leave(options);
    await this.#send(Uint8Array.of(CTRL_D), options.signal);
    // Seeing it begin is proof that the byte did not get lost with the closing port.
    await this.#inbox.tryUntil(ascii("soft reboot"), {
      signal: options.signal,
      idleMs: BANNER_MS,
      totalMs: 3 * BANNER_MS,
    });
  }

  /**
   * Starts the program again as {@linkcode RawRepl.restartProgram} does, and listens to it.
   *
   * @returns what the board said from its start on
   */
  async watchProgram(options: WatchOptions): Promise<Heard> {
    await this.restartProgram(options);
    return await this.listen(options);
  }

  /**
   * Listens to the program that runs, beginning with what it has said already and nobody has taken.
   */
  async listen(options: WatchOptions): Promise<Heard> {
    const { signal, ms, isDecided } = options;
    const until = performance.now() + ms;
    let output = "";
    const decoder = new TextDecoder();
    while (true) {
      output = (output + decoder.decode(this.#inbox.takeAll(), { stream: true }))
        .slice(-WATCHED_CHARACTERS);
      const left = until - performance.now();
      if (left <= 0) return { output, hungUp: false };
      const decision = isDecided(output);
      if (decision === "at_once") return { output, hungUp: false };
      const waitMs = decision === "when_quiet" ? Math.min(SETTLED_MS, left) : left;
      let more: boolean;
      try {
        more = await this.#inbox.waitForMore(waitMs, signal);
      } catch (error) {
        if (error instanceof UotaError && error.code === "port_lost") {
          return { output, hungUp: true };
        }
        throw error;
      }
      if (decision === "when_quiet" && !more) return { output, hungUp: false };
    }
  }

  /**
   * Waits until the port goes away or `ms` have passed; tells which. What the board says meanwhile is
   * kept for {@linkcode RawRepl.listen}.
   */
  async awaitHangUp(ms: number, signal: AbortSignal): Promise<boolean> {
    const until = performance.now() + ms;
    try {
      for (let left = ms; left > 0; left = until - performance.now()) {
        this.#inbox.keepLast(WATCHED_CHARACTERS);
        await this.#inbox.waitForMore(left, signal);
      }
      return false;
    } catch (error) {
      if (error instanceof UotaError && error.code === "port_lost") return true;
      throw error;
    }
  }

  /** Ctrl-C again and again, until something comes or `ms` have passed. */
  async #spray(ms: number, signal: AbortSignal): Promise<void> {
    const until = performance.now() + ms;
    while (performance.now() < until && !await this.#inbox.waitForMore(SPRAY_EVERY_MS, signal)) {
      await this.#send(Uint8Array.of(CTRL_C), signal);
    }
  }

  async #send(bytes: Uint8Array<ArrayBuffer>, signal: AbortSignal): Promise<void> {
    await this.#port.write(bytes, { signal, whileFull: (arrived) => this.#inbox.push(arrived) });
  }

  /** Waits for the friendly REPL's banner, within `ms`. */
  async #awaitBanner(ms: number, signal: AbortSignal): Promise<Banner | null> {
    const until = performance.now() + ms;
    while (true) {
      const banner = findBanner(this.#inbox.tail(BANNER_BYTES));
      if (banner?.hasUsualPrompt) return banner;
      const left = until - performance.now();
      if (left <= 0) return null;
      // Its own prompt may be under way; behind another one there has to be silence.
      const more = await this.#inbox.waitForMore(banner ? Math.min(QUIET_MS, left) : left, signal);
      if (!more) return banner;
    }
  }
}

/** What a program was heard to do. */
export interface Heard {
  /** What it said, the last 32 KB of it. */
  readonly output: string;
  /** Whether the port went away meanwhile: the board reset itself, sleeps, or lost its cable. */
  readonly hungUp: boolean;
}

/** What was going on when a board was entered. */
export interface Found {
  /** A program from a file ran, and was interrupted. */
  readonly program: boolean;
  /** Something ran that ended without a word when it was interrupted; or the board was starting. */
  readonly quietEnd: boolean;
}

/** How {@linkcode RawRepl.watchProgram} listens. */
export interface WatchOptions {
  /** Ends the listening. */
  readonly signal: AbortSignal;
  /** How long to listen, in milliseconds. */
  readonly ms: number;
  /** Whether the output so far tells enough: by itself, or with nothing after it for a moment. */
  readonly isDecided: (output: string) => "not_yet" | "when_quiet" | "at_once";
}

function noPrompt(
  path: string,
  { timeoutMs, received }: { readonly timeoutMs: number; readonly received: number },
): UotaError {
  return new UotaError(
    "no_response",
    received === 0
      ? `No answer on ${path} within ${timeoutMs / 1000} s: nothing at all came from it. ` +
        "Check that a MicroPython board hangs there; if its program sleeps or blocks USB, reset or power-cycle it"
      : `No prompt on ${path} within ${
        timeoutMs / 1000
      } s, though ${received} bytes came from it. ` +
        "Its program does not stop on Ctrl-C; reset or power-cycle the board, and let its program pass KeyboardInterrupt on",
  );
}

/** Each byte as one character. */
function latin1(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

function ascii(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}
