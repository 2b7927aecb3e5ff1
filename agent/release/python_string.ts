/**
 * One Python string or bytes literal (The Python Language Reference 2.4.1). Used by
 * `python_literal.ts`, which puts adjacent ones together.
 */

import { LiteralSyntaxError } from "./python_syntax.ts";

/** A literal and the offset after it. */
export type ScannedString =
  | { readonly kind: "str"; readonly value: string; readonly end: number }
  | { readonly kind: "bytes"; readonly value: Uint8Array; readonly end: number };

const START = /([a-z]{0,2})('''|"""|'|")/iy;
const SIMPLE_ESCAPES: Readonly<Record<string, string>> = {
  "\\": "\\",
  "'": "'",
  '"': '"',
  "a": "\x07",
  "b": "\b",
  "f": "\f",
  "n": "\n",
  "r": "\r",
  "t": "\t",
  "v": "\v",
};
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };

/** Whether a string literal, with whatever prefix, begins at the offset. */
export function startsString(text: string, at: number): boolean {
  START.lastIndex = at;
  return START.test(text);
}

/**
 * Reads the literal that begins at the offset.
 *
 * @throws {LiteralSyntaxError}
 */
export function scanString(text: string, at: number): ScannedString {
  START.lastIndex = at;
  const [start = "", prefix = "", quotes = ""] = START.exec(text) ?? [];
  const flags = prefix.toLowerCase();
  if (flags.includes("f")) throw new LiteralSyntaxError("an f-string would run code", at);
  if (!["", "r", "u", "b", "br", "rb"].includes(flags)) {
    throw new LiteralSyntaxError(`a string has the unknown prefix ${prefix}`, at);
  }
  const from = at + start.length;
  const end = closing(text, from, quotes);
  // Python reads every line end as \n.
  const body = text.slice(from, end).replace(/\r\n?/g, "\n");
  const isBytes = flags.includes("b");
  const value = flags.includes("r") ? body : unescape(body, { isBytes, at: from });
  const after = end + quotes.length;
  if (!isBytes) return { kind: "str", value, end: after };
  if (/\P{ASCII}/u.test(body)) {
    throw new LiteralSyntaxError("bytes hold a character that is not ASCII", at);
  }
  // Escapes give at most \xff here, one unit a byte.
  return { kind: "bytes", value: Uint8Array.from(value, (c) => c.charCodeAt(0)), end: after };
}

/** The offset of the quotes that close a literal, in raw ones too past every escaped quote. */
function closing(text: string, from: number, quotes: string): number {
  for (let at = from; at < text.length; at += 1) {
    const character = text[at];
    if (text.startsWith(quotes, at)) return at;
    if (character === "\\") {
      at += text.startsWith("\r\n", at + 1) ? 2 : 1;
    } else if ((character === "\n" || character === "\r") && quotes.length === 1) {
      throw new LiteralSyntaxError("a string is not closed on its line", from);
    }
  }
  throw new LiteralSyntaxError("a string is not closed", from);
}

interface UnescapeOptions {
  readonly isBytes: boolean;
  /** Where the body begins in the text, for messages. */
  readonly at: number;
}

function unescape(body: string, { isBytes, at }: UnescapeOptions): string {
  return body.replace(
    /\\(?:([0-7]{1,3})|([\s\S]))([0-9a-f]{0,8})/gi,
    (all, octal: string | undefined, letter: string | undefined, hex: string, index: number) => {
      const fail = (problem: string) => new LiteralSyntaxError(problem, at + index);
      if (octal !== undefined) {
        const code = Number.parseInt(octal, 8);
        if (isBytes && code > 0xff) throw fail("an octal escape in bytes is above \\377");
        return String.fromCharCode(code) + hex;
      }
      if (letter === undefined || letter === "\n") return hex;
      const simple = SIMPLE_ESCAPES[letter];
      if (simple !== undefined) return simple + hex;
      const digits = isBytes && letter !== "x" ? undefined : HEX_DIGITS[letter];
      if (digits !== undefined) {
        if (hex.length < digits) throw fail(`an escape \\${letter} needs ${digits} hex digits`);
        return character(Number.parseInt(hex.slice(0, digits), 16), fail) + hex.slice(digits);
      }
      if (letter === "N" && !isBytes) throw fail("a character by its name (\\N) cannot be read");
      // Python keeps the backslash of what is no escape.
      return all;
    },
  );
}

function character(code: number, fail: (problem: string) => Error): string {
  if (code > 0x10ffff) throw fail("an escape is beyond Unicode");
  if (code >= 0xd800 && code <= 0xdfff) throw fail("an escape is half a surrogate pair");
  return String.fromCodePoint(code);
}
