/**
 * The command line as data, read off the program itself, so that completions and the manual page
 * never say anything else than `--help`.
 */
import type { Argument, Command, Option } from "commander";

/** What may stand where a value is asked for. */
export type ValueKind = "file" | "selector" | "other";

export interface OptionOutline {
  /** As in `--board <selector...>`, with a short form before it where there is one. */
  readonly flags: string;
  /** With their dashes: `-h`, `--help`. */
  readonly names: readonly string[];
  readonly description: string;
  /** Null where it takes none. */
  readonly value: ValueKind | null;
  /** Whether several values may follow. */
  readonly variadic: boolean;
}

export interface ArgumentOutline {
  readonly value: ValueKind;
  readonly choices: readonly string[];
  readonly variadic: boolean;
}

export interface CommandOutline {
  readonly name: string;
  /** As in `update [options]`. */
  readonly usage: string;
  readonly description: string;
  /** Its own, without the global ones. */
  readonly options: readonly OptionOutline[];
  readonly arguments: readonly ArgumentOutline[];
}

export interface ProgramOutline {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  /** Those that may stand before and after a command. */
  readonly options: readonly OptionOutline[];
  readonly commands: readonly CommandOutline[];
}

/** What `--help` shows: hidden commands and options stay hidden. */
export function outlineOf(program: Command): ProgramOutline {
  const help = program.createHelp();
  return {
    name: program.name(),
    version: program.version() ?? "",
    description: program.description(),
    options: help.visibleOptions(program).map(optionOutline),
    commands: help.visibleCommands(program).map((command) => ({
      name: command.name(),
      usage: `${command.name()} ${command.usage()}`.trim(),
      description: command.description(),
      options: help.visibleOptions(command).map(optionOutline),
      arguments: command.registeredArguments.map(argumentOutline),
    })),
  };
}

function optionOutline(option: Option): OptionOutline {
  const { flags, short, long, description, variadic } = option;
  const takesValue = option.required || option.optional;
  return {
    flags,
    names: [short, long].filter((name) => name !== undefined),
    description,
    value: takesValue ? valueKind(/[<[]([\w-]+)/.exec(flags)?.[1]) : null,
    variadic,
  };
}

function argumentOutline(argument: Argument): ArgumentOutline {
  return {
    value: valueKind(argument.name()),
    choices: argument.argChoices ?? [],
    variadic: argument.variadic,
  };
}

/** By the placeholder's name, which is for people and says the same to us. */
function valueKind(placeholder: string | undefined): ValueKind {
  if (placeholder === "selector") return "selector";
  return /^(?:file|dir|keyfile|directory)$/.test(placeholder ?? "") ? "file" : "other";
}
