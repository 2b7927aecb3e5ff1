/**
 * What a person sees while boards are worked on, always on stderr. On a terminal each board has a
 * line that is drawn anew; elsewhere, and with `--verbose`, lines are only ever added.
 */
import stringWidth from "string-width";
import type { ProgressEvent } from "../update.ts";
import type { Terminal } from "./terminal.ts";
import { outcomeLine } from "./text.ts";
import { bytes, colored, outcomeWord, shown, shownLines } from "./words.ts";

export type Verbosity = "quiet" | "normal" | "verbose";

export interface Progress extends Disposable {
  readonly onProgress: (event: ProgressEvent) => void;
  readonly log: (line: string) => void;
}

export interface ProgressOptions {
  readonly verbosity: Verbosity;
  /** Milliseconds of a clock that never goes back. */
  readonly now: () => number;
}

/** Drawing more often than people can see costs a Raspberry Pi more than the update does. */
const REDRAW_MS = 100;
const BAR_COLUMNS = 24;

/** The way of showing that fits the terminal and the wish. */
export function showProgress(terminal: Terminal, options: ProgressOptions): Progress {
  if (options.verbosity === "quiet") {
    return { onProgress() {}, log() {}, [Symbol.dispose]() {} };
  }
  if (options.verbosity === "normal" && terminal.live !== null) {
    return liveProgress(terminal, terminal.live, options);
  }
  return lineProgress(terminal, options.verbosity === "verbose");
}

/** A board's name may only turn out once it is asked; its port stays. One without a port has a name. */
function lineOf({ port, board }: ProgressEvent): string {
  return port === "" ? board : port;
}

function lineProgress(terminal: Terminal, everyPhase: boolean): Progress {
  const phases = new Map<string, string>();
  const print = (line: string) => terminal.err(`${line}\n`);
  return {
    log: (line) => print(shownLines(line).join("\n")),
    onProgress(event) {
      if (event.phase === "done") return print(outcomeLine(event.outcome, terminal.errColor));
      if (!everyPhase) return;
      if (phases.get(lineOf(event)) === event.phase) return;
      phases.set(lineOf(event), event.phase);
      print(`${shown(event.board)} on ${shown(event.port)}: ${event.phase}`);
    },
    [Symbol.dispose]() {},
  };
}

function liveProgress(
  terminal: Terminal,
  start: NonNullable<Terminal["live"]>,
  { now }: ProgressOptions,
): Progress {
  const area = start();
  const latest = new Map<string, ProgressEvent>();
  let drawnAtMs = -Infinity;
  const draw = () => {
    drawnAtMs = now();
    area.draw(progressLines([...latest.values()], {
      ...terminal.errSize(),
      color: terminal.errColor,
    }));
  };
  return {
    log: (line) => area.print(shownLines(line).join("\n")),
    onProgress(event) {
      const samePhase = latest.get(lineOf(event))?.phase === event.phase;
      latest.set(lineOf(event), event);
      if (!samePhase || now() - drawnAtMs >= REDRAW_MS) draw();
    },
    [Symbol.dispose]: () => area.close(),
  };
}

export interface LinesOptions {
  readonly columns: number;
  readonly rows: number;
  readonly color: boolean;
}

/** A line for each board, the working ones first, as many as the terminal has room for. */
export function progressLines(
  events: readonly ProgressEvent[],
  { columns, rows, color }: LinesOptions,
): readonly string[] {
  const working = events.filter(({ phase }) => phase !== "done");
  const done = events.filter(({ phase }) => phase === "done");
  const room = Math.max(1, rows - 2);
  const shownEvents = events.length <= room ? events : [...working, ...done].slice(0, room - 1);
  const nameColumns = Math.max(0, ...shownEvents.map(({ board }) => stringWidth(shown(board))));
  const lines = shownEvents.map((event) => {
    const name = shown(event.board);
    const padding = " ".repeat(nameColumns - stringWidth(name));
    return cut(`${name}${padding}  ${stateText(event)}`, columns - 1);
  });
  const hidden = events.length - shownEvents.length;
  if (hidden > 0) lines.push(`… and ${hidden} more, ${done.length} of ${events.length} done`);
  return color ? lines.map((line, index) => painted(line, shownEvents[index])) : lines;
}

function stateText(event: ProgressEvent): string {
  switch (event.phase) {
    case "done":
      return outcomeWord(event.outcome);
    case "staging": {
      const { doneBytes, totalBytes } = event;
      const share = totalBytes === 0 ? 1 : Math.min(1, doneBytes / totalBytes);
      const full = Math.round(share * BAR_COLUMNS);
      const bar = "█".repeat(full) + "░".repeat(BAR_COLUMNS - full);
      const percent = `${Math.floor(share * 100)}%`.padStart(4);
      return `${bar} ${percent}  ${bytes(doneBytes)} of ${bytes(totalBytes)}`;
    }
    default:
      return event.phase;
  }
}

function painted(line: string, event: ProgressEvent | undefined): string {
  return event?.phase === "done" ? colored(line, event.outcome.outcome, true) : line;
}

/** At most `columns` wide: a line that wraps cannot be drawn anew. */
function cut(line: string, columns: number): string {
  if (stringWidth(line) <= columns) return line;
  let kept = "";
  for (const character of line) {
    if (stringWidth(kept + character) > columns - 1) break;
    kept += character;
  }
  return `${kept}…`;
}
