/**
 * Python literals, parsed without running anything: what `ast.literal_eval` takes, less complex
 * numbers. Used for `uota.cfg`, which uOTA gives to `eval`.
 *
 * INVARIANTS
 * - Nothing is executed and no name but True, False and None is known.
 * - Length and depth are bounded before and while parsing.
 */

import { scanString, startsString } from "./python_string.ts";
import { LiteralSyntaxError } from "./python_syntax.ts";

/** A value and the offset where it begins, in UTF-16 units. */
export type PythonLiteral =
  & { readonly at: number }
  & (
    | { readonly kind: "str"; readonly value: string }
    | { readonly kind: "bytes"; readonly value: Uint8Array }
    | { readonly kind: "int"; readonly value: bigint }
    | { readonly kind: "float"; readonly value: number }
    | { readonly kind: "bool"; readonly value: boolean }
    | { readonly kind: "None" }
    | { readonly kind: "list" | "tuple" | "set"; readonly items: readonly PythonLiteral[] }
    | {
      readonly kind: "dict";
      /** In the text's order, a key that stands twice included. */
      readonly entries: readonly (readonly [PythonLiteral, PythonLiteral])[];
    }
  );

/** Bounds of {@linkcode parsePythonLiteral}. */
export interface LiteralLimits {
  /** In UTF-16 units. @default 65536 */
  readonly maxLength?: number;
  /** Brackets within brackets. @default 32 */
  readonly maxDepth?: number;
}

/** As CPython's sys.int_info.default_max_str_digits. */
const MAX_INT_DIGITS = 4300;

