/**
 * Aligned columns for people. A table that is wider than the terminal loses its least important
 * columns first; what is left is not cut, so that it can be copied, unless it is far longer than
 * any name that a person would give: all rows would be as wide.
 */
import stringWidth from "string-width";
import { shortened } from "../../errors/shown_text.ts";

export interface Column<Row> {
  readonly title: string;
  readonly cell: (row: Row) => string;
  readonly align?: "left" | "right";
  /** Colours a padded cell. */
  readonly paint?: (text: string, row: Row) => string;
  /** The higher, the sooner the column goes where the terminal is narrow; 0 stays always. */
  readonly dropOrder: number;
}

export interface TableOptions<Row> {
  /** Columns of the terminal; null for no limit. */
  readonly width: number | null;
  /** Lines beneath a row. */
  readonly notes?: (row: Row) => readonly string[];
}

const GAP = "  ";
const LONGEST_CELL = 100;

/** The table's lines, without line ends. */
export function tableLines<Row>(
  columns: readonly Column<Row>[],
  rows: readonly Row[],
  options: TableOptions<Row>,
): readonly string[] {
  const laidOut = fitting(columns.map((column) => layOut(column, rows)), options.width);
  const line = (cells: readonly string[]) => cells.join(GAP).trimEnd();
  return [
    line(laidOut.map(({ column, width }) => pad(column.title, width, column.align))),
    ...rows.flatMap((row) => [
      line(laidOut.map(({ column, width }) => {
        const text = pad(cellOf(column, row), width, column.align);
        return column.paint === undefined ? text : column.paint(text, row);
      })),
      ...(options.notes?.(row) ?? []).flatMap((note) => wrapped(note, options.width)),
    ]),
  ];
}

function cellOf<Row>(column: Column<Row>, row: Row): string {
  return shortened(column.cell(row), LONGEST_CELL);
}

interface LaidOut<Row> {
  readonly column: Column<Row>;
  readonly width: number;
}

function layOut<Row>(column: Column<Row>, rows: readonly Row[]): LaidOut<Row> {
  const texts = [column.title, ...rows.map((row) => cellOf(column, row))];
  return { column, width: Math.max(...texts.map((text) => stringWidth(text))) };
}

function fitting<Row>(
  laidOut: readonly LaidOut<Row>[],
  limit: number | null,
): readonly LaidOut<Row>[] {
  let kept = laidOut;
  while (limit !== null && totalWidth(kept) > limit) {
    const next = Math.max(...kept.map(({ column }) => column.dropOrder));
    if (next === 0) break;
    kept = kept.filter(({ column }) => column.dropOrder !== next);
  }
  return kept;
}

function totalWidth<Row>(laidOut: readonly LaidOut<Row>[]): number {
  return laidOut.reduce((sum, { width }) => sum + width, 0) + GAP.length * (laidOut.length - 1);
}

function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const space = " ".repeat(Math.max(0, width - stringWidth(text)));
  return align === "left" ? text + space : space + text;
}

/** The note in lines of at most `limit` columns, indented, broken between words. */
function wrapped(note: string, limit: number | null): readonly string[] {
  const indent = "    ";
  const lines: string[] = [];
  let line = indent;
  for (const word of note.split(" ")) {
    const longer = line === indent ? indent + word : `${line} ${word}`;
    if (limit !== null && line !== indent && stringWidth(longer) > limit) {
      lines.push(line);
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
