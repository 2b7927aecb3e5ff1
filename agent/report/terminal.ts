/**
 * The two streams that a command writes to, and what they can show. Results go to `out`, all else
 * to `err`. Nothing else in the project writes to them.
 *
 * INVARIANTS
 * - A reader that has gone (a pipe's other end, a terminal that was closed) ends nothing: boards may
 *   be in hand.
 * - The cursor is hidden only while a live area is open, and by us: the library's own way takes over
 *   the process's signals.
 */
import process from "node:process";
import { Writable } from "node:stream";
import type { createLogUpdate } from "log-update";
import type { Environment } from "../../config/mod.ts";

/** Lines at the end of a terminal that are drawn anew. */
export interface LiveArea {
  draw(lines: readonly string[]): void;
  /** Puts a line above the area, where it stays. */
  print(line: string): void;
  /** Wipes the area and gives the cursor back. */
  close(): void;
}

export interface Terminal {
  out(text: string): void;
  /** Above the live area while there is one. */
  err(text: string): void;
  /** Columns of the terminal behind `out`; null where there is none. */
  readonly outColumns: number | null;
  readonly outColor: boolean;
  readonly errColor: boolean;
  /** Where `err` can be drawn on: its size and how; null where it is a file, a pipe or the journal. */
  readonly live: (() => LiveArea) | null;
  errSize(): { readonly columns: number; readonly rows: number };
  /** Leaves the terminal as it was found, for an end in the middle of something. */
  release(): void;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

/** The process's own streams. */
export async function systemTerminal(env: Environment): Promise<Terminal> {
  const plain = env.get("TERM") === "dumb";
  const color = !plain && !env.get("NO_COLOR");
  const outIsTerminal = Deno.stdout.isTerminal();
  const errIsTerminal = Deno.stderr.isTerminal();
  // Not loaded where nothing can be drawn, since it is large.
  const library = errIsTerminal && !plain ? await import("log-update") : null;
  let area: LiveArea | null = null;
  return {
    out: outIsTerminal ? (text) => attempt(Deno.stdout, text) : (text) => deliver(text),
    err(text) {
      if (area === null) attempt(Deno.stderr, text);
      else area.print(text.replace(/\n$/, ""));
    },
    outColumns: outIsTerminal ? process.stdout.columns || 80 : null,
    outColor: color && outIsTerminal,
    errColor: color && errIsTerminal,
    live: library && (() => area = liveArea(library.createLogUpdate, () => area = null)),
    errSize: () => ({
      columns: process.stderr.columns || 80,
      rows: process.stderr.rows || 24,
    }),
    release: () => area?.close(),
  };
}

function liveArea(create: typeof createLogUpdate, onClose: () => void): LiveArea {
  // Its own hiding of the cursor ends the process at the first signal, see above.
  const update = create(new ScreenStream(), { showCursor: true });
  attempt(Deno.stderr, HIDE_CURSOR);
  return {
    draw: (lines) => update(lines.join("\n")),
    print: (line) => update.persist(line),
    close() {
      update.clear();
      update.done();
      attempt(Deno.stderr, SHOW_CURSOR);
      onClose();
    },
  };
}

/** Stderr for the library: `process.stderr` would end the process once its terminal is gone. */
class ScreenStream extends Writable {
  readonly isTTY = true;

  constructor() {
    super({ decodeStrings: false });
  }

  get columns(): number {
    return process.stderr.columns || 80;
  }

  get rows(): number {
    return process.stderr.rows || 24;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    attempt(Deno.stderr, text);
    done();
  }
}

interface Stream {
  writeSync(bytes: Uint8Array): number;
}

/** What cannot be told, on a full disk say, is no reason to leave a board in the middle. */
function attempt(stream: Stream, text: string): void {
  try {
    writeAll(stream, text);
  } catch {
    // There is nobody left to tell.
  }
}

/** A result that went to a file must be there. */
function deliver(text: string): void {
  try {
    writeAll(Deno.stdout, text);
  } catch (error) {
    // Whoever read us has seen enough, as in `uota boards | head`.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function writeAll(stream: Stream, text: string): void {
  let rest = new TextEncoder().encode(text);
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