const BLANKS = /(?:[ \t\f]|\\(?:\r\n|\r|\n))*/y;
const BLANKS_AND_LINES = /(?:[ \t\f\r\n]|\\(?:\r\n|\r|\n)|#[^\r\n]*)*/y;
const WORD = /[\p{L}_][\p{L}\p{N}_]*/uy;
const NUMBER =
  /(?:0x(?:_?[0-9a-f])+|0o(?:_?[0-7])+|0b(?:_?[01])+|(?:[0-9](?:_?[0-9])*)?\.?(?:[0-9](?:_?[0-9])*)?(?:e[+-]?[0-9](?:_?[0-9])*)?)/iy;

/**
 * Parses a text that holds one literal, perhaps with comments and empty lines around it.
 *
 * @throws {LiteralSyntaxError} where it holds something else, or is beyond the limits.
 */
export function parsePythonLiteral(text: string, limits: LiteralLimits = {}): PythonLiteral {
  const { maxLength = 65_536, maxDepth = 32 } = limits;
  if (text.length > maxLength) {
    throw new LiteralSyntaxError(`the text is longer than ${maxLength} characters`, maxLength);
  }
  return new Parser(text, maxDepth).parse();
}

class Parser {
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;
  #depth = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  parse(): PythonLiteral {
    if (this.#text.startsWith("\ufeff")) this.#at = 1;
    this.#skip(BLANKS_AND_LINES);
    const value = this.#value();
    this.#skip(BLANKS_AND_LINES);
    if (this.#at < this.#text.length) throw this.#unexpected("after the value");
    return value;
  }

  #value(): PythonLiteral {
    const at = this.#at;
    const next = this.#text[at] ?? "";
    if (next === "{") return this.#braces(at);
    if (next === "[") return { at, kind: "list", items: this.#items("]").items };
    if (next === "(") return this.#parentheses(at);
    if (startsString(this.#text, at)) return this.#strings(at);
    if (/[0-9.+-]/.test(next)) return this.#number(at);
    return this.#word(at);
  }

  #parentheses(at: number): PythonLiteral {
    const { items, hasComma } = this.#items(")");
    const [only] = items;
    // Parentheses around one value only group it.
    return only !== undefined && !hasComma ? only : { at, kind: "tuple", items };
  }

  /** The values up to the closing bracket, for which the current character is the opening one. */
  #items(close: string): { readonly items: readonly PythonLiteral[]; readonly hasComma: boolean } {
    const items: PythonLiteral[] = [];
    const hasComma = this.#bracketed(close, () => items.push(this.#value()));
    return { items, hasComma };
  }

  #braces(at: number): PythonLiteral {
    const entries: [PythonLiteral, PythonLiteral][] = [];
    const items: PythonLiteral[] = [];
    this.#bracketed("}", () => {
      const key = this.#hashable(this.#value());
      const isEntry = this.#take(":");
      if (isEntry ? items.length > 0 : entries.length > 0) {
        throw this.#unexpected("where a dictionary and a set mix");
      }
      if (!isEntry) return items.push(key);
      this.#skip(BLANKS_AND_LINES);
      return entries.push([key, this.#value()]);
    });
    return items.length > 0 ? { at, kind: "set", items } : { at, kind: "dict", entries };
  }

  #bracketed(close: string, element: () => void): boolean {
    const opened = this.#at;
    this.#depth += 1;
    if (this.#depth > this.#maxDepth) {
      throw new LiteralSyntaxError(`brackets are nested deeper than ${this.#maxDepth}`, opened);
    }
    this.#at += 1;
    let hasComma = false;
    while (!this.#take(close)) {
      element();
      const more = this.#take(",");
      hasComma ||= more;
      if (more) continue;
      if (this.#take(close)) break;
      if (this.#at >= this.#text.length) {
        throw new LiteralSyntaxError(`a bracket is not closed with ${close}`, opened);
      }
      throw this.#unexpected(`where a comma or ${close} should be`);
    }
    this.#depth -= 1;
    return hasComma;
  }

  #hashable(key: PythonLiteral): PythonLiteral {
    const { kind } = key;
    if (kind === "list" || kind === "dict" || kind === "set") {
      throw new LiteralSyntaxError(`a ${kind} cannot be a key or in a set`, key.at);
    }
    if (kind === "tuple") key.items.forEach((item) => this.#hashable(item));
    return key;
  }

  #strings(at: number): PythonLiteral {
    const parts = [scanString(this.#text, at)];
    for (let last = parts[0]; last !== undefined;) {
      this.#at = last.end;
      this.#skipSpace();
      if (!startsString(this.#text, this.#at)) break;
      last = scanString(this.#text, this.#at);
      parts.push(last);
    }
    const texts = parts.flatMap((part) => part.kind === "str" ? [part.value] : []);
    const bytes = parts.flatMap((part) => part.kind === "bytes" ? [...part.value] : []);
    if (texts.length === parts.length) return { at, kind: "str", value: texts.join("") };
    if (texts.length === 0) return { at, kind: "bytes", value: Uint8Array.from(bytes) };
    throw new LiteralSyntaxError("text and bytes stand side by side", at);
  }

  #number(at: number): PythonLiteral {
    const sign = this.#take("-") ? "-" : (this.#take("+"), "");
    this.#skipSpace();
    NUMBER.lastIndex = this.#at;
    const token = NUMBER.exec(this.#text)?.[0] ?? "";
    const digits = token.replaceAll("_", "");
    const after = this.#text[this.#at + token.length] ?? "";
    if (!/^\.?[0-9]/.test(token) || /[\p{L}\p{N}_.]/u.test(after)) {
      throw this.#unexpected("where a number should be");
    }
    const isInteger = /^(?:[0-9]+|0[xob].*)$/i.test(digits);
    if (/^0+[1-9]/.test(digits) && isInteger) {
      throw new LiteralSyntaxError("a number has a leading zero", this.#at);
    }
    if (isInteger && digits.length > MAX_INT_DIGITS) {
      throw new LiteralSyntaxError(`a number has more than ${MAX_INT_DIGITS} digits`, this.#at);
    }
    this.#at += token.length;
    if (!isInteger) return { at, kind: "float", value: Number(`${sign}${digits}`) };
    const value = BigInt(digits.toLowerCase());
    return { at, kind: "int", value: sign === "-" ? -value : value };
  }

  #word(at: number): PythonLiteral {
    WORD.lastIndex = at;
    const word = WORD.exec(this.#text)?.[0];
    if (word === undefined) throw this.#unexpected("where a value should be");
    this.#at += word.length;
    if (word === "None") return { at, kind: "None" };
    if (word === "True" || word === "False") return { at, kind: "bool", value: word === "True" };
    throw new LiteralSyntaxError(
      `${word} is code or a name; only plain values are read, and text needs quotes`,
      at,
    );
  }

  /** Passes over blanks and then `expected`, if it is there. */
  #take(expected: string): boolean {
    this.#skipSpace();
    const isThere = this.#text[this.#at] === expected;
    if (isThere) this.#at += 1;
    return isThere;
  }

  /** Line ends are blanks within brackets only. */
  #skipSpace(): void {
    this.#skip(this.#depth > 0 ? BLANKS_AND_LINES : BLANKS);
  }

  #skip(pattern: RegExp): void {
    pattern.lastIndex = this.#at;
    pattern.exec(this.#text);
    this.#at = Math.max(this.#at, pattern.lastIndex);
  }

  #unexpected(where: string): LiteralSyntaxError {
    const next = this.#text.codePointAt(this.#at);
    const found = next === undefined ? "the end" : String.fromCodePoint(next);
    return new LiteralSyntaxError(`there is ${JSON.stringify(found)} ${where}`, this.#at);
  }
}
