/** Where a Python text breaks the rules; shared by `python_literal.ts` and `python_string.ts`. */

/** A place in a text, both counted from 1, the column in characters. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Text that is no Python literal, or more of one than is read. */
export class LiteralSyntaxError extends Error {
  override readonly name = "LiteralSyntaxError";
  /** Where, in UTF-16 units from the start. */
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

/** The place of an offset in UTF-16 units. CRLF, CR and LF end a line, as in Python. */
export function positionOf(text: string, offset: number): Position {
  const lines = text.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: lines.length, column: [...(lines.at(-1) ?? "")].length + 1 };
}
