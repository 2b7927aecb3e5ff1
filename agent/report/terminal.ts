/**
 * The two streams that a command writes to, and what they can show. Results go to `out`, all else
 * to `err`. Nothing else in the project writes to them.
 *
 * INVARIANTS
 * - A reader that has gone (a pipe's other end, a terminal that was closed) ends nothing, and one
 *   that does not read (Ctrl-S, a connection that hangs) holds nothing up: boards may be in hand.
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
  /** Waits until all that was told is written; for when no board waits any more. */
  flush(): void;
}

const HIDE_CURSOR = "\x1b[?25l";
const SHOW_CURSOR = "\x1b[?25h";

const encoder = new TextEncoder();

/** The process's own streams. */
export async function systemTerminal(env: Environment): Promise<Terminal> {
  const plain = env.get("TERM") === "dumb";
  const color = !plain && !env.get("NO_COLOR");
  const outIsTerminal = Deno.stdout.isTerminal();
  const errIsTerminal = Deno.stderr.isTerminal();
  // Not loaded where nothing can be drawn, since it is large.
  const library = errIsTerminal && !plain ? await import("log-update") : null;
  const screen = errIsTerminal ? await openScreen() : null;
  const tell = (text: string) => screen === null ? attempt(Deno.stderr, text) : screen.show(text);
  let area: LiveArea | null = null;
  return {
    out(text) {
      screen?.flush();
      if (outIsTerminal) attempt(Deno.stdout, text);
      else deliver(text);
    },
    err(text) {
      if (area === null) tell(text);
      else area.print(text.replace(/\n$/, ""));
    },
    outColumns: outIsTerminal ? process.stdout.columns || 80 : null,
    outColor: color && outIsTerminal,
    errColor: color && errIsTerminal,
    live: library &&
      (() => area = liveArea(library.createLogUpdate, { tell, onClose: () => area = null })),
    errSize: () => ({
      columns: process.stderr.columns || 80,
      rows: process.stderr.rows || 24,
    }),
    release: () => area?.close(),
    flush: () => screen?.flush(),
  };
}

interface LiveAreaOptions {
  readonly tell: (text: string) => void;
  readonly onClose: () => void;
}

function liveArea(
  create: typeof createLogUpdate,
  { tell, onClose }: LiveAreaOptions,
): LiveArea {
  // Its own hiding of the cursor ends the process at the first signal, see above.
  const update = create(new ScreenStream(tell), { showCursor: true });
  tell(HIDE_CURSOR);
  return {
    draw: (lines) => update(lines.join("\n")),
    print: (line) => update.persist(line),
    close() {
      update.clear();
      update.done();
      tell(SHOW_CURSOR);
      onClose();
    },
  };
}

/** Stderr for the library: `process.stderr` would end the process once its terminal is gone. */
class ScreenStream extends Writable {
  readonly isTTY = true;
  readonly #tell: (text: string) => void;

  constructor(tell: (text: string) => void) {
    super({ decodeStrings: false });
    this.#tell = tell;
  }

  get columns(): number {
    return process.stderr.columns || 80;
  }

  get rows(): number {
    return process.stderr.rows || 24;
  }

  override _write(text: string, _encoding: string, done: () => void): void {
    this.#tell(text);
    done();
  }
}

/** The terminal behind stderr, written to without ever waiting for it. */
interface Screen {
  show(text: string): void;
  flush(): void;
}

/** What a terminal that does not read gets later; what comes on top of that it never gets. */
const MOST_UNREAD_BYTES = 64 * 1024;

/**
 * Opened anew, since whether writing waits belongs to the open file, which stderr shares with the
 * shell. Null where that may not be: after `su` the terminal is another user's.
 */
async function openScreen(): Promise<Screen | null> {
  const { O_NOCTTY, O_NONBLOCK, O_RDWR, openPathNow, writeFd } = await import(
    "../../serial/libc.ts"
  );
  let fd: number;
  try {
    fd = openPathNow("/proc/self/fd/2", O_RDWR | O_NOCTTY | O_NONBLOCK);
  } catch {
    return null;
  }
  let unread = new Uint8Array();
  return {
    show(text) {
      if (unread.length > MOST_UNREAD_BYTES) return;
      unread = Uint8Array.from([...unread, ...encoder.encode(text)]);
      try {
        while (unread.length > 0) {
          const taken = writeFd(fd, unread);
          if (taken === null) return;
          unread = unread.subarray(taken);
        }
      } catch {
        // It has gone, and nobody is left to tell.
        unread = new Uint8Array();
      }
    },
    flush() {
      attempt(Deno.stderr, unread);
      unread = new Uint8Array();
    },
  };
}

interface Stream {
  writeSync(bytes: Uint8Array): number;
}

/** What cannot be told, on a full disk say, is no reason to leave a board in the middle. */
function attempt(stream: Stream, what: string | Uint8Array): void {
  try {
    writeAll(stream, typeof what === "string" ? encoder.encode(what) : what);
  } catch {
    // There is nobody left to tell.
  }
}

/** A result that went to a file must be there. */
function deliver(text: string): void {
  try {
    writeAll(Deno.stdout, encoder.encode(text));
  } catch (error) {
    // Whoever read us has seen enough, as in `uota boards | head`.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

function writeAll(stream: Stream, bytes: Uint8Array): void {
  let rest = bytes;
  while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
}
