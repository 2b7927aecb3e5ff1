/**
 * What one can ask of a MicroPython board: facts, files, hashes, rename, reset. Knows nothing of
 * releases. Used by the steps in `agent/board/`.
 *
 * INVARIANTS
 * - Paths are relative to the root of the file system that holds main.py, without a leading slash.
 * - Whatever happens, closing a board that was interrupted starts its program again, unless it was
 *   reset already.
 * - A script is sent once a visit: the raw REPL keeps its functions until the next soft reset.
 * - No request makes the board hold more than a few times {@linkcode Board.chunkBytes} at once.
 */
import { createHash } from "node:crypto";
import { UotaError } from "../errors/mod.ts";
import { literal, parseBytesRepr, python, type PythonValue } from "./literal.ts";
import { type Execution, RawRepl } from "./raw_repl.ts";
import { type Script, scripts } from "./script.ts";
import { openTty, type SerialPort } from "./tty.ts";
import { type Capabilities, parseCapabilities } from "./capabilities.ts";
import { packWrites, type WriteEntry } from "./write_plan.ts";

/** What is at a path. `sha256` in lower-case hex; sizes in bytes. */
export type PathState =
  | { readonly kind: "missing" }
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly sizeBytes: number; readonly sha256: string };

/** As {@linkcode PathState}, without the hash. */
export type PathKind =
  | { readonly kind: "missing" | "directory" }
  | { readonly kind: "file"; readonly sizeBytes: number };

/** The file system's size, in blocks of `blockBytes`. */
export interface Space {
  readonly blockBytes: number;
  readonly totalBlocks: number;
  readonly freeBlocks: number;
}

/** One entry below a directory. */
export interface TreeEntry {
  readonly kind: "file" | "directory";
  /** The whole path. Where it {@linkcode isUnnameable}, nothing can be asked or done by it. */
  readonly path: string;
}

/** What stands in a {@linkcode TreeEntry} for each control character of a name. */
const DELETE = "\x7f";

/** Whether a path from {@linkcode Board.walk} has control characters, and so is not the real one. */
export function isUnnameable({ path }: TreeEntry): boolean {
  return path.includes(DELETE);
}

export interface ConnectOptions {
  readonly signal: AbortSignal;
  /** @default 115200 */
  readonly baud?: number;
  /** For getting to the raw REPL. @default 12000 */
  readonly enterTimeoutMs?: number;
}

export interface AskOptions {
  readonly signal: AbortSignal;
}

export interface WriteFilesOptions extends AskOptions {
  /** Called with the number of content bytes that the board has taken since the last call. */
  readonly onProgress?: (bytes: number) => void;
}

/** A script may hash a large file on a slow flash before it says a word. */
const WORK_IDLE_MS = 60_000;
const WORK_TOTAL_MS = 600_000;
const TRANSFER_ATTEMPTS = 3;
const SMALLEST_CHUNK_BYTES = 64;
const RESTART_BOUND_MS = 3000;
const HANG_UP_MS = 1000;
/** Short replies: some USB controllers stall on long ones (micropython#19651). */
const READ_PIECE_BYTES = 48;

/**
 * Opens a port, brings the board to the raw REPL, soft-resets it there (a fresh heap, nothing of
 * its program left running, main.py not started) and asks what it can do.
 *
 * @throws {UotaError} `port_*`, `no_response`, `protocol`, `board_error`
 */
export async function connectBoard(path: string, options: ConnectOptions): Promise<Board> {
  const { signal, baud, enterTimeoutMs } = options;
  const port = await openTty(path, { signal, ...(baud === undefined ? {} : { baud }) });
  const entering = {
    signal,
    ...(enterTimeoutMs === undefined ? {} : { timeoutMs: enterTimeoutMs }),
  };
  let repl: RawRepl | null = null;
  try {
    repl = await RawRepl.enter(port, entering);
    await repl.softReset(entering);
    const board = new Board(port, repl);
    await board.probe({ signal });
    return board;
  } catch (error) {
    if (repl) await restartQuietly(repl);
    await port[Symbol.asyncDispose]();
    throw error;
  }
}

