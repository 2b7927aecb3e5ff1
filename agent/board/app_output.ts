/** What a program's first moments say of it, read from the board's output. Pure. */
import type { Reason } from "./outcome.ts";

/** The output of a program, as far as it matters here. */
export interface AppOutput {
  /** The friendly REPL has taken over, and nothing is said behind its prompt. */
  readonly isAtPrompt: boolean;
  /** The traceback with which the program came to its end; null where it did not. */
  readonly fatal: string | null;
  /** The last traceback in it; null without one. */
  readonly traceback: string | null;
  /** How often the board was soft-reset by the program. */
  readonly softRestarts: number;
  /** Whether the line that was asked for has come. */
  readonly isReady: boolean;
  /** Whether the port went away. */
  readonly hungUp: boolean;
  /** Whether the board has restarted, in whatever way that shows on the line. */
  readonly hasRestarted: boolean;
}

export interface ReadOptions {
  /** What a line must contain; empty for nothing. */
  readonly ready: string;
  readonly isMicrobit: boolean;
  readonly hungUp?: boolean;
}

/**
 * Two lines at most, once, when the REPL begins (shared/runtime/pyexec.c, `friendly_repl_reset`);
 * what follows is the prompt, which a program can change (`sys.ps1`).
 */
const BANNER = /(?:^|\n)[^\r\n]*Python [^\r\n]*; [^\r\n]*\r?\n(?:[^\r\n]*help\(\)[^\r\n]*\r?\n)?/i;
/** Where the banner is looked for: a program may say what it likes, and as much. */
const END_CHARACTERS = 4096;
/** As ports/<port>/main.c print it; "PYB:" and none at all in old firmware. */
const SOFT_RESTART = /^(?:\w+: )?soft reboot\r?$/gm;

export function readOutput(
  output: string,
  { ready, isMicrobit, hungUp = false }: ReadOptions,
): AppOutput {
  // After a restart, what counts is what came after it.
  const softRestarts = [...output.matchAll(SOFT_RESTART)];
  const last = output.slice(softRestarts.at(-1)?.index ?? 0);
  const promptAt = promptIn(last);
  const traceback = lastTraceback(promptAt === null ? last : last.slice(0, promptAt));
  const isOver = promptAt !== null ||
    isMicrobit && traceback !== null && endsIn(last, traceback);
  return {
    isAtPrompt: promptAt !== null && !last.slice(promptAt).includes("\n"),
    fatal: isOver ? traceback : null,
    traceback: traceback ?? lastTraceback(output),
    softRestarts: softRestarts.length,
    isReady: ready !== "" && hasLine(output, ready),
    hungUp,
    hasRestarted: hungUp || softRestarts.length > 0,
  };
}

/** Whether there is nothing more to wait for. */
export function isDecided(output: AppOutput): "not_yet" | "when_quiet" | "at_once" {
  if (output.isReady) return "when_quiet";
  if (output.softRestarts > 0) return "at_once";
  return output.isAtPrompt || output.fatal !== null ? "when_quiet" : "not_yet";
}

/** What speaks against a program whose watch is over; null for nothing. */
export function judgeOutput(
  { isReady, fatal }: AppOutput,
  { watchMs, ready }: { readonly watchMs: number; readonly ready: string },
): Reason | null {
  if (isReady) return null;
  if (fatal !== null) {
    return {
      code: "app_failed",
      message: `The program of the new release ended with an exception:\n${fatal}`,
    };
  }
  if (ready === "") return null;
  return {
    code: "not_ready",
    message: `The program of the new release did not print ${JSON.stringify(ready)} within ` +
      `${watchMs / 1000} s`,
  };
}

/** Where the prompt stands behind the friendly REPL's banner; null where it has not taken over. */
function promptIn(output: string): number | null {
  const from = Math.max(0, output.length - END_CHARACTERS);
  const banner = BANNER.exec(output.slice(from));
  if (banner !== null) return from + banner.index + banner[0].length;
  return output.endsWith("\n>>> ") ? output.length - 4 : null;
}

function hasLine(output: string, part: string): boolean {
  return output.split("\n").slice(0, -1).some((line) => line.includes(part));
}

/** The micro:bit scrolls an exception over its display, for many seconds, before its prompt comes. */
function endsIn(output: string, traceback: string): boolean {
  return output.replaceAll("\r\n", "\n").trimEnd().endsWith(traceback);
}

function lastTraceback(output: string): string | null {
  const at = output.lastIndexOf("Traceback (most recent call last):");
  if (at < 0) return null;
  const lines = output.slice(at).split(/\r?\n/);
  // Indented lines belong to it, and the one after them, which names the exception.
  const end = lines.findIndex((line, index) => index > 0 && !line.startsWith(" "));
  return lines.slice(0, end + 1).join("\n");
}
