/**
 * What a traceback of the board says of the script that raised it. Used by `script_runner.ts`.
 */
import { UotaError } from "../errors/mod.ts";

/** How a script ended that did not end well. */
export type Failure =
  /** The script did not arrive as it was sent, and may be sent again. */
  | { readonly kind: "damaged" }
  /** The same, as far as one can tell; unless the same comes of it again and again. */
  | { readonly kind: "unexpected" }
  | { readonly kind: "reported"; readonly error: UotaError };

/**
 * What a guarded function raises has the guard in its traceback; whatever is raised before that
 * comes from a script that was damaged on its way, since what we send is well-formed, or from a place
 * on the board that is not as we need it. An interrupt is none of ours: we never send one into a
 * script.
 */
export function judgeTraceback(traceback: string, path: string): Failure {
  const lines = linesOf(traceback);
  const last = exceptionOf(traceback);
  if (last.startsWith("KeyboardInterrupt") || last === "ValueError: damaged") {
    return { kind: "damaged" };
  }
  const isGuarded = lines.some((line) => line.endsWith(", in guard"));
  if (!isGuarded && !last.startsWith("MemoryError")) return { kind: "unexpected" };
  return { kind: "reported", error: explainTraceback(traceback, path) };
}

/**
 * The line of a traceback that names the exception, its beginning where it is long; the lines of a
 * longer message follow it.
 */
export function exceptionOf(traceback: string): string {
  const lines = linesOf(traceback);
  const begun = lines.findLastIndex((line) => line.startsWith("Traceback "));
  const line = lines.slice(begun + 1).find((text) => /^\S/.test(text)) ?? lines.at(-1) ?? "";
  return line.length > LONGEST_EXCEPTION ? `${line.slice(0, LONGEST_EXCEPTION)}…` : line;
}

/** For a message; the whole is its cause. */
const LONGEST_EXCEPTION = 300;

/** What a script raised that got through to its end. */
function explainTraceback(traceback: string, path: string): UotaError {
  const last = exceptionOf(traceback);
  const cause = { cause: new Error(traceback) };
  if (last.startsWith("MemoryError")) {
    return new UotaError(
      "board_memory",
      `The board on ${path} has too little free memory for this step (${last}); ` +
        "whatever its boot.py and the modules that it imports keep in memory is missing here",
      cause,
    );
  }
  if (/^OSError: (\[Errno 28\]|28\b)/.test(last) || last.includes("ENOSPC")) {
    return new UotaError("no_space", `The flash of the board on ${path} is full`, cause);
  }
  return new UotaError("board_error", `The board on ${path} reported: ${last}`, cause);
}

/** What never changes, however often it is sent, is not the line's fault. */
export function explainObstacle(traceback: string, path: string): UotaError {
  const last = exceptionOf(traceback);
  const foreign = linesOf(traceback).findLast((line) => /^\s*File "(?!<)/.test(line))?.trim()
    .slice(0, LONGEST_EXCEPTION);
  const obstacle = foreign === undefined
    ? "its boot.py, or what that imports, seems to have replaced something that MicroPython brings"
    : `${foreign} stands in for something that MicroPython brings, __import__ most likely`;
  return new UotaError(
    "board_error",
    `The board on ${path} answers everything that is sent to it with ${last}: ${obstacle}. ` +
      "Take that out of the board's program, by hand where no update gets through",
    { cause: new Error(traceback) },
  );
}

function linesOf(traceback: string): string[] {
  return traceback.trim().split(/\r?\n/);
}