/** A board at its raw REPL. Made by {@linkcode connectBoard}; use it with `await using`. */
export class Board implements AsyncDisposable {
  readonly #port: SerialPort;
  readonly #repl: RawRepl;
  readonly #sent = new Set<Script>();
  #capabilities: Capabilities | null = null;
  #chunkBytes = 256;
  #restarted = false;

  constructor(port: SerialPort, repl: RawRepl) {
    this.#port = port;
    this.#repl = repl;
  }

  get path(): string {
    return this.#port.path;
  }

  get bytesWritten(): number {
    return this.#port.bytesWritten;
  }

  /** How much content goes into one script, from the board's free heap. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  get capabilities(): Capabilities {
    if (!this.#capabilities) throw new UotaError("internal", "The board was not probed yet");
    return this.#capabilities;
  }

  /** The name under which the board itself knows `path`; `""` gives the root with its slash. */
  locate(path: string): string {
    const { root } = this.capabilities;
    return root === null ? path : `${root}/${path}`;
  }

  /** Asks the board what it is. {@linkcode connectBoard} has done it. */
  async probe(options: AskOptions): Promise<void> {
    const replies = await this.#run(scripts.probe, options);
    this.#capabilities = parseCapabilities(replies, this.#port.path);
    this.#chunkBytes = chunkFor(this.#capabilities.freeHeapBytes, this.#repl.transfer);
  }

  /** What is at each of `paths`, with hashes: computed on the board, or here where it cannot. */
  async describe(paths: readonly string[], options: AskOptions): Promise<PathState[]> {
    const replies = await this.#look(paths, this.capabilities.sha256, options);
    const states: PathState[] = [];
    for (const [index, path] of paths.entries()) {
      const reply = replies[index] ?? "";
      const state = this.#pathKind(reply, path);
      if (state.kind !== "file") {
        states.push({ kind: state.kind });
        continue;
      }
      const onBoard = reply.split("\t")[2];
      const sha256 = onBoard ?? sha256Hex(await this.readFile(path, options));
      states.push({ ...state, sha256 });
    }
    return states;
  }

