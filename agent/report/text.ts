/** Results for people: what `update`, `check` and `boards` print without `--json`. */
import type { Outcome, OutcomeKind, Reason } from "../board/outcome.ts";
import type { AttachedBoard } from "../survey.ts";
import type { ReleaseSummary, UpdateReport } from "../update.ts";
import { type Column, tableLines } from "./table.ts";
import {
  bytes,
  colored,
  counted,
  isDryRun,
  outcomeWord,
  seconds,
  shown,
  shownLines,
  UNKNOWN,
  versionChange,
} from "./words.ts";

export interface TextOptions {
  /** Columns of the terminal; null for no limit. */
  readonly width: number | null;
  readonly color: boolean;
}

/** The report of a run: the release, a line a board with reasons beneath it, and the sum. */
export function updateText(report: UpdateReport, options: TextOptions): string {
  const lines: string[] = [];
  if (report.release !== null) lines.push(releaseLine(report.release), "");
  if (report.boards.length > 0) {
    lines.push(
      ...tableLines(outcomeColumns(options.color), report.boards, {
        width: options.width,
        notes: (outcome) => isDryRun(outcome) ? [] : reasonLines(outcome.reason),
      }),
      "",
    );
  }
  lines.push(sumLine(report.boards));
  return `${lines.join("\n")}\n`;
}

/** The attached boards, one a line. */
export function boardsText(boards: readonly AttachedBoard[], options: TextOptions): string {
  if (boards.length === 0) return "No board is attached\n";
  const lines = tableLines(BOARD_COLUMNS, boards, {
    width: options.width,
    notes: ({ reason }) => reasonLines(reason),
  });
  return `${lines.join("\n")}\n`;
}

function releaseLine({ version, archive, sha256, verifiedBy }: ReleaseSummary): string {
  const proof = verifiedBy.length === 0 ? "not verified" : `verified by ${verifiedBy.join(", ")}`;
  return `Release ${shown(version)}: ${shown(archive)}, SHA-256 ${sha256.slice(0, 12)}…, ${proof}`;
}

function outcomeColumns(color: boolean): readonly Column<Outcome>[] {
  return [
    { title: "BOARD", cell: ({ name }) => shown(name), dropOrder: 0 },
    { title: "PORT", cell: ({ port }) => shown(port), dropOrder: 3 },
    {
      title: "OUTCOME",
      cell: outcomeWord,
      paint: (text, { outcome }) => colored(text, outcome, color),
      dropOrder: 0,
    },
    { title: "VERSION", cell: versionChange, dropOrder: 0 },
    { title: "FILES", cell: filesCell, dropOrder: 1 },
    {
      title: "SENT",
      cell: ({ bytesOnWire }) => bytesOnWire === 0 ? UNKNOWN : bytes(bytesOnWire),
      align: "right",
      dropOrder: 4,
    },
    { title: "TIME", cell: (outcome) => seconds(outcome.seconds), align: "right", dropOrder: 5 },
  ];
}

function filesCell(outcome: Outcome): string {
  const { written, unchanged, deleted, excluded } = outcome.files;
  if (outcome.strategy === null && written + unchanged + deleted + excluded === 0) return UNKNOWN;
  const planned = isDryRun(outcome);
  const parts = [
    `${written} of ${written + unchanged} ${planned ? "to write" : "written"}`,
    ...(deleted > 0 ? [`${deleted} ${planned ? "to delete" : "deleted"}`] : []),
    ...(excluded > 0 ? [`${excluded} excluded`] : []),
  ];
  return parts.join(", ");
}

function reasonLines(reason: Reason | null): readonly string[] {
  return reason === null ? [] : shownLines(reason.message);
}

function sumLine(outcomes: readonly Outcome[]): string {
  const counts = new Map<string, number>();
  for (const outcome of outcomes) {
    const word = outcomeWord(outcome);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const parts = [...counts].map(([word, count]) => `${count} ${word.replace("_", " ")}`);
  return [counted(outcomes.length, "board"), parts.join(", ")].filter(Boolean).join(": ");
}

const BOARD_COLUMNS: readonly Column<AttachedBoard>[] = [
  { title: "BOARD", cell: ({ name }) => shown(name), dropOrder: 0 },
  { title: "UID", cell: ({ uid }) => shown(uid), dropOrder: 2 },
  { title: "PORT", cell: ({ port }) => shown(port), dropOrder: 0 },
  { title: "GROUP", cell: ({ group }) => shown(group), dropOrder: 4 },
  { title: "MICROPYTHON", cell: ({ micropython }) => shown(micropython), dropOrder: 3 },
  { title: "FIRMWARE", cell: ({ version }) => shown(version), dropOrder: 0 },
  {
    title: "FREE",
    cell: ({ freeBytes }) => freeBytes === null ? UNKNOWN : bytes(freeBytes),
    align: "right",
    dropOrder: 1,
  },
  { title: "MACHINE", cell: ({ machine }) => shown(machine), dropOrder: 5 },
];

/** One finished board, for the log. */
export function outcomeLine(outcome: Outcome, color: boolean): string {
  const kind: OutcomeKind = outcome.outcome;
  const change = versionChange(outcome);
  const why = outcome.reason === null || isDryRun(outcome)
    ? ""
    : `: ${shownLines(outcome.reason.message).join(" ")}`;
  const version = change === UNKNOWN ? "" : ` (${change})`;
  return `${shown(outcome.name)}: ${colored(outcomeWord(outcome), kind, color)}${version}${why}`;
}
