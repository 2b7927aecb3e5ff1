/**
 * A MicroPython board in the gateway's hands: facts, its files, further scripts, and the life of its
 * program from the interruption to the restart. Knows nothing of releases. Used by the steps in
 * `agent/board/`.
 *
 * INVARIANTS
 * - Whatever happens, closing a board that was interrupted starts its program again, unless it was
 *   reset already.
 */
import { UotaError } from "../errors/mod.ts";
import { BoardFiles } from "./board_files.ts";
import { type Capabilities, parseCapabilities } from "./capabilities.ts";
import type { Evidence } from "./evidence.ts";
import type { Argument } from "./guard.ts";
import type { Heard, RawRepl, WatchOptions } from "./raw_repl.ts";
import { restartQuietly } from "./restart.ts";
import type { Script } from "./script.ts";
import { type AskOptions, ScriptRunner } from "./script_runner.ts";
import type { SerialPort } from "./tty.ts";

const HANG_UP_MS = 1000;
const JUST_STARTED_MS = 2000;

/** A board at its raw REPL. Made by `connectBoard`; use it with `await using`. */
export class Board implements AsyncDisposable {
  readonly #port: SerialPort;
  readonly #repl: RawRepl;
  readonly #scripts: ScriptRunner;
  #probed: { readonly capabilities: Capabilities; readonly files: BoardFiles } | null = null;
  #evidence: Evidence | null = null;
  #wasRunning = false;
  #restarted = false;

  /** For `connectBoard`: takes over the port and the raw REPL on it. */
  constructor(port: SerialPort, repl: RawRepl) {
    this.#port = port;
    this.#repl = repl;
    this.#scripts = new ScriptRunner(port.path, repl);
  }

  /** The port's path, as it was opened. */
  get path(): string {
    return this.#port.path;
  }

  /** Bytes sent to the board in this visit, the protocol's own included. */
  get bytesWritten(): number {
    return this.#port.bytesWritten;
  }

  /** What the board is and can do. */
  get capabilities(): Capabilities {
    return this.#known.capabilities;
  }

  /** Why the board started; null where nobody asked, and where it could not say. */
  get evidence(): Evidence | null {
    return this.#evidence;
  }

  /** What is on it. */
  get files(): BoardFiles {
    return this.#known.files;
  }

  get #known() {
    if (!this.#probed) throw new UotaError("internal", "The board was not probed yet");
    return this.#probed;
  }

  /** Whether a program was running when the board was entered, as far as its answers tell. */
  get wasRunning(): boolean {
    return this.#wasRunning;
  }

  /** Notes what the coming soft reset will change. For `connectBoard`, which is about to do it. */
  async lookAround(options: AskOptions & { readonly readEvidence: boolean }): Promise<void> {
    const { program, quietEnd } = this.#repl.found;
    const asks = options.readEvidence || quietEnd && !program;
    const evidence = asks ? await this.#scripts.evidence(options) : null;
    if (options.readEvidence) this.#evidence = evidence;
    // A board that has just started comes to its prompt by itself, with or without a program.
    const hasJustStarted = (evidence?.uptimeMs ?? Infinity) < JUST_STARTED_MS;
    this.#wasRunning = program || quietEnd && !hasJustStarted;
  }

  /** Asks the board what it is. `connectBoard` has done it. `root`: see `ConnectOptions`. */
  async probe(options: AskOptions & { readonly root?: string | null | undefined }): Promise<void> {
    const port = this.#port.path;
    const probed = parseCapabilities(await this.#scripts.probe(options), port);
    const { root = probed.root } = options;
    const capabilities = { ...probed, root };
    await this.#scripts.useGuard({ ...options, sha256: capabilities.sha256 });
    const { transfer } = this.#repl;
    const files = new BoardFiles({ port, scripts: this.#scripts, capabilities, transfer });
    this.#probed = { capabilities, files };
  }

  /** Makes sure that the functions of further scripts are on the board, once a visit. */
  async load(needed: readonly Script[], options: AskOptions): Promise<void> {
    await this.files.ensure(options);
    for (const one of needed) await this.#scripts.ensure(one, options);
  }

  /** Calls a function that a loaded script defined, and that can be repeated; answers its replies. */
  async call(name: string, values: readonly Argument[], options: AskOptions): Promise<string[]> {
    return await this.#scripts.call(name, values, options);
  }

  /** Feeds a watchdog of this time-out from now on, with every script. */
  async feedWatchdog(timeoutMs: number, options: AskOptions): Promise<void> {
    await this.#scripts.useWatchdog(timeoutMs, options);
  }

  /**
   * Back to the raw REPL: after a request that was cancelled or went wrong on the way, or from a
   * program that has come to its end. What the board is in the middle of is interrupted; what was
   * left is left alone.
   *
   * @throws {UotaError} `no_response`, `port_lost`
   */
  async resynchronise(options: AskOptions): Promise<void> {
    await this.#repl.reenter(options);
    await this.#scripts.restore(options);
  }

  /** Soft reset with boot.py and main.py: the program runs again. */
  async restartProgram(options: AskOptions): Promise<void> {
    this.#restarted = true;
    await this.#repl.restartProgram(options);
  }

  /**
   * Starts the program as {@linkcode Board.restartProgram} does and listens to what it prints.
   *
   * @throws {UotaError} `port_lost` when the board is gone before its program begins
   */
  async watchProgram(options: WatchOptions): Promise<Heard> {
    this.#restarted = true;
    return await this.#repl.watchProgram(options);
  }

  /** Listens to the program that runs already. */
  async listen(options: WatchOptions): Promise<Heard> {
    return await this.#repl.listen(options);
  }

  /** To the friendly prompt, without starting anything. */
  async leaveAtPrompt(options: AskOptions): Promise<void> {
    await this.#repl.leave(options);
  }

  /** Back to the raw REPL after the program was started again. @throws {UotaError} `no_response` */
  async interrupt(options: AskOptions & { readonly eager?: boolean }): Promise<void> {
    await this.#repl.reenter(options);
    this.#restarted = false;
    this.#evidence = await this.#scripts.evidence(options);
    await this.#repl.softReset(options);
    await this.#scripts.restore(options);
  }

  /**
   * Resets the board as a power-on does. On boards with native USB the port goes away and comes back,
   * perhaps under another name; on others the program runs now, and {@linkcode Board.listen} has
   * what it says.
   *
   * @param options `hangUpMs`: how long to wait for the port to go away, in milliseconds
   * @returns whether the port went away
   */
  async hardReset(options: AskOptions & { readonly hangUpMs?: number }): Promise<boolean> {
    const { signal, hangUpMs = HANG_UP_MS } = options;
    this.#restarted = true;
    try {
      await this.#scripts.launch("reset", options);
      return await this.#repl.awaitHangUp(hangUpMs, signal);
    } catch (error) {
      if (error instanceof UotaError && error.code === "port_lost") return true;
      throw error;
    }
  }

  /** Starts the program again, unless that was done, and closes the port. Takes 3 s at most. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#restarted) await restartQuietly(this.#port, this.#repl);
    await this.#port[Symbol.asyncDispose]();
  }
}
