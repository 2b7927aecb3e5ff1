/** What `--help` says beside the flags; the manual page says the same. */

export const SELECTOR_TEXT =
  "A SELECTOR is all, a board's name, its uid, a port's path, group:NAME, or a glob over names.";

export const SELECTOR_HELP = `\n${SELECTOR_TEXT}\n`;

export const EXIT_CODE_MEANINGS: readonly (readonly [code: string, meaning: string])[] = [
  ["0", "all selected boards are updated or current"],
  ["1", "at least one failed or was rolled back"],
  ["2", "wrong usage"],
  ["69", "server unreachable"],
  ["75", "some boards unreachable or busy, try again"],
  ["77", "release refused"],
  ["78", "configuration wrong"],
  ["130", "stopped by Ctrl-C, 129 by SIGHUP, 131 by SIGQUIT, 143 by SIGTERM; the boards are whole"],
];

export const EXIT_CODES = `\nExit codes:\n${
  EXIT_CODE_MEANINGS.map(([code, meaning]) => `  ${code.padEnd(3)} ${meaning}\n`).join("")
}`;

/** Commands to copy, each with what it is for. */
export function examples(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${
    lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}\n`).join("")
  }`;
}
