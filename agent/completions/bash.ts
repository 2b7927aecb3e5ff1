/** The completion function for bash. Needs no bash-completion package. */
import type { ProgramOutline } from "../commands/program_outline.ts";
import { namesOfKind, optionsOf } from "./quoting.ts";

/** A script to be sourced, or put where bash-completion loads it from by the program's name. */
export function bashCompletions(program: ProgramOutline): string {
  const { name, commands } = program;
  const words = (names: readonly string[]) => names.join(" ");
  const pattern = (names: readonly string[]) => names.join("|") || "''";
  const optionCases = commands.map((command) =>
    `      ${command.name}) flags="${
      words(optionsOf(program, command).flatMap(({ names }) => names))
    }" ;;`
  );
  const argumentCases = commands.flatMap((command) => {
    const [argument] = command.arguments;
    if (command.name === "help") return [`      help) list="$commands" ;;`];
    if (argument === undefined) return [];
    if (argument.choices.length > 0) {
      return [`      ${command.name}) list="${words(argument.choices)}" ;;`];
    }
    return argument.value === "file" ? [`      ${command.name}) kind=file ;;`] : [];
  });
  return `# bash completion for ${name}, made by "${name} completions bash"
_${name}() {
  COMPREPLY=()
  local words=() joined= part i
  # bash breaks words at ':' and '='; put together again what a person sees as one.
  for ((i = 1; i <= COMP_CWORD; i++)); do
    part=\${COMP_WORDS[i]}
    if [[ $part == [:=]* && \${#words[@]} -gt 0 ]]; then
      words[\${#words[@]}-1]+=$part
      joined=1
      [[ $part == [:=] ]] || joined=
    elif [[ $joined ]]; then
      words[\${#words[@]}-1]+=$part
      joined=
    else
      words+=("$part")
    fi
  done
  local cur=\${words[\${#words[@]}-1]} command= option= config=() word
  for word in "\${words[@]:0:\${#words[@]}-1}"; do
    case $option in
      '') ;;
      ${pattern(namesOfKind(program, "selector"))}) [[ $word == -* ]] || continue ;; # takes several
      *) [[ $option != --config ]] || config=(--config "$word"); option=; continue ;;
    esac
    option=
    case $word in
      ${pattern(valueNames(program))}) option=$word ;;
      --config=*) config=("$word") ;;
      -*) ;;
      *) [[ $command ]] || command=$word ;;
    esac
  done
  local commands="${words(commands.map((command) => command.name))}"
  local flags="${words(program.options.flatMap(({ names }) => names))}" list= kind=word
  case $cur in
    --*=*) option=\${cur%%=*}; cur=\${cur#*=}; kind=value ;;
    -*) option= kind=flag ;;
    *) [[ ! $option ]] || kind=value ;;
  esac
  case $kind in
    value)
      case $option in
        ${pattern(namesOfKind(program, "file"))}) kind=file ;;
        ${pattern(namesOfKind(program, "selector"))}) kind=board ;;
        *) return ;;
      esac ;;
    flag)
      case $command in
  ${optionCases.join("\n  ")}
      esac
      list=$flags ;;
    word)
      case $command in
        '') list=$commands ;;
  ${argumentCases.join("\n  ")}
      esac ;;
  esac
  case $kind in
    file)
      compopt -o filenames 2>/dev/null
      while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "$cur") ;;
    board)
      while IFS= read -r word; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$(printf %q "$word")")
      done < <("$1" "\${config[@]}" completions boards 2>/dev/null)
      # bash replaces only what is behind the last ':'.
      if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        COMPREPLY=("\${COMPREPLY[@]#"\${cur%"\${cur##*:}"}"}")
      fi ;;
    *)
      for word in $list; do
        [[ $word != "$cur"* ]] || COMPREPLY+=("$word")
      done ;;
  esac
}
complete -F _${name} ${name}
`;
}

/** Options behind which a word is a value. */
function valueNames(program: ProgramOutline): readonly string[] {
  return (["file", "selector", "other"] as const).flatMap((kind) => namesOfKind(program, kind));
}
