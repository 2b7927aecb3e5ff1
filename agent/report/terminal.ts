/**
 * The two streams that a command writes to, and what they can show. Results go to `out`, all else
 * to `err`. Nothing else in the project writes to them.
 */
import process from "node:process";
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
  err(text: string): void;
  /** Columns of the terminal behind `out`; null where there is none. */
  readonly outColumns: number | null;
  readonly outColor: boolean;
  readonly errColor: boolean;
  /** Where `err` can be drawn on: its size and how; null where it is a file, a pipe or the journal. */
  readonly live: (() => LiveArea) | null;
  errSize(): { readonly columns: number; readonly rows: number };
}

/** The process's own streams. */
export async function systemTerminal(env: Environment): Promise<Terminal> {
  const plain = env.get("TERM") === "dumb";
  const color = !plain && !env.get("NO_COLOR");
  const outIsTerminal = Deno.stdout.isTerminal();
  const errIsTerminal = Deno.stderr.isTerminal();
  // Not loaded where nothing can be drawn, since it is large.
  const library = errIsTerminal && !plain ? await import("log-update") : null;
  return {
    out: (text) => writeAll(Deno.stdout, text),
    err: (text) => tell(text),
    outColumns: outIsTerminal ? process.stdout.columns || 80 : null,
    outColor: color && outIsTerminal,
    errColor: color && errIsTerminal,
    live: library && (() => liveArea(library.createLogUpdate)),
    errSize: () => ({
      columns: process.stderr.columns || 80,
      rows: process.stderr.rows || 24,
    }),
  };
}

function liveArea(create: typeof createLogUpdate): LiveArea {
  const update = create(process.stderr);
  return {
    draw: (lines) => update(lines.join("\n")),
    print: (line) => update.persist(line),
    close() {
      update.clear();
      update.done();
    },
  };
}

/** What cannot be told, on a full disk say, is no reason to leave a board in the middle. */
function tell(text: string): void {
  try {
    writeAll(Deno.stderr, text);
  } catch {
    // There is nobody left to tell.
  }
}

function writeAll(stream: { writeSync(bytes: Uint8Array): number }, text: string): void {
  let rest = new TextEncoder().encode(text);
  try {
    while (rest.length > 0) rest = rest.subarray(stream.writeSync(rest));
  } catch (error) {
    // Whoever read us has seen enough, as in `uota boards | head`.
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}
