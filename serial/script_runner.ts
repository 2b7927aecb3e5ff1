/**
 * Scripts on one board: each is sent once a visit, its functions are called by name, and what it
 * answers is told apart from what the board's program prints. Used by `board.ts` only.
 *
 * INVARIANTS
 * - A script is sent once a visit: the raw REPL keeps its functions until the next soft reset.
 * - A reply is framed (`on_board/reply.py`); whatever stands outside of a frame is somebody else's.
 */
import { UotaError } from "../errors/mod.ts";
import { literal, python, type PythonValue } from "./literal.ts";
import type { Execution, RawRepl } from "./raw_repl.ts";
import { type Script, scripts } from "./script.ts";

/** What every request to a board takes. */
export interface AskOptions {
  /** Ends the request; the board is interrupted when it is closed. */
  readonly signal: AbortSignal;
}

/** A script may hash a large file on a slow flash before it says a word. */
const WORK_IDLE_MS = 60_000;
const WORK_TOTAL_MS = 600_000;
const TRANSFER_ATTEMPTS = 3;

/** Runs scripts on the board whose raw REPL it is given. */
export class ScriptRunner {
  readonly #path: string;
  readonly #repl: RawRepl;
  readonly #sent = new Set<Script>();

  /** `path` is the port's, for messages. */
  constructor(path: string, repl: RawRepl) {
    this.#path = path;
    this.#repl = repl;
  }

  /** The template tag for source that goes to this board. */
  get py(): ReturnType<typeof python> {
    return python(this.#repl.transfer);
  }

  /** Makes sure that a script's functions are on the board. */
  async ensure(needed: Script, options: AskOptions): Promise<void> {
    if (needed !== scripts.reply) await this.ensure(scripts.reply, options);
    if (this.#sent.has(needed)) return;
    await this.run(needed, options);
    this.#sent.add(needed);
  }

  /** Calls a function that a script defined; answers its replies. */
  async call(
    name: string,
    values: readonly PythonValue[],
    options: AskOptions,
  ): Promise<string[]> {
    const code = new TextEncoder().encode(name);
    const argument = { code: literal(values, this.#repl.transfer) };
    return await this.run(this.py`${{ code }}(*${argument})`, options);
  }

  /**
   * Runs source and answers its replies.
   *
   * @throws {UotaError} `no_space`, `board_memory` or `board_error` from the board's traceback, and
   *   what {@linkcode RawRepl.execute} throws
   */
  async run(source: Script, options: AskOptions): Promise<string[]> {
    const { stdout, stderr } = await this.#executeIntact(source, options);
    if (stderr.byteLength > 0) throw explainTraceback(decode(stderr), this.#path);
    return framedReplies(decode(stdout));
  }

  /** What we send is well-formed, so a SyntaxError tells of lost bytes, and that nothing ran yet. */
  async #executeIntact(source: Script, options: AskOptions): Promise<Execution> {
    for (let attempt = 1;; attempt++) {
      const execution = await this.#repl.execute(source, {
        signal: options.signal,
        idleMs: WORK_IDLE_MS,
        totalMs: WORK_TOTAL_MS,
      });
      const mangled = /^(SyntaxError|IndentationError)/m.test(decode(execution.stderr));
      if (!mangled || attempt === TRANSFER_ATTEMPTS) return execution;
    }
  }
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

/** What `on_board/reply.py` framed; whatever stands outside of a frame is somebody else's print. */
function framedReplies(output: string): string[] {
  return output.split("\x1e").slice(1).flatMap((rest) => {
    const end = rest.indexOf("\x1f");
    return end < 0 ? [] : [rest.slice(0, end)];
  });
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
