/**
 * Scripts on one board: each is sent once a visit, its functions are called by name, and what it
 * answers is told apart from what the board's program prints. Used by `board.ts` only.
 *
 * INVARIANTS
 * - A script is sent once a visit: the raw REPL keeps its functions until the next soft reset.
 * - A function runs only when its name and arguments arrived whole (`guard.ts`), and a reply counts
 *   only when it did (`on_board/reply.py`). What was damaged is sent again, within bounds; so every
 *   function that is called here can be repeated.
 * - Where a watchdog runs on the board, every script feeds it first.
 */
import { createHash } from "node:crypto";
import { UotaError } from "../errors/mod.ts";
import { type Evidence, parseEvidence } from "./evidence.ts";
import { type Argument, type Guard, sha256Guard, sumGuard } from "./guard.ts";
import { python } from "./literal.ts";
import type { ExecuteOptions, RawRepl } from "./raw_repl.ts";
import { piecesOf, type Script, scripts } from "./script.ts";

/** What every request to a board takes. */
export interface AskOptions {
  /** Ends the request; the board is interrupted when it is closed. */
  readonly signal: AbortSignal;
}

/** A script may hash a large file on a slow flash before it says a word. */
const WORK_IDLE_MS = 60_000;
const WORK_TOTAL_MS = 600_000;
const ATTEMPTS = 6;
/** What nobody waits for long, since the visit goes on without it. */
const ASIDE = { idleMs: 3000, totalMs: 5000 };

/** Runs scripts on the board whose raw REPL it is given. */
export class ScriptRunner {
  readonly #path: string;
  readonly #repl: RawRepl;
  readonly #loaded = new Set<Script>();
  #guard: Guard | null = null;
  #watchdogMs: number | null = null;
  /** Whether `feed` is on the board and feeds something. */
  #feeds = false;
  #outOfStep = false;

  /** `path` is the port's, for messages. */
  constructor(path: string, repl: RawRepl) {
    this.#path = path;
    this.#repl = repl;
  }

