/**
 * The files of a board: what is there, reading, writing, renaming, removing. Part of a `Board`.
 *
 * INVARIANTS
 * - Paths are relative to the root of the file system that holds main.py, without a leading slash.
 * - No request makes the board hold more than a few times {@linkcode BoardFiles.chunkBytes} at once.
 */
import { createHash } from "node:crypto";
import { UotaError } from "../errors/mod.ts";
import type { Capabilities } from "./capabilities.ts";
import { concatenate } from "./concatenate.ts";
import { parseBytesRepr, type Transfer } from "./literal.ts";
import {
  groupByDirectory,
  parsePathReply,
  parseTreeReply,
  type PathKind,
  type PathReply,
  type PathState,
  type TreeEntry,
} from "./path_state.ts";
import { type Script, scripts } from "./script.ts";
import type { AskOptions, Call, ScriptRunner } from "./script_runner.ts";
import { chunkFor, packWrites, SMALLEST_CHUNK_BYTES, type WriteEntry } from "./write_plan.ts";

/** The size of the file system with main.py, as its `statvfs` tells. */
export interface Space {
  /** The size of a block, in bytes: what a file occupies is a multiple of it. */
  readonly blockBytes: number;
  /** All blocks. */
  readonly totalBlocks: number;
  /** Blocks that hold nothing. */
  readonly freeBlocks: number;
}

/** What {@linkcode BoardFiles.writeFiles} takes. */
export interface WriteFilesOptions extends AskOptions {
  /** Called with the number of content bytes that the board has taken since the last call. */
  readonly onProgress?: (bytes: number) => void;
}

/** A chunk that does not get through is made smaller rather than sent many times. */
const CHUNK_ATTEMPTS = 2;
const TOO_LARGE: ReadonlySet<string> = new Set(["board_memory", "protocol", "timed_out"]);
/** Short replies: some USB controllers stall on long ones (micropython#19651). */
const READ_PIECE_BYTES = 48;
/** In one script. A flat board cannot begin to read in the middle, and has no file as large. */
const READ_BYTES = 64 * 1024;
/** Four characters for a byte that does not print, and the frame of a piece. */
const READ_OUTPUT_FACTOR = 5;
/** More than any file of a board, so that no reading is endless. */
const LARGEST_FILE_BYTES = 64 * 1024 * 1024;
/** What a program may print in between. */
const LITTLE_NOISE_BYTES = 64 * 1024;
const LARGEST_TREE_ENTRIES = 20_000;
/** A path of the longest names, a hundred deep, would be more; no board has 20,000 of those. */
const TREE_OUTPUT_BYTES = 8 * 1024 * 1024;

/** What the files of a board go by. */
export interface BoardFilesOptions {
  /** The port's path, for messages. */
  readonly port: string;
  readonly scripts: ScriptRunner;
  readonly capabilities: Capabilities;
  readonly transfer: Transfer;
}

/** The file system of one board. */
export class BoardFiles {
  readonly #port: string;
  readonly #scripts: ScriptRunner;
  readonly #capabilities: Capabilities;
  #chunkBytes: number;

  /** For `Board`, once it knows what the board can do. */
  constructor({ port, scripts, capabilities, transfer }: BoardFilesOptions) {
    this.#port = port;
    this.#scripts = scripts;
    this.#capabilities = capabilities;
    this.#chunkBytes = chunkFor(capabilities.freeHeapBytes, transfer);
  }

  /** How many bytes of content go into one script: a share of the board's free heap. */
  get chunkBytes(): number {
    return this.#chunkBytes;
  }

  /** The name under which the board itself knows `path`; `""` gives the root with its slash. */
  locate(path: string): string {
    const { root } = this.#capabilities;
    return root === null ? path : `${root}/${path}`;
  }

