/** The completion function for zsh. */
import type { CommandOutline, OptionOutline, ProgramOutline } from "../commands/program_outline.ts";
import { optionsOf, phrase, singleQuoted } from "./quoting.ts";

/** A file for a directory of `$fpath`, named `_uota`; it may be sourced as well. */
export function zshCompletions(program: ProgramOutline): string {
  const { name, commands } = program;
  const described = commands.map(({ name, description }) =>
    singleQuoted(`${name}:${phrase(description)}`)
  );
  return `#compdef ${name}
# zsh completion for ${name}, made by "${name} completions zsh"

_uota_boards() {
  local -a boards config
  # _arguments looks for the end of a flag's values only before the word that is typed.
  if [[ $PREFIX == -* ]]; then
    compadd -- $flags
    return
  fi
  (( \${+opt_args[--config]} )) && config=(--config "\${(Q)opt_args[--config]}")
  boards=("\${(@f)$(_call_program boards "\${(q)${name}_program}" "\${(@q)config}" completions boards 2>/dev/null)}")
  compadd -a boards
}

_${name}_commands() {
  local -a commands
  commands=(
${described.map((text) => `    ${text}`).join("\n")}
  )
  _describe command commands
}

_${name}() {
  local context state state_descr line ${name}_program=$words[1]
  typeset -A opt_args
  local -a flags
  _arguments -C \\
${specs(program.options).map((spec) => `    ${spec} \\`).join("\n")}
    '1: :_${name}_commands' \\
    '*:: :->arguments'
  [[ $state == arguments ]] || return
  case $words[1] in
${commands.map((command) => commandCase(program, command)).join("\n")}
  esac
}

if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi
`;
}

function commandCase(program: ProgramOutline, command: CommandOutline): string {
  const lines = [
    ...specs(optionsOf(program, command)),
    ...command.arguments.map((argument, index) => {
      if (command.name === "help") return `'1: :_${program.name}_commands'`;
      const where = argument.variadic ? "*" : String(index + 1);
      if (argument.choices.length > 0) {
        return singleQuoted(`${where}:word:(${argument.choices.join(" ")})`);
      }
      return singleQuoted(
        `${where}:${argument.value}:${argument.value === "file" ? "_files" : ""}`,
      );
    }),
  ];
  const flags = optionsOf(program, command).flatMap(({ names }) => names).join(" ");
  return `    ${command.name})\n      flags=(${flags})\n      _arguments ${
    lines.join(" \\\n        ")
  } ;;`;
}

/** As _arguments takes them. */
function specs(options: readonly OptionOutline[]): readonly string[] {
  return options.flatMap((option) =>
    option.names.map((name) => {
      const text = phrase(option.description).replaceAll(/[[\]:\\]/g, "\\$&");
      const repeats = option.variadic ? "*" : "";
      return singleQuoted(`${repeats}${name}[${text}]${valueSpec(option)}`);
    })
  );
}

function valueSpec({ value, variadic }: OptionOutline): string {
  if (value === null) return "";
  // Several words belong to a variadic option, up to the next flag.
  const several = variadic ? ":*-*" : "";
  switch (value) {
    case "file":
      return `${several}:file:_files`;
    case "selector":
      return `${several}:board:_uota_boards`;
    case "other":
      return `${several}:value: `;
  }
}
