/**
 * A person at a terminal who runs the program there: the terminal is a pseudo-terminal that is the
 * program's controlling one, in a session of its own, so that keys become signals for its whole
 * foreground, and closing the window hangs the session up (setsid(1), termios(3)).
 *
 * INVARIANTS
 * - What the program writes is read all the time, as a terminal does: it never waits for its reader.
 * - Whoever waits for a text is told what stood on the screen instead.
 */
import { closeFdNow, O_NOCTTY, O_RDWR, openPathNow } from "../../serial/libc.ts";
import { pause } from "../../serial/mod.ts";
import { Line } from "../serial/line.ts";

/** Runs what follows at the terminal that `$0` names. */
const AT_TERMINAL = 'exec setsid --ctty "$@" <"$0" >"$0" 2>&1';
const BOUND_MS = 60_000;
/** How long after the program has ended its last words may take. */
const REST_MS = 2000;

export const CTRL_C = "\x03";
/** The terminal takes nothing until Ctrl-Q, and whoever writes to it waits. */
export const CTRL_S = "\x13";
export const CTRL_Q = "\x11";
export const CTRL_Z = "\x1a";
export const CTRL_BACKSLASH = "\x1c";

export class Person implements AsyncDisposable {
  readonly #line = new Line();
  readonly #child: Deno.ChildProcess;
  readonly #reading: Promise<void>;
  /** Keeps the terminal from counting as hung up while the program is being started. */
  readonly #otherSideFd: number;
  #screen = "";
  #seenTo = 0;
  #changed = Promise.withResolvers<void>();
  #windowIsOpen = true;

  /** Starts a command; its environment says what kind of terminal it has. */
  constructor(command: readonly string[]) {
    this.#otherSideFd = openPathNow(this.#line.path, O_RDWR | O_NOCTTY);
    this.#child = new Deno.Command("sh", {
      args: ["-c", AT_TERMINAL, this.#line.path, ...command],
      env: { TERM: "xterm", NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    this.#reading = this.#read();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** All that was ever written to the screen. */
  get screen(): string {
    return this.#screen;
  }

  async type(keys: string): Promise<void> {
    await this.#line.write(keys);
  }

  /** The ssh connection is lost. */
  closeWindow(): void {
    this.#windowIsOpen = false;
    this.#line.hangUp();
    closeFdNow(this.#otherSideFd);
  }

  /**
   * Waits for a text that no earlier call has gone past.
   *
   * @throws {Error} with what stood on the screen, where the program ends or takes too long
   */
  async sees(pattern: RegExp): Promise<void> {
    const bound = AbortSignal.timeout(BOUND_MS);
    const tooLate = Promise.withResolvers<string>();
    const onTimeout = () => tooLate.resolve("took too long");
    bound.addEventListener("abort", onTimeout, { once: true });
    const ended = this.#child.status.then(() => "ended");
    try {
      while (true) {
        const found = pattern.exec(this.#screen.slice(this.#seenTo));
        if (found !== null) {
          this.#seenTo += found.index + found[0].length;
          return;
        }
        const changed = this.#changed.promise.then(() => "changed");
        let what = await Promise.race([changed, ended, tooLate.promise]);
        // What it said last may still be on its way.
        if (what === "ended") {
          const enough = new AbortController();
          const rest = pause(REST_MS, AbortSignal.any([bound, enough.signal]));
          what = await Promise.race([changed, rest.then(() => "ended", () => "took too long")]);
          enough.abort();
        }
        if (what !== "changed" && !pattern.test(this.#screen.slice(this.#seenTo))) {
          throw new Error(`The program ${what} before ${pattern}:\n${this.#screen}`);
        }
      }
    } finally {
      bound.removeEventListener("abort", onTimeout);
    }
  }

  /** How the program ended: its exit code, or 128 and the number of the signal that killed it. */
  async ended(): Promise<{ readonly code: number; readonly signal: string | null }> {
    const { code, signal } = await this.#child.status;
    return { code, signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
    if (this.#windowIsOpen) this.closeWindow();
    await this.#reading;
    await this.#line[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    try {
      while (true) {
        this.#screen += await this.#line.some(BOUND_MS);
        this.#changed.resolve();
        this.#changed = Promise.withResolvers();
      }
    } catch (error) {
      if (this.#windowIsOpen) throw error;
    }
  }
}