  /** What is at each of `paths`. */
  async stat(paths: readonly string[], options: AskOptions): Promise<PathKind[]> {
    const replies = await this.#look(paths, false, options);
    return paths.map((path, index) => this.#pathKind(replies[index] ?? "", path));
  }

  /** Everything below a directory that exists, parents before their children. */
  async walk(directory: string, options: AskOptions): Promise<TreeEntry[]> {
    await this.#ensure(this.#inspectScript(), options);
    const where = this.locate(directory).replace(/\/$/, "");
    const replies = await this.call("walk", [where], options);
    return replies.map((reply) => {
      const [kind, path = ""] = reply.split("\t");
      return {
        kind: kind === "d" ? "directory" : "file",
        path: path.slice(this.locate("").length),
      };
    });
  }

  /** The file system's space, or null where the board cannot tell. */
  async space(options: AskOptions): Promise<Space | null> {
    if (!this.capabilities.statvfs) return null;
    await this.#ensure(scripts.inspect, options);
    const [reply = ""] = await this.call("space", [this.capabilities.root || "/"], options);
    const [blockBytes = NaN, totalBlocks = NaN, freeBlocks = NaN] = reply.split("\t").map(Number);
    if (!Number.isFinite(blockBytes + totalBlocks + freeBlocks)) throw this.#garbled("its space");
    return { blockBytes, totalBlocks, freeBlocks };
  }

  /** A file's content. @throws {UotaError} `board_error` when it does not exist */
  async readFile(path: string, options: AskOptions): Promise<Uint8Array<ArrayBuffer>> {
    await this.#ensure(scripts.read, options);
    const replies = await this.call("read", [this.locate(path), READ_PIECE_BYTES], options);
    try {
      return concatenate(replies.map(parseBytesRepr));
    } catch {
      throw this.#garbled(`the content of ${path}`);
    }
  }

  /**
   * Creates or replaces files, in order; their directories exist. Small files share a script.
   * A board that runs out of memory gets smaller chunks.
   *
   * @throws {UotaError} `no_space`, `board_memory`, `board_error`
   */
  async writeFiles(entries: readonly WriteEntry[], options: WriteFilesOptions): Promise<void> {
    await this.#ensure(scripts.write, options);
    const located = entries.map(({ path, content }) => ({ path: this.locate(path), content }));
    let from = 0;
    while (from < located.length) {
      try {
        for (const pack of packWrites(located.slice(from), this.#py, this.#chunkBytes)) {
          await this.#run(pack.source, options);
          options.onProgress?.(pack.contentBytes);
          from += pack.filesEnded;
        }
      } catch (error) {
        const smaller = this.#chunkBytes / 2;
        const memory = error instanceof UotaError && error.code === "board_memory";
        if (!memory || smaller < SMALLEST_CHUNK_BYTES) throw error;
        this.#chunkBytes = smaller;
        await this.#run(this.#py`import gc\ngc.collect()`, options);
      }
    }
  }

  /** Removes a file or a whole directory; what is gone already is fine. */
  async removeTree(path: string, options: AskOptions): Promise<void> {
    await this.#ensure(scripts.removeTree, options);
    await this.call("remove_tree", [this.locate(path)], options);
  }

  /** Removes one file, on any board. */
  async removeFile(path: string, options: AskOptions): Promise<void> {
    await this.#run(this.#py`import os\nos.remove(${this.locate(path)})`, options);
  }

  /** Renames a file or directory. What happens to an existing target depends on the file system. */
  async rename(from: string, to: string, options: AskOptions): Promise<void> {
    await this.#run(
      this.#py`import os\nos.rename(${this.locate(from)}, ${this.locate(to)})`,
      options,
    );
  }

  /** Makes directories that do not exist yet, in order. */
  async makeDirectories(paths: readonly string[], options: AskOptions): Promise<void> {
    await this.#ensure(scripts.inspect, options);
    await this.#run(
      this.#py`import os\nfor p in ${
        paths.map((path) => this.locate(path))
      }:\n if not stat(p)[0]:\n  os.mkdir(p)\n`,
      options,
    );
  }

  /** Makes sure that the functions of further scripts are on the board, once a visit. */
  async load(needed: readonly Script[], options: AskOptions): Promise<void> {
    for (const one of [scripts.inspect, scripts.removeTree, ...needed]) {
      await this.#ensure(one, options);
    }
  }

  /** Calls a function that a loaded script defined; answers its replies. */
  async call(
    name: string,
    values: readonly PythonValue[],
    options: AskOptions,
  ): Promise<string[]> {
    const code = new TextEncoder().encode(name);
    const argument = { code: literal(values, this.#repl.transfer) };
    return await this.#run(this.#py`${{ code }}(*${argument})`, options);
  }

  /**
   * Gets back in step after a request that was cancelled or went wrong on the way: what the board is
   * in the middle of is interrupted. What was loaded stays loaded.
   *
   * @throws {UotaError} `no_response`, `port_lost`
   */
  async resynchronise(options: AskOptions): Promise<void> {
    await this.#repl.reenter(options);
  }

  /** Soft reset with boot.py and main.py: the program runs again. */
  async restartProgram(options: AskOptions): Promise<void> {
    this.#restarted = true;
    await this.#repl.restartProgram(options);
  }

  /**
   * A reset as by power-on where the board can, else a soft reset. On boards with native USB the
   * port goes away and comes back, perhaps under another name.
   *
   * @returns whether the port went away
   */
  async hardReset(options: AskOptions): Promise<boolean> {
    if (!this.capabilities.hardReset) {
      await this.restartProgram(options);
      return false;
    }
    this.#restarted = true;
    try {
      await this.#repl.launch(this.#py`import machine\nmachine.reset()`, options);
      return await this.#repl.awaitHangUp(HANG_UP_MS, options.signal);
    } catch (error) {
      if (error instanceof UotaError && error.code === "port_lost") return true;
      throw error;
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#restarted) await restartQuietly(this.#repl);
    await this.#port[Symbol.asyncDispose]();
  }

  get #py(): ReturnType<typeof python> {
    return python(this.#repl.transfer);
  }

  #inspectScript(): Script {
    return this.capabilities.directories ? scripts.inspect : scripts.inspectFlat;
  }

  async #ensure(needed: Script, options: AskOptions): Promise<void> {
    if (needed !== scripts.reply && !this.#sent.has(scripts.reply)) {
      await this.#ensure(scripts.reply, options);
    }
    if (this.#sent.has(needed)) return;
    await this.#run(needed, options);
    this.#sent.add(needed);
  }

  async #run(source: Script, options: AskOptions): Promise<string[]> {
    const { stdout, stderr } = await this.#executeIntact(source, options);
    if (stderr.byteLength > 0) throw explainTraceback(decode(stderr), this.#port.path);
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

  async #look(
    paths: readonly string[],
    hashes: boolean,
    options: AskOptions,
  ): Promise<string[]> {
    await this.#ensure(this.#inspectScript(), options);
    const all: string[] = [];
    for (const { directory, names } of groupByDirectory(paths, this.#chunkBytes)) {
      const where = this.locate(directory);
      const replies = await this.call("describe", [where, names, hashes], options);
      if (replies.length !== names.length) throw this.#garbled("a list of files");
      all.push(...replies);
    }
    return all;
  }

  #pathKind(reply: string, path: string): PathKind {
    const [kind, size = ""] = reply.split("\t");
    if (kind === "-") return { kind: "missing" };
    if (kind === "d") return { kind: "directory" };
    if (kind !== "f" || !/^\d+$/.test(size)) throw this.#garbled(`what is at ${path}`);
    return { kind: "file", sizeBytes: Number(size) };
  }

  #garbled(what: string): UotaError {
    return new UotaError(
      "protocol",
      `The board on ${this.#port.path} sent ${what} in a form that cannot be read; ` +
        "the line may lose bytes: check the cable and the baud rate",
    );
  }
}