  /** What is at each of `paths`, with hashes: computed on the board, or here where it cannot. */
  async describe(paths: readonly string[], options: AskOptions): Promise<PathState[]> {
    const replies = await this.#look(paths, this.#capabilities.sha256, options);
    const states: PathState[] = [];
    for (const [index, path] of paths.entries()) {
      const { sha256, ...state } = this.#pathReply(replies[index], path);
      if (state.kind !== "file") {
        states.push({ kind: state.kind });
        continue;
      }
      states.push({ ...state, sha256: sha256 ?? sha256Hex(await this.readFile(path, options)) });
    }
    return states;
  }

  /** What is at each of `paths`. */
  async stat(paths: readonly string[], options: AskOptions): Promise<PathKind[]> {
    const replies = await this.#look(paths, false, options);
    return paths.map((path, index) => this.#pathReply(replies[index], path));
  }

  /** Everything below a directory that exists, parents before their children. */
  async walk(directory: string, options: AskOptions): Promise<TreeEntry[]> {
    await this.#scripts.ensure(this.#inspectScript(), options);
    const where = this.locate(directory).replace(/\/$/, "");
    const replies = await this.#scripts.call("walk", [bytesOf(where), LARGEST_TREE_ENTRIES], {
      ...options,
      maxOutputBytes: TREE_OUTPUT_BYTES,
    });
    if (replies.length > LARGEST_TREE_ENTRIES) {
      throw new UotaError(
        "board_error",
        `The board on ${this.#port} has over ${LARGEST_TREE_ENTRIES} files and directories below ` +
          `${where || "/"}, which is more than an update can deal with; remove some by hand`,
      );
    }
    return replies.map((reply) => parseTreeReply(reply, this.locate("").length));
  }

  /** The file system's space, or null where the board cannot tell. */
  async space(options: AskOptions): Promise<Space | null> {
    if (!this.#capabilities.statvfs) return null;
    await this.#scripts.ensure(scripts.inspect, options);
    const [reply = ""] = await this.#scripts.call(
      "space",
      [this.#capabilities.root || "/"],
      options,
    );
    const [blockBytes = NaN, totalBlocks = NaN, freeBlocks = NaN] = reply.split("\t").map(Number);
    if (!Number.isFinite(blockBytes + totalBlocks + freeBlocks)) throw this.#garbled("its space");
    return { blockBytes, totalBlocks, freeBlocks };
  }

  /** The first `limitBytes` of a file. @throws {UotaError} `board_error` when it does not exist */
  async readFile(
    path: string,
    options: AskOptions & { readonly limitBytes?: number },
  ): Promise<Uint8Array<ArrayBuffer>> {
    await this.#scripts.ensure(scripts.read, options);
    const { limitBytes = LARGEST_FILE_BYTES } = options;
    const parts: Uint8Array[] = [];
    let offset = 0;
    while (offset < limitBytes) {
      const length = Math.min(limitBytes - offset, READ_BYTES);
      const part = await this.#readPart(path, { ...options, offset, length });
      parts.push(part);
      offset += part.byteLength;
      if (part.byteLength < length) return concatenate(parts);
    }
    if (options.limitBytes === undefined) {
      throw this.#garbled(`the content of ${path}, without end,`);
    }
    return concatenate(parts);
  }

  async #readPart(
    path: string,
    options: AskOptions & { readonly offset: number; readonly length: number },
  ): Promise<Uint8Array> {
    const { offset, length } = options;
    const where = [bytesOf(this.locate(path)), READ_PIECE_BYTES, offset, length];
    const replies = await this.#scripts.call("read", where, {
      ...options,
      maxOutputBytes: LITTLE_NOISE_BYTES + READ_OUTPUT_FACTOR * length,
    });
    try {
      const part = concatenate(replies.map(parseBytesRepr));
      if (part.byteLength <= length) return part;
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
    }
    throw this.#garbled(`the content of ${path}`);
  }

  /**
   * Creates or replaces files, in order; their directories exist. Small files share a script.
   * A board that runs out of memory gets smaller chunks, and so does a
   * line that seldom lets a whole one through.
   *
   * @throws {UotaError} `no_space`, `board_memory`, `board_error`
   */
  async writeFiles(entries: readonly WriteEntry[], options: WriteFilesOptions): Promise<void> {
    await this.ensure(options);
    const located = entries.map((entry) => ({ ...entry, path: this.locate(entry.path) }));
    const flat = !this.#capabilities.directories;
    let from = 0;
    // Content bytes of the file under way that were told: one that is begun anew tells none twice.
    let told = 0;
    while (from < located.length) {
      let taken = 0;
      try {
        const how = { chunkBytes: this.#chunkBytes, flat };
        for (const pack of packWrites(located.slice(from), how)) {
          const calls = pack.calls.map(withBytes);
          await this.#scripts.callAll(calls, { ...options, attempts: CHUNK_ATTEMPTS });
          taken += pack.contentBytes;
          if (taken > told) options.onProgress?.(taken - told);
          told = Math.max(told, taken);
          from += pack.filesEnded;
          if (pack.filesEnded > 0) taken = told = 0;
        }
      } catch (error) {
        const smaller = this.#chunkBytes / 2;
        const isTooLarge = error instanceof UotaError && TOO_LARGE.has(error.code);
        if (!isTooLarge || smaller < SMALLEST_CHUNK_BYTES || options.signal.aborted) throw error;
        this.#chunkBytes = smaller;
        await this.#scripts.call("collect", [], options);
      }
    }
  }

  /** Removes a file or a whole directory; what is gone already is fine. */
  async removeTree(path: string, options: AskOptions): Promise<void> {
    await this.ensure(options);
    await this.#scripts.call("remove", [bytesOf(this.locate(path))], options);
  }

  /**
   * Renames a file or directory. What happens to an existing target depends on the file system; a
   * rename that is done already is fine.
   */
  async rename(from: string, to: string, options: AskOptions): Promise<void> {
    await this.ensure(options);
    await this.#scripts.call("move", [this.locate(from), this.locate(to)], options);
  }

  /** Makes directories that do not exist yet, in order. */
  async makeDirectories(paths: readonly string[], options: AskOptions): Promise<void> {
    await this.ensure(options);
    for (const { directory, names } of groupByDirectory(paths, this.#chunkBytes)) {
      const values = [bytesOf(this.locate(directory)), bytesOf(names.join("/"))];
      await this.#scripts.call("make_directories", values, options);
    }
  }

  /** Makes sure that the functions are on the board with which it changes files. */
  async ensure(options: AskOptions): Promise<void> {
    await this.#scripts.ensure(this.#inspectScript(), options);
    const { directories } = this.#capabilities;
    await this.#scripts.ensure(directories ? scripts.files : scripts.filesFlat, options);
  }

  #inspectScript(): Script {
    return this.#capabilities.directories ? scripts.inspect : scripts.inspectFlat;
  }

  async #look(
    paths: readonly string[],
    hashes: boolean,
    options: AskOptions,
  ): Promise<string[]> {
    await this.#scripts.ensure(this.#inspectScript(), options);
    const all: string[] = [];
    for (const { directory, names } of groupByDirectory(paths, this.#chunkBytes)) {
      const values = [bytesOf(this.locate(directory)), bytesOf(names.join("/")), hashes];
      const replies = await this.#scripts.call("describe", values, options);
      if (replies.length !== names.length) throw this.#garbled("a list of files");
      all.push(...replies);
    }
    return all;
  }

  #pathReply(reply: string | undefined, path: string): PathReply {
    const state = parsePathReply(reply ?? "");
    if (state === null) throw this.#garbled(`what is at ${path}`);
    return state;
  }

  #garbled(what: string): UotaError {
    return new UotaError(
      "protocol",
      `The board on ${this.#port} sent ${what} in a form that cannot be read; ` +
        "the line may lose bytes: check the cable and the baud rate",
    );
  }
}

/** Lower-case hex SHA-256. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Paths go to the board as bytes: see `on_board/inspect.py`. */
function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

function withBytes({ name, values }: Call): Call {
  return {
    name,
    values: values.map((value) => typeof value === "string" ? bytesOf(value) : value),
  };
}
