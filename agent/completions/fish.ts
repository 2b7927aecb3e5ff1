/** The completions for fish. */
import type { CommandOutline, OptionOutline, ProgramOutline } from "../commands/program_outline.ts";
import { namesOfKind, phrase } from "./quoting.ts";

/** A file for one of fish's completion directories, named `uota.fish`. */
export function fishCompletions(program: ProgramOutline): string {
  const { name, commands } = program;
  const several = namesOfKind(program, "selector").join(" ");
  const lines = [
    `complete -c ${name} -f`,
    ...program.options.map((option) => optionLine(name, option)),
    ...commands.map((command) =>
      `complete -c ${name} -n __fish_use_subcommand -a ${command.name} -d ${
        quoted(phrase(command.description))
      }`
    ),
    ...commands.flatMap((command) => commandLines(program, command)),
    `complete -c ${name} -n __${name}_in_selectors -a '(__${name}_boards)'`,
  ];
  return `# fish completion for ${name}, made by "${name} completions fish"

# The boards of the configuration that the command line names.
function __${name}_boards
    set -l words (commandline -opc)
    set -l config
    for i in (seq 2 (count $words))
        if test $words[$i] = --config; and test $i -lt (count $words)
            set config --config $words[(math $i + 1)]
        else if string match -q -- '--config=*' $words[$i]
            set config $words[$i]
        end
    end
    command $words[1] $config completions boards 2>/dev/null
end

# Whether the word stands behind a flag that takes several.
function __${name}_in_selectors
    for word in (commandline -opc)[-1..2]
        if contains -- $word ${several}
            return 0
        else if string match -q -- '-*' $word
            return 1
        end
    end
    return 1
end

${lines.join("\n")}
`;
}

function commandLines(program: ProgramOutline, command: CommandOutline): readonly string[] {
  const condition = `__fish_seen_subcommand_from ${command.name}`;
  const global = new Set(program.options.flatMap(({ names }) => names));
  const own = command.options.filter(({ names }) => !names.some((name) => global.has(name)));
  const [argument] = command.arguments;
  const words = command.name === "help"
    ? program.commands.map(({ name }) => name)
    : argument?.choices ?? [];
  const prefix = `complete -c ${program.name} -n ${quoted(condition)}`;
  return [
    ...own.map((option) => optionLine(program.name, option, condition)),
    ...(words.length > 0 ? [`${prefix} -a ${quoted(words.join(" "))}`] : []),
    ...(words.length === 0 && argument?.value === "file" ? [`${prefix} -F`] : []),
  ];
}

function optionLine(name: string, option: OptionOutline, condition?: string): string {
  const names = option.names.map((each) =>
    each.startsWith("--") ? `-l ${each.slice(2)}` : `-s ${each.slice(1)}`
  );
  return [
    `complete -c ${name}`,
    ...(condition === undefined ? [] : [`-n ${quoted(condition)}`]),
    ...names,
    ...valueFlags(name, option),
    `-d ${quoted(phrase(option.description))}`,
  ].join(" ");
}

function valueFlags(name: string, { value }: OptionOutline): readonly string[] {
  switch (value) {
    case null:
      return [];
    case "file":
      return ["-r -F"];
    case "selector":
      return [`-x -a '(__${name}_boards)'`];
    case "other":
      return ["-x"];
  }
}

/** In fish only the quote and the backslash mean something within quotes. */
function quoted(text: string): string {
  return `'${text.replaceAll(/['\\]/g, "\\$&")}'`;
}
