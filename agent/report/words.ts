/** How quantities and states read, for the tables and the progress lines. */
import { styleText } from "node:util";
import { escaped, escapedName, shortened } from "../../errors/shown_text.ts";
import type { Outcome, OutcomeKind } from "../board/outcome.ts";

/** What a cell shows where nothing is known. */
export const UNKNOWN = "-";

/** `512 B`, `4.2 KB`, `1.3 MB`: thousands of 1024, as free space on boards is counted. */
export function bytes(count: number): string {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KB`;
  return `${(count / 1024 / 1024).toFixed(1)} MB`;
}

export function seconds(count: number): string {
  return `${count.toFixed(1)} s`;
}

/** `1 board`, `2 boards`. */
export function counted(count: number, singular: string): string {
  return `${count} ${singular}${count === 1 ? "" : "s"}`;
}

/** The version before and after, as far as known, and what was wanted where that is another. */
export function versionChange(outcome: Outcome): string {
  const { from, to, offered } = outcome;
  if (isDryRun(outcome)) return `${shown(from)} -> ${shown(offered)}`;
  const change = from === to ? shown(from) : `${shown(from)} -> ${shown(to)}`;
  return offered === null || offered === to ? change : `${change} (${shown(offered)} offered)`;
}

/** Far longer than what a person calls a board or a release. */
const LONGEST_NAME = 100;

/** A name, a version or the like that a board or a server sent, on one line. */
export function shown(text: string | null): string {
  return text === null || text === "" ? UNKNOWN : escapedName(shortened(text, LONGEST_NAME));
}

/** Text of several lines that came from outside: line breaks stay, and of many KB not all does. */
export function shownLines(text: string): readonly string[] {
  return shortened(text).split(/\r?\n/).map(escaped);
}

/** Nothing was done, because the person only wanted to know what would be. */
export function isDryRun({ outcome, reason }: Outcome): boolean {
  return outcome === "skipped" && reason?.code === "dry_run";
}

/** A dry run skips what it would update: say what would happen, not how it is coded. */
export function outcomeWord(outcome: Outcome): string {
  return isDryRun(outcome) ? "would update" : outcome.outcome;
}

const COLORS: Readonly<Record<OutcomeKind, "green" | "yellow" | "red" | "dim">> = {
  updated: "green",
  current: "green",
  skipped: "dim",
  unreachable: "yellow",
  failed: "red",
  rolled_back: "red",
};

export function colored(text: string, kind: OutcomeKind, color: boolean): string {
  return color ? styleText(COLORS[kind], text, { validateStream: false }) : text;
}
