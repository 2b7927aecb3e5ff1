/** Results for people: what `status` and `history` print without `--json`. */
import type { AttemptRecord, BoardStatus } from "../fleet/store.ts";
import { type Column, tableLines } from "./table.ts";
import type { TextOptions } from "./text.ts";
import { bytes, seconds, shown, shownLines, UNKNOWN } from "./words.ts";

/** One line a board that was ever visited, with its last reason beneath it. */
export function statusText(boards: readonly BoardStatus[], options: TextOptions): string {
  if (boards.length === 0) return "No board was visited yet\n";
  return block(tableLines(STATUS_COLUMNS, boards, {
    width: options.width,
    notes: ({ reason_message }) => reason_message === null ? [] : shownLines(reason_message),
  }));
}

/** One line an attempt, newest first, with what there is to say of it beneath. */
export function historyText(attempts: readonly AttemptRecord[], options: TextOptions): string {
  if (attempts.length === 0) return "No attempt was made yet\n";
  return block(tableLines(HISTORY_COLUMNS, attempts, {
    width: options.width,
    notes: (attempt) => [
      ...(attempt.reason_message === null ? [] : shownLines(attempt.reason_message)),
      ...attempt.cleanUp.map(({ path, fate }) => `${shown(path)}: ${fate.replaceAll("_", " ")}`),
    ],
  }));
}

function block(lines: readonly string[]): string {
  return `${lines.join("\n")}\n`;
}

function when(iso: string | null): string {
  return iso === null ? UNKNOWN : iso.replace("T", " ").replace(/\.\d+Z$/, "Z");
}

const STATUS_COLUMNS: readonly Column<BoardStatus>[] = [
  { title: "BOARD", cell: ({ name }) => shown(name), dropOrder: 0 },
  { title: "UID", cell: ({ uid }) => shown(uid), dropOrder: 3 },
  { title: "PORT", cell: ({ port }) => shown(port), dropOrder: 2 },
  { title: "VERSION", cell: ({ version }) => shown(version), dropOrder: 0 },
  { title: "LAST OUTCOME", cell: ({ outcome }) => shown(outcome), dropOrder: 0 },
  { title: "WHEN", cell: ({ at }) => when(at), dropOrder: 1 },
];

const HISTORY_COLUMNS: readonly Column<AttemptRecord>[] = [
  { title: "WHEN", cell: ({ started_at }) => when(started_at), dropOrder: 0 },
  { title: "BOARD", cell: ({ name }) => shown(name), dropOrder: 0 },
  { title: "PORT", cell: ({ port }) => shown(port), dropOrder: 3 },
  { title: "OUTCOME", cell: ({ outcome }) => outcome ?? "under way", dropOrder: 0 },
  {
    title: "VERSION",
    cell: ({ from_version, to_version, offered_version }) =>
      `${shown(from_version)} -> ${shown(to_version)}` +
      (offered_version === null || offered_version === to_version
        ? ""
        : ` (${shown(offered_version)} offered)`),
    dropOrder: 1,
  },
  {
    title: "SENT",
    cell: ({ bytes_on_wire }) => bytes(bytes_on_wire),
    align: "right",
    dropOrder: 4,
  },
  { title: "TIME", cell: (attempt) => seconds(attempt.seconds), align: "right", dropOrder: 5 },
];
