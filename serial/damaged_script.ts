/**
 * A script that did not arrive as it was sent, and when to stop believing that. Used by
 * `script_runner.ts`.
 */
import { UotaError } from "../errors/mod.ts";
import { exceptionOf, explainObstacle } from "./traceback.ts";

/** So often the same exception is the line's fault; then it is what the board has to say. */
const SAME_EXCEPTIONS = 3;

/** A script or its reply was damaged on the line, and the board is at its prompt again. */
export class DamagedScript extends UotaError {
  readonly traceback: string | null;
  /** Whether the board may mean what it says. */
  readonly mayBeTrue: boolean;

  constructor(
    path: string,
    said: { readonly traceback: string; readonly mayBeTrue: boolean } | null,
  ) {
    super(
      "protocol",
      `What went over the line to the board on ${path} was damaged again and again` +
        `${said ? ` (${exceptionOf(said.traceback)})` : ""}; ` +
        "check the cable, or set a lower baud rate",
      said ? { cause: new Error(said.traceback) } : {},
    );
    this.traceback = said?.traceback ?? null;
    this.mayBeTrue = said?.mayBeTrue ?? false;
  }

  /** A stray Ctrl-D has soft-reset the board: it knows nothing of what was loaded. */
  get saysForgotten(): boolean {
    return this.traceback !== null && exceptionOf(this.traceback).startsWith("NameError") &&
      exceptionOf(this.traceback).includes("_uota");
  }
}

/** Tells a line that damages from a board that has only one thing to say. */
export class Obstacles {
  readonly #path: string;
  #last: string | null = null;
  #times = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** @throws {UotaError} `board_error` when the same has come too often */
  note({ traceback, mayBeTrue }: DamagedScript): void {
    this.#times = traceback === this.#last ? this.#times + 1 : 1;
    this.#last = traceback;
    if (mayBeTrue && traceback !== null && this.#times === SAME_EXCEPTIONS) {
      throw explainObstacle(traceback, this.#path);
    }
  }
}
