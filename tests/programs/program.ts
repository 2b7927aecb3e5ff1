/**
 * Programs that people write and that hurt, as the files of a release: what boot.py does, what main.py
 * does, alone or together. Each leaves a mark in a file of its own as soon as it runs, which says
 * which version of it that was.
 *
 * INVARIANTS
 * - What the marks and the endings need is taken from modules under the names that no file of the
 *   board can take (`utime`), and from nothing in the globals or in `builtins`.
 */
import type { WasmBoardOptions } from "../boards/mod.ts";
import type { Files } from "../update/firmware.ts";

/** What boot.py does, and the files that come with it. */
export interface Boot {
  readonly source: string;
  readonly files?: Files;
  /** Where the main.py lies that runs then. @default "main.py" */
  readonly mainPath?: string;
  /** The program is in boot.py; a main.py is not to be had beside it. */
  readonly isProgram?: true;
  /** The lines that are repeated for ever at its end. */
  readonly cycle?: string;
  /** How long it takes. @default 0 */
  readonly seconds?: number;
}

/** What main.py does. */
export interface Main {
  /** Once, at its start. */
  readonly setup?: string;
  /** Again and again after that. */
  readonly cycle?: string;
  readonly files?: Files;
  /**
   * `good`: it runs, or comes to an end by itself. `bad`: it fails, or does not stay up. `either`:
   * nobody can say, but the board has to stay reachable.
   */
  readonly is: "good" | "bad" | "either";
  /** Whether it runs on when it is good. @default true */
  readonly goesOn?: false;
  /** Its setup or its cycle does not come to an end: what fails does so before that. */
  readonly waits?: true;
  /** What it writes or removes by itself. */
  readonly writes?: readonly string[];
  /** The board's `machine` is used: a release's machine.py would take its place. */
  readonly usesMachine?: true;
  /** What a user has to ask for, since the program spoils its own version. */
  readonly ask?: { readonly force?: true; readonly versionCheck?: false };
  /** How long it takes until it shows that it fails, if it does. @default 0 */
  readonly seconds?: number;
  /** The only kind of port on which anybody gets in. */
  readonly port?: "uart";
  /** Lines for `[defaults]`. */
  readonly defaults?: string;
}

/** A program to try, with the names of its parts. */
export interface Program {
  readonly name: string;
  readonly boot: Boot | null;
  readonly main: Main;
  readonly board: Pick<WasmBoardOptions, "port">;
}

/** The file in which a program leaves the version that ran. */
export const MARK_PATH = "/ran.txt";

/** An ordinary program, for releases that are to mend a board. */
export const ORDINARY: Main = { is: "good" };

function mark(version: string): string {
  return `import io as _io\n_f = _io.open("${MARK_PATH}", "w")\n_f.write("${version}")\n_f.close()\n`;
}

function repeated(cycle: string): string {
  const lines = cycle.trimEnd().split("\n").map((line) => `    ${line}\n`).join("");
  return `import utime as _t\nwhile True:\n${lines}    _t.sleep_ms(20)\n`;
}

/** As long as a watch may take to see that a program came up before it failed. */
const CYCLES_BEFORE_FAILURE = 10;

function failing(cycle: string): string {
  const lines = cycle.trimEnd().split("\n").map((line) => `    ${line}\n`).join("");
  return `for _ in range(${CYCLES_BEFORE_FAILURE}):\n${lines}raise ValueError("on purpose")\n`;
}

/** The files of a program as a release. `fails`: the same, but it comes to no good end. */
export function filesOf(
  { boot, main }: Pick<Program, "boot" | "main">,
  { version, fails = false }: { readonly version: string; readonly fails?: boolean },
): Files {
  const files = { ...boot?.files, ...main.files, "version": `${version}\n` };
  if (boot?.isProgram) {
    const cycle = boot.cycle ?? "pass";
    const end = fails ? failing(cycle) : boot.cycle === undefined ? "" : repeated(cycle);
    return { ...files, "boot.py": `${mark(version)}${boot.source}${end}` };
  }
  const cycle = main.cycle ?? "pass";
  const runs = main.is === "good" && main.goesOn !== false ? repeated(cycle) : "";
  const end = fails ? failing(cycle) : runs;
  const isCut = fails && main.waits === true;
  const source = `${mark(version)}${isCut ? failing("pass") : `${main.setup ?? ""}${end}`}`;
  return {
    ...files,
    ...(boot === null ? {} : { "boot.py": boot.source }),
    [boot?.mainPath ?? "main.py"]: source,
  };
}

/** An ordinary release that takes away what the program has brought. */
export function ordinaryFiles(program: Program, version: string): Files {
  const own = filesOf({ boot: null, main: ORDINARY }, { version });
  const gone = Object.keys(filesOf(program, { version })).filter((path) => !(path in own));
  return gone.length === 0 ? own : { ...own, "uota.cfg": `{"delete": ${JSON.stringify(gone)}}\n` };
}
