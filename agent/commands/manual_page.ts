/** The manual page uota(8), in roff with the macros of man(7). */
import { EXIT_CODE_MEANINGS, SELECTOR_TEXT } from "./program_help.ts";
import type { OptionOutline, ProgramOutline } from "./program_outline.ts";
import { MESSAGE_ID } from "../report/message_ids.ts";

/** What whatis(1) shows. */
const SUMMARY = "install firmware releases on MicroPython boards";

const FILES: readonly (readonly [string, string])[] = [
  ["/etc/uota-gateway/gateway.toml", "the configuration; the example explains every key"],
  ["/var/lib/uota-gateway/", "the gateway's memory: boards, attempts, archives, backups"],
  ["/run/uota-gateway/control.sock", "by which commands talk to the daemon"],
  ["$XDG_STATE_HOME/uota-gateway/", "the memory where the user is not root"],
];

const ENVIRONMENT: readonly (readonly [string, string])[] = [
  ["UOTA_CONFIG", "the configuration, where there is no --config"],
  ["NO_COLOR", "where it is set, nothing is coloured"],
];

const EVENTS: Readonly<Record<keyof typeof MESSAGE_ID, string>> = {
  boardUpdated: "a board was updated",
  boardRolledBack: "a board went back to the release before",
  boardFailed: "an attempt on a board failed",
  boardUnreachable: "a board could not be reached",
  releaseRefused: "a release was refused",
  serverUnreachable: "the server does not answer, or not as it should",
  serverBack: "the server answers again",
  configurationRejected: "a changed configuration was wrong, the old one stays",
};

export function manualPage(program: ProgramOutline): string {
  const { name, version, description, options, commands } = program;
  const lines = [
    `.\\" Made by "${name} manual"`,
    `.TH ${name.toUpperCase()} 8 "" ${macroWord(`uota-gateway ${version}`)} ${
      macroWord("System Administration")
    }`,
    ".SH NAME",
    `${name} \\- ${inline(SUMMARY)}`,
    ".SH SYNOPSIS",
    `.B ${name}`,
    "[\\fIoptions\\fR]",
    "\\fIcommand\\fR",
    "[\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    text(description),
    text(
      "Nothing has to be installed on the boards. " +
        "Releases are verified before a byte of them is sent, and a board is wholly on the old or " +
        "wholly on the new release, whatever is cut in between.",
    ),
    ".SH COMMANDS",
    ...commands.flatMap(({ usage, description, options }) => [
      `.SS ${macroWord(usage)}`,
      text(description),
      ...options.filter(({ names }) => !names.includes("--help")).flatMap(optionLines),
    ]),
    ".SH OPTIONS",
    "These may stand before or after the command.",
    ...options.flatMap(optionLines),
    ".SH SELECTORS",
    text(SELECTOR_TEXT),
    ".SH EXIT STATUS",
    ...EXIT_CODE_MEANINGS.flatMap(([code, meaning]) => tagged(String(code), meaning)),
    ".SH ENVIRONMENT",
    ...ENVIRONMENT.flatMap(([name, what]) => tagged(name, what)),
    ".SH FILES",
    ...FILES.flatMap(([path, what]) => tagged(path, what)),
    ".SH JOURNAL",
    text(
      "Under systemd the daemon's entries have the fields BOARD, BOARD_UID, PORT, RELEASE, OUTCOME " +
        "and REASON where they apply, and these values of MESSAGE_ID:",
    ),
    ...entriesOf(MESSAGE_ID).flatMap(([event, id]) => tagged(id, EVENTS[event])),
    ".SH EXAMPLES",
    ...EXAMPLES.flatMap(([command, what]) => tagged(command, what)),
    ".SH SEE ALSO",
    ".BR journalctl (1),",
    ".BR systemctl (1),",
    ".BR udev (7)",
  ];
  return `${lines.join("\n")}\n`;
}

const EXAMPLES: readonly (readonly [string, string])[] = [
  ["uota doctor", "what stops this gateway from working, and what mends it"],
  ["uota update --board all", "install what is published on every board"],
  ["uota history --board greenhouse-1", "what happened to a board"],
  ["journalctl --unit uota-gateway BOARD=greenhouse-1", "what the daemon did with it"],
];

function optionLines({ flags, description }: OptionOutline): readonly string[] {
  return tagged(flags, description);
}

function tagged(tag: string, what: string): readonly string[] {
  return [".TP", `.B ${inline(tag)}`, text(what)];
}

/** Longest line of the source, by convention. */
const SOURCE_COLUMNS = 80;

/** Text that roff fills; a dot or a quote at the beginning of a line would be a request. */
function text(paragraph: string): string {
  const lines: string[] = [];
  for (const word of paragraph.split(" ").map(inline)) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= SOURCE_COLUMNS) {
      lines[lines.length - 1] = `${last} ${word}`;
    } else lines.push(word.replace(/^[.']/, "\\&$&"));
  }
  return lines.join("\n");
}

/** Text within a line: the hyphen is the one that can be copied, and a backslash is itself. */
function inline(text: string): string {
  return text.replaceAll("\\", "\\e").replaceAll("-", "\\-");
}

/** An argument of a macro. */
function macroWord(text: string): string {
  return `"${inline(text).replaceAll('"', "\\(dq")}"`;
}

function entriesOf<Key extends string, Value>(
  table: Readonly<Record<Key, Value>>,
): readonly [Key, Value][] {
  // Object.entries types keys as string, since there might be more than the type says; not here.
  return Object.entries(table) as [Key, Value][];
}
