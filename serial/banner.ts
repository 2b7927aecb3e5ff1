/**
 * What a board says while one gets in: the friendly REPL's banner, which proves that it is one, and
 * the traceback of a program that was interrupted. Used by `raw_repl.ts`.
 *
 * The banner is `MICROPY_BANNER_NAME_AND_VERSION "; " MICROPY_BANNER_MACHINE`, on ports with help()
 * with a line about that behind it, then the prompt (shared/runtime/pyexec.c, `friendly_repl_reset`).
 * The prompt is `sys.ps1` (py/modsys.c), so that a program may have made it anything.
 */

export interface Banner {
  /** The line that names the firmware. */
  readonly firmware: string;
  /** Whether MicroPython's own prompt stands behind it. */
  readonly hasUsualPrompt: boolean;
}

const USUAL = /\r\n([^\r\n]*Python[^\r\n]*)\r\n(?:[^\r\n]+\r\n)?>>> /gi;
const ANY = /\r\n([^\r\n]*Python [^\r\n]* on [^\r\n]*; [^\r\n]*)\r\n/gi;

/**
 * Finds the banner in what came after a Ctrl-B. A REPL answers with one; a program that prints them
 * over and over is none.
 */
export function findBanner(heard: Uint8Array): Banner | null {
  const text = String.fromCharCode(...heard);
  const [usual, ...moreUsual] = text.matchAll(USUAL);
  if (usual) {
    return moreUsual.length > 0 ? null : { firmware: usual[1] ?? "", hasUsualPrompt: true };
  }
  const [other, ...moreOthers] = text.matchAll(ANY);
  if (!other || moreOthers.length > 0) return null;
  return { firmware: other[1] ?? "", hasUsualPrompt: false };
}

const UNASKED = /(?:^|\n)[^\r\n]*Python [^\r\n]* on [^\r\n]*; [^\r\n]*\r\n/i;
const INTERRUPTED =
  /Traceback \(most recent call last\):\r?\n((?:[ \t]+File "[^\r\n]*\r?\n)+)KeyboardInterrupt/g;
/** What boot loaders of ESP chips print, and what their other baud rate looks like here. */
const CHIP_STARTS = /\brst:0x|\bets [A-Z]|[\x80-\xff]/;

/** Whether a program from a file was interrupted; frames of `<stdin>` are a script's from a host. */
export function hasInterruptedProgram(heard: string): boolean {
  return heard.matchAll(INTERRUPTED)
    .some(([, frames = ""]) => /^[ \t]+File "(?!<)/m.test(frames));
}

/**
 * Whether something came to its end by itself, so that the REPL began: its banner came before anybody
 * asked for it, and not because the chip was just starting.
 */
export function hasEndedQuietly(heardBeforeAsking: string): boolean {
  const at = heardBeforeAsking.search(UNASKED);
  return at >= 0 && !CHIP_STARTS.test(heardBeforeAsking.slice(0, at));
}
