/**
 * Scripts on one board: each is sent once a visit, its functions are called by name, and what it
 * answers is told apart from what the board's program prints. Used by `board.ts` only.
 *
 * INVARIANTS
 * - Everything runs in a place of its own (`clean_place.ts`).
 * - A script is sent once a visit: the raw REPL keeps its functions until the next soft reset.
 * - A function runs only when its name and arguments arrived whole (`guard.ts`), and a reply counts
 *   only when it did (`on_board/reply.py`). What was damaged is sent again, within bounds; so every
 *   function that is called here can be repeated.
 * - Where a watchdog runs on the board, every script feeds it first.
 */
import { UotaError } from "../errors/mod.ts";
import { checkedSource, ENTRANCE } from "./clean_place.ts";
import { DamagedScript, Obstacles } from "./damaged_script.ts";
import { type Evidence, parseEvidence } from "./evidence.ts";
import { type Argument, type Guard, sha256Guard, sumGuard } from "./guard.ts";
import { python } from "./literal.ts";
import type { ExecuteOptions, RawRepl } from "./raw_repl.ts";
import { piecesOf, type Script, scripts } from "./script.ts";
import { framedReplies } from "./framed_replies.ts";
import { judgeTraceback } from "./traceback.ts";

/** What every request to a board takes. */
export interface AskOptions {
  /** Ends the request; the board is interrupted when it is closed. */
  readonly signal: AbortSignal;
}

/** As {@linkcode AskOptions}, for a request whose answer may be long. */
export interface CallOptions extends AskOptions {
  /** How much may come for it, what a program prints in between included. @default 262144 */
  readonly maxOutputBytes?: number;
}

/** A script may hash a large file on a slow flash before it says a word. */
const WORK_IDLE_MS = 60_000;
const WORK_TOTAL_MS = 600_000;
const ATTEMPTS = 6;
/** What nobody waits for long, since the visit goes on without it. */
const ASIDE = { idleMs: 3000, totalMs: 5000 };
const PROBE_OUTPUT_BYTES = 32 * 1024;
const MAX_OUTPUT_BYTES = 256 * 1024;

/** Runs scripts on the board whose raw REPL it is given. */
export class ScriptRunner {
  readonly #path: string;
  readonly #repl: RawRepl;
  readonly #loaded = new Set<Script>();
  #guard: Guard | null = null;
  #watchdogMs: number | null = null;
  #outOfStep = false;

  /** `path` is the port's, for messages. */
  constructor(path: string, repl: RawRepl) {
    this.#path = path;
    this.#repl = repl;
  }