  /** The template tag for source that goes to this board. */
  get py(): ReturnType<typeof python> {
    return python(this.#repl.transfer);
  }

  /** Asks the board what it is; nothing is guarded yet, but the replies are. */
  async probe(options: AskOptions): Promise<string[]> {
    return await this.#reliably(options, async () => {
      await this.#loadBase(options);
      const replies: string[] = [];
      for (const piece of piecesOf(scripts.probe)) {
        replies.push(...await this.#run(checkedSource(piece, false, this.py), options));
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
    try {
      for (const piece of piecesOf(scripts.reply)) {
        await this.#run(checkedSource(piece, false, this.py), { ...options, ...ASIDE });
      }
      const source = checkedSource(scripts.evidence, false, this.py);
      const [reply = ""] = await this.#run(source, { ...options, ...ASIDE });
      return parseEvidence(reply);
    } catch (error) {
      if (!(error instanceof UotaError) || options.signal.aborted) throw error;
      if (error.code === "port_lost") throw error;
      await this.#repl.reenter(options);
      return null;
    }
  }

  /** Guards every call from now on, by hash where the board can compute one. */
  async useGuard(options: AskOptions & { readonly sha256: boolean }): Promise<void> {
    this.#guard = options.sha256 ? sha256Guard : sumGuard;
    await this.#reliably(options, () => this.#loadBase(options));
  }

  /** Feeds the watchdog that runs on the board, or is started by this, from now on. */
  async useWatchdog(timeoutMs: number, options: AskOptions): Promise<void> {
    await this.call("watch", [timeoutMs], options);
    this.#watchdogMs = timeoutMs;
    this.#feeds = true;
  }

  /** Makes sure that a script's functions are on the board. */
  async ensure(needed: Script, options: AskOptions): Promise<void> {
    if (this.#loaded.has(needed)) return;
    for (const piece of piecesOf(needed)) await this.call("define", [piece], options);
    this.#loaded.add(needed);
  }

  /** The board has forgotten its functions: it was soft-reset. What was loaded is loaded anew. */
  async restore(options: AskOptions): Promise<void> {
    await this.#persistently(() => this.#loadBase(options));
    for (const piece of [...this.#loaded].flatMap(piecesOf)) {
      await this.#persistently(() => this.#call("define", [piece], options));
    }
  }

  /** As {@linkcode ScriptRunner.#reliably} while the board stays in step. */
  async #persistently<Result>(work: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1;; attempt++) {
      try {
        return await work();
      } catch (error) {
        if (!(error instanceof DamagedScript) || attempt === ATTEMPTS) throw error;
      }
    }
  }

  /**
   * Calls a function that a script defined; answers its replies.
   *
   * @throws {UotaError} `no_space`, `board_memory` or `board_error` from the board's traceback,
   *   `protocol` or `timed_out` when the line damages every attempt, `port_lost`
   */
  async call(name: string, values: readonly Argument[], options: AskOptions): Promise<string[]> {
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

  async #reliably<Result>(
    options: AskOptions & { readonly attempts?: number },
    work: () => Promise<Result>,
  ): Promise<Result> {
    const { attempts = ATTEMPTS } = options;
    for (let attempt = 1;; attempt++) {
      try {
        if (this.#outOfStep) await this.#getInStep(options);
        return await work();
      } catch (error) {
        if (!(error instanceof UotaError) || !DAMAGE.has(error.code)) throw error;
        // After a script that was damaged but ran to its end, the board is at its prompt.
        if (!(error instanceof DamagedScript)) this.#outOfStep = true;
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

  /**
   * The functions that all others need. They come as one piece of data that is checked before it is
   * run, so that no damaged function stays on the board.
   */
  async #loadBase(options: AskOptions): Promise<void> {
    const base = this.#guard ? joinLines([scripts.reply, this.#guard.script]) : scripts.reply;
    this.#feeds = false;
    for (const piece of piecesOf(base)) {
      await this.#run(checkedSource(piece, this.#guard === sha256Guard, this.py), options);
    }
    if (!this.#guard) return;
    await this.#call("define", [scripts.common], options);
    if (this.#watchdogMs !== null) await this.#call("watch", [this.#watchdogMs], options);
    this.#feeds = this.#watchdogMs !== null;
  }

  async #call(name: string, values: readonly Argument[], options: AskOptions): Promise<string[]> {
    return await this.#run(this.#source(name, values), options);
  }

  #source(name: string, values: readonly Argument[]): Script {
    if (!this.#guard) throw new UotaError("internal", "A board was called before it was probed");
    return this.#guard.call(name, values, this.#repl.transfer);
  }

  async #run(
    source: Script,
    { signal, idleMs = WORK_IDLE_MS, totalMs = WORK_TOTAL_MS }: ExecuteOptions,
  ): Promise<string[]> {
    const script = this.#feeds ? joinLines([FEED, source]) : source;
    const { stdout, stderr } = await this.#repl.execute(script, { signal, idleMs, totalMs });
    if (stderr.byteLength > 0) throw this.#explainTraceback(decode(stderr));
    const replies = framedReplies(decode(stdout));
    if (replies === null) throw this.#damaged();
    return replies;
  }

  /**
   * What a guarded function raises has the guard in its traceback; whatever is raised before that
   * comes from a script that was damaged on its way, since what we send is well-formed. The same
   * goes for an interrupt, which we never send.
   */
  #explainTraceback(traceback: string): UotaError {
    const lines = traceback.trim().split(/\r?\n/);
    const last = lines.at(-1) ?? "";
    const isGuarded = lines.some((line) => line.endsWith(", in guard"));
    const isDamage = last.startsWith("KeyboardInterrupt") || last === "ValueError: damaged" ||
      !isGuarded && !last.startsWith("MemoryError");
    return isDamage ? this.#damaged(new Error(traceback)) : explainTraceback(traceback, this.#path);
  }

  #damaged(cause?: Error): DamagedScript {
    const last = cause?.message.trim().split(/\r?\n/).at(-1);
    return new DamagedScript(
      `What went over the line to the board on ${this.#path} was damaged again and again` +
        `${last === undefined ? "" : ` (${last})`}; check the cable, or set a lower baud rate`,
      { cause },
    );
  }
}

/** A script or its reply was damaged on the line, and the board is at its prompt again. */
class DamagedScript extends UotaError {
  constructor(message: string, options: ErrorOptions) {
    super("protocol", message, options);
  }
}

/** Source that runs `source` only when it arrived whole. */
function checkedSource(source: Script, sha256: boolean, py: ReturnType<typeof python>): Script {
  const check = sha256
    ? py`__import__("hashlib").sha256(s).digest()[:4] != ${new Uint8Array(
      createHash("sha256").update(source).digest().subarray(0, 4),
    )}`
    : py`sum(s) != ${source.reduce((sum, byte) => sum + byte, 0)}`;
  return py`s = ${source}\nif ${{
    code: check,
  }}:\n raise ValueError("damaged")\nexec(s)\ns = None\n`;
}

/** One call of several. */
export interface Call {
  readonly name: string;
  readonly values: readonly Argument[];
}

/** After these the same thing may be tried again once the board is back in step. */
const DAMAGE: ReadonlySet<string> = new Set(["protocol", "timed_out"]);
const FEED = new TextEncoder().encode("feed()");

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

function explainTraceback(traceback: string, path: string): UotaError {
  const lines = traceback.trim().split(/\r?\n/);
  const last = lines.at(-1) ?? "";
  const cause = { cause: new Error(traceback) };
  if (last.startsWith("MemoryError")) {
    return new UotaError(
      "board_memory",
      `The board on ${path} has too little memory for this step (${last}); ` +
        "free heap in boot.py, which runs before every update",
      cause,
    );
  }
  if (/^OSError: (\[Errno 28\]|28\b)/.test(last) || last.includes("ENOSPC")) {
    return new UotaError("no_space", `The flash of the board on ${path} is full`, cause);
  }
  return new UotaError("board_error", `The board on ${path} reported: ${last}`, cause);
}

/**
 * What `on_board/reply.py` framed, or null where a frame is damaged; whatever stands outside of a
 * frame is somebody else's print.
 */
function framedReplies(output: string): string[] | null {
  const replies: string[] = [];
  for (const rest of output.split("\x1e").slice(1)) {
    const end = rest.indexOf("\x1f");
    const [line = "", check = ""] = rest.slice(0, Math.max(end, 0)).split("\x1d");
    const sum = new TextEncoder().encode(line).reduce((total, byte) => total + byte, 0);
    if (end < 0 || check !== (sum & 0xffff).toString(16)) return null;
    replies.push(line);
  }
  return replies;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