/** Lower-case hex SHA-256. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Groups of paths in one directory, each small enough for one script; keeps the order. */
function* groupByDirectory(
  paths: readonly string[],
  budgetBytes: number,
): Generator<{ directory: string; names: string[] }> {
  let directory = "";
  let names: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const cut = path.lastIndexOf("/") + 1;
    const parent = path.slice(0, cut);
    const name = path.slice(cut);
    if (names.length > 0 && (parent !== directory || bytes + name.length > budgetBytes)) {
      yield { directory, names };
      names = [];
      bytes = 0;
    }
    directory = parent;
    names.push(name);
    // A str literal of its own, a pointer in a tuple, an interned string while it is compiled.
    bytes += name.length + 16;
  }
  if (names.length > 0) yield { directory, names };
}

/**
 * A literal is read into a buffer, becomes an object and passes the compiler, so a chunk needs a
 * few times its size; in plain raw mode the whole script is buffered besides.
 */
function chunkFor(freeHeapBytes: number, transfer: string): number {
  const share = freeHeapBytes / (transfer === "raw_paste" ? 10 : 16);
  return Math.min(4096, Math.max(SMALLEST_CHUNK_BYTES, 2 ** Math.floor(Math.log2(share))));
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

/** Starts the program again when all else is over; a board that is gone cannot be helped. */
async function restartQuietly(repl: RawRepl): Promise<void> {
  try {
    const signal = AbortSignal.timeout(RESTART_BOUND_MS);
    await repl.reenter({ signal, timeoutMs: RESTART_BOUND_MS });
    await repl.restartProgram({ signal });
  } catch (error) {
    // The reason why the visit ended is already on its way to the caller and matters more.
    if (!(error instanceof UotaError || error instanceof DOMException)) throw error;
  }
}

function concatenate(pieces: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(pieces.reduce((sum, piece) => sum + piece.byteLength, 0));
  let at = 0;
  for (const piece of pieces) {
    whole.set(piece, at);
    at += piece.byteLength;
  }
  return whole;
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