  /** Asks the board what it is; nothing is guarded yet, but the replies are. */
  async probe(options: AskOptions): Promise<string[]> {
    return await this.#reliably(options, async () => {
      await this.#openPlace(options);
      const replies: string[] = [];
      const ask = async (probe: Script) => {
        for (const piece of piecesOf(probe)) {
          const bounded = { ...options, maxOutputBytes: PROBE_OUTPUT_BYTES };
          replies.push(...await this.#runChecked(piece, bounded));
        }
      };
      await ask(scripts.probe);
      if (replies.includes("directories\t1")) {
        await ask(scripts.probeRoot);
        const [root, here] = replies.slice(-2).map((reply) => reply.split("\t")[1]);
        if (here !== root) await ask(scripts.chooseRoot);
      }
      return replies;
    });
  }

  /**
   * Asks why the board started, in the interpreter that its program left. A board that cannot say is
   * brought back to its prompt, and null is the answer.
   *
   * @throws {UotaError} `no_response`, `port_lost`
   */
  async evidence(options: AskOptions): Promise<Evidence | null> {
    const aside = { ...options, ...ASIDE, maxOutputBytes: PROBE_OUTPUT_BYTES };
    try {
      await this.#openPlace(aside);
      const askedAtMs = performance.now();
      const [reply = ""] = await this.#runChecked(scripts.evidence, aside);
      return parseEvidence(reply, { askedAtMs, answeredAtMs: performance.now() });
    } catch (error) {
      if (!(error instanceof UotaError) || options.signal.aborted) throw error;
      if (error.code === "port_lost") throw error;
      await this.#repl.reenter(options);
      return null;
    }
  }

  /** Guards every call from now on, by hash where the board can compute one; after the probe. */
  async useGuard(options: AskOptions & { readonly sha256: boolean }): Promise<void> {
    this.#guard = options.sha256 ? sha256Guard : sumGuard;
    let isOpen = true;
    await this.#reliably(options, async () => {
      if (!isOpen) await this.#openPlace(options);
      isOpen = false;
      await this.#loadGuard(options);
    });
  }

  /** Feeds the watchdog that runs on the board, or is started by this, from now on. */
  async useWatchdog(timeoutMs: number, options: AskOptions): Promise<void> {
    await this.call("watch", [timeoutMs], options);
    this.#watchdogMs = timeoutMs;
  }

  /** Makes sure that a script's functions are on the board. */
  async ensure(needed: Script, options: AskOptions): Promise<void> {
    if (this.#loaded.has(needed)) return;
    for (const piece of piecesOf(needed)) await this.call("define", [piece], options);
    this.#loaded.add(needed);
  }

  /**
   * The board has forgotten its functions: it was soft-reset. Or a program ran in between and may
   * have done something to them. What was loaded is loaded anew.
   */
  async restore(options: AskOptions): Promise<void> {
    await this.#persistently(async () => {
      await this.#openPlace(options);
      await this.#loadGuard(options);
    });
    for (const piece of [...this.#loaded].flatMap(piecesOf)) {
      await this.#persistently(() => this.#call("define", [piece], options));
    }
  }

  /** As {@linkcode ScriptRunner.#reliably} while the board stays in step. */
  async #persistently<Result>(work: () => Promise<Result>): Promise<Result> {
    const obstacles = new Obstacles(this.#path);
    for (let attempt = 1;; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof DamagedScript)) throw error;
        obstacles.note(error);
        if (attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Calls a function that a script defined; answers its replies.
   *
   * @throws {UotaError} `no_space`, `board_memory` or `board_error` from the board's traceback,
   *   `protocol` or `timed_out` when the line damages every attempt, `port_lost`
   */
  async call(name: string, values: readonly Argument[], options: CallOptions): Promise<string[]> {
    return await this.#reliably(options, () => this.#call(name, values, options));
  }

  /** Several calls in one script. None may depend on what another replies. */
  async callAll(
    calls: readonly Call[],
    options: AskOptions & { readonly attempts?: number },
  ): Promise<void> {
    await this.#reliably(options, async () => {
      const lines = calls.map(({ name, values }) => this.#source(name, values));
      await this.#run(joinLines(lines), options);
    });
  }

  /** Calls a function that resets the board, and so does not return. */
  async launch(name: string, options: AskOptions): Promise<void> {
    await this.#repl.launch(this.#source(name, []), options);
  }

  async #reliably<Result>(
    options: AskOptions & { readonly attempts?: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { attempts = ATTEMPTS } = options;
    const obstacles = new Obstacles(this.#path);
    for (let attempt = 1;; attempt++) {
      try {
        if (this.#outOfStep) await this.#getInStep(options);
        return await work();
      } catch (error) {
        if (!(error instanceof UotaError) || !DAMAGE.has(error.code)) throw error;
        // After a script that was damaged but ran to its end, the board is at its prompt.
        this.#outOfStep = !(error instanceof DamagedScript) || error.saysForgotten;
        if (error instanceof DamagedScript && !error.saysForgotten) obstacles.note(error);
        if (attempt === attempts || options.signal.aborted) throw error;
      }
    }
  }

  /** Back to the prompt; a stray Ctrl-D may have made the board forget its functions. */
  async #getInStep(options: AskOptions): Promise<void> {
    await this.#repl.reenter(options);
    this.#outOfStep = false;
    if (!this.#guard) return;
    try {
      const replies = await this.#call("alive", [], options);
      if (replies.join() === "alive") return;
    } catch (error) {
      if (!(error instanceof DamagedScript)) throw error;
    }
    await this.restore(options);
  }

  /** Makes the clean place, empty but for the genuine built-ins and the way to reply. */
  async #openPlace(options: ExecuteOptions): Promise<void> {
    try {
      await this.#fillPlace(options);
    } catch (error) {
      const isOnBoard = error instanceof DamagedScript && error.mayBeTrue ||
        error instanceof UotaError && error.code === "board_memory";
      if (!isOnBoard) throw error;
      await this.#run(scripts.rescue, options);
      await this.#fillPlace(options);
    }
  }

  async #fillPlace(options: ExecuteOptions): Promise<void> {
    await this.#run(scripts.bootstrap, options);
    const first = checkedSource(scripts.run, { check: "first", py: this.#py });
    await this.#run(first, options);
    for (const piece of piecesOf(scripts.base)) await this.#runChecked(piece, options);
    const [hasPath] = await this.#runChecked(scripts.reply, options);
    if (hasPath !== "1") return;
    for (const piece of piecesOf(scripts.load)) await this.#runChecked(piece, options);
  }

  /** Puts the guard before the place, so that no damaged function gets into it. */
  async #loadGuard(options: AskOptions): Promise<void> {
    if (!this.#guard) throw new UotaError("internal", "A board was used before it was probed");
    const check = this.#guard === sha256Guard ? "sha256" : "sum";
    for (const piece of piecesOf(this.#guard.script)) {
      await this.#run(checkedSource(piece, { check, py: this.#py }), options);
    }
    await this.#run(ENTRANCE, options);
    await this.#call("define", [scripts.common], options);
    if (this.#watchdogMs !== null) await this.#call("watch", [this.#watchdogMs], options);
  }

  async #call(name: string, values: readonly Argument[], options: CallOptions): Promise<string[]> {
    return await this.#run(this.#source(name, values), options);
  }

  #source(name: string, values: readonly Argument[]): Script {
    if (!this.#guard) throw new UotaError("internal", "A board was called before it was probed");
    return this.#guard.call(name, values, this.#repl.transfer);
  }

  get #py(): ReturnType<typeof python> {
    return python(this.#repl.transfer);
  }

  /** Before there is a guard. */
  async #runChecked(piece: Script, options: ExecuteOptions): Promise<string[]> {
    return await this.#run(checkedSource(piece, { check: "sum", py: this.#py }), options);
  }

  async #run(script: Script, options: ExecuteOptions): Promise<string[]> {
    const {
      signal,
      idleMs = WORK_IDLE_MS,
      totalMs = WORK_TOTAL_MS,
      maxOutputBytes = MAX_OUTPUT_BYTES,
    } = options;
    const bounds = { signal, idleMs, totalMs, maxOutputBytes };
    const { stdout, stderr } = await this.#repl.execute(script, bounds);
    if (stderr.byteLength > 0) {
      const traceback = decode(stderr);
      const failure = judgeTraceback(traceback, this.#path);
      if (failure.kind === "reported") throw failure.error;
      throw new DamagedScript(this.#path, {
        traceback,
        mayBeTrue: failure.kind === "unexpected",
      });
    }
    const replies = framedReplies(decode(stdout));
    if (replies === null) throw new DamagedScript(this.#path, null);
    return replies;
  }
}

/** One call of several. */
export interface Call {
  readonly name: string;
  readonly values: readonly Argument[];
}

/** After these the same thing may be tried again once the board is back in step. */
const DAMAGE: ReadonlySet<string> = new Set(["protocol", "timed_out"]);

function joinLines(lines: readonly Script[]): Script {
  const text = new Uint8Array(lines.reduce((sum, line) => sum + line.byteLength + 1, 0));
  let at = 0;
  for (const line of lines) {
    text.set(line, at);
    at += line.byteLength;
    text[at++] = 0x0a;
  }
  return text;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
