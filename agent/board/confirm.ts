/**
 * Confirmation: after the commit the board is reset, must come back, and its program is started
 * under our eyes. Hard reset first, since only that proves that the board starts by itself; then a
 * soft reset with the port open, since on native USB everything that a program prints before the
 * host has opened the port is lost.
 */
import type { Visit } from "./visit.ts";

export type Verdict =
  /** `ended`: the board shows its prompt, so nothing runs that could be interrupted. */
  | { readonly kind: "healthy"; readonly ended: boolean }
  | {
    readonly kind: "failed";
    readonly code: "app_failed" | "not_ready";
    readonly message: string;
  };

export interface ConfirmOptions {
  readonly signal: AbortSignal;
  /** How long to watch, in milliseconds. */
  readonly watchMs: number;
  /** What a line must contain within that time; empty for nothing. */
  readonly ready: string;
}

/**
 * Resets and watches. The program runs afterwards, and is not interrupted again by this.
 *
 * @throws {UotaError} `board_lost` when the board does not come back, `port_lost` when it goes away
 *   while it is watched
 */
export async function confirm(visit: Visit, options: ConfirmOptions): Promise<Verdict> {
  const { signal, watchMs, ready } = options;
  await visit.resetAndReturn({ signal });
  const { platform } = visit.board.capabilities;
  const isAtEnd = platform === "microbit" ? endsInTraceback : endsAtPrompt;
  const output = await visit.board.watchProgram({
    signal,
    ms: watchMs,
    isDecided: (soFar) => isAtEnd(soFar) || (ready !== "" && hasLine(soFar, ready)),
  });
  return judge(output, { watchMs, ready, isAtEnd });
}

/** What the output of a program's first moments says of it. */
export function judge(
  output: string,
  { watchMs, ready, isAtEnd = endsAtPrompt }: {
    readonly watchMs: number;
    readonly ready: string;
    readonly isAtEnd?: (output: string) => boolean;
  },
): Verdict {
  if (ready !== "" && hasLine(output, ready)) {
    return { kind: "healthy", ended: endsAtPrompt(output) };
  }
  const traceback = isAtEnd(output) ? lastTraceback(output) : null;
  if (traceback !== null) {
    return {
      kind: "failed",
      code: "app_failed",
      message: `The program of the new release ended with an exception:\n${traceback}`,
    };
  }
  if (ready === "") return { kind: "healthy", ended: endsAtPrompt(output) };
  return {
    kind: "failed",
    code: "not_ready",
    message: `The program of the new release did not print ${JSON.stringify(ready)} within ` +
      `${watchMs / 1000} s`,
  };
}

function hasLine(output: string, part: string): boolean {
  return output.split("\n").slice(0, -1).some((line) => line.includes(part));
}

/** The friendly REPL has taken over: the program is at its end. */
function endsAtPrompt(output: string): boolean {
  return output.endsWith("\n>>> ");
}

/** The micro:bit scrolls an exception over its display, for many seconds, before its prompt comes. */
function endsInTraceback(output: string): boolean {
  const traceback = lastTraceback(output);
  return endsAtPrompt(output) ||
    (traceback !== null && output.replaceAll("\r\n", "\n").trimEnd().endsWith(traceback));
}

function lastTraceback(output: string): string | null {
  const at = output.lastIndexOf("Traceback (most recent call last):");
  if (at < 0) return null;
  const lines = output.slice(at).split(/\r?\n/);
  // Indented lines belong to it, and the one after them, which names the exception.
  const end = lines.findIndex((line, index) => index > 0 && !line.startsWith(" "));
  return lines.slice(0, end + 1).join("\n");
}
