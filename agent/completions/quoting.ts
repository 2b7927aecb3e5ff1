/** Text in the sources of shells, and what the three generators ask of an outline. */
import type { CommandOutline, OptionOutline, ProgramOutline } from "../commands/program_outline.ts";

/** A word of bash or zsh that stands for exactly this text. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

/** A description as one short phrase: what is in brackets and behind it stays in `--help`. */
export function phrase(description: string): string {
  return description.replace(/\s*\(.*/s, "").replace(/[.:]\s.*$/s, "").replace(/[.:]$/, "");
}

/** All options of a command, the global ones included. `--help` and the like come once. */
export function optionsOf(
  program: ProgramOutline,
  command: CommandOutline,
): readonly OptionOutline[] {
  const own = new Set(command.options.flatMap(({ names }) => names));
  // --version is the program's alone.
  const global = program.options.filter(({ names }) =>
    !names.some((name) => own.has(name)) && !names.includes("--version")
  );
  return [...command.options, ...global];
}

/** Options anywhere whose value is of this kind, by name. */
export function namesOfKind(
  program: ProgramOutline,
  kind: OptionOutline["value"],
): readonly string[] {
  const options = [program, ...program.commands].flatMap(({ options }) => options);
  return [...new Set(options.filter(({ value }) => value === kind).flatMap(({ names }) => names))];
}
