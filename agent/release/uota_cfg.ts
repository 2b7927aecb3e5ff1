/**
 * `uota.cfg`, the Python dictionary in which uOTA keeps its settings (its README, "Usage"). One is
 * in a release, for its `delete` list, and one is on a board, for its `excluded_files`.
 */

import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { parsePythonLiteral, type PythonLiteral } from "./python_literal.ts";
import { LiteralSyntaxError, positionOf } from "./python_syntax.ts";
import { quote } from "./quote.ts";

/** What a `uota.cfg` says. Keys that it lacks are null or empty; others are ignored. */
export interface UotaConfig {
  /** Where the board itself would look for releases. */
  readonly url: string | null;
  /** Where the board itself would keep the archive. */
  readonly tmpFilename: string | null;
  /** As written; `excludes` of `paths.ts` compares them. */
  readonly excludedFiles: readonly string[];
  /** As written; `deletionPath` of `paths.ts` checks them and `covers` compares them. */
  readonly delete: readonly string[];
}

/** How {@linkcode parseUotaConfig} reports what is wrong, which depends on whose file it is. */
export interface ConfigBlame {
  /** Who is to blame. @default "release_invalid" */
  readonly code?: ErrorCode;
  /** Whose `uota.cfg`, as messages begin. @default "The release's uota.cfg" */
  readonly where?: string;
}

/** What the absence of a `uota.cfg` says. */
export const EMPTY_UOTA_CONFIG: UotaConfig = {
  url: null,
  tmpFilename: null,
  excludedFiles: [],
  delete: [],
};

/**
 * Reads a `uota.cfg` without running it. Names given as bytes are taken as UTF-8; lists may be
 * tuples or sets, which work with the original as well.
 *
 * @throws {UotaError} with `blame.code`, naming line, column and key.
 */
export function parseUotaConfig(
  content: Uint8Array | string,
  blame: ConfigBlame = {},
): UotaConfig {
  return new ConfigReader(content, blame).read();
}

class ConfigReader {
  readonly #code: ErrorCode;
  readonly #where: string;
  readonly #text: string;

  constructor(content: Uint8Array | string, blame: ConfigBlame) {
    this.#code = blame.code ?? "release_invalid";
    this.#where = blame.where ?? "The release's uota.cfg";
    this.#text = typeof content === "string" ? content : this.#decode(content);
  }

  read(): UotaConfig {
    const literal = this.#parse();
    if (literal.kind !== "dict") {
      throw this.#wrong(literal, `holds a value of type ${literal.kind} instead of a dictionary`);
    }
    // A key that stands twice has its last value, as in Python.
    const values = new Map(
      literal.entries.map(([key, value]) => [key.kind === "str" ? key.value : key, value]),
    );
    return {
      url: this.#optionalText(values.get("url"), "url"),
      tmpFilename: this.#optionalText(values.get("tmp_filename"), "tmp_filename"),
      excludedFiles: this.#names(values.get("excluded_files"), "excluded_files"),
      delete: this.#names(values.get("delete"), "delete"),
    };
  }

  #decode(content: Uint8Array): string {
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(content);
    } catch (cause) {
      throw new UotaError(this.#code, `${this.#where} is not UTF-8 text`, { cause });
    }
  }

  #parse(): PythonLiteral {
    try {
      return parsePythonLiteral(this.#text);
    } catch (error) {
      if (!(error instanceof LiteralSyntaxError)) throw error;
      throw new UotaError(
        this.#code,
        `${this.#where} is no Python dictionary of plain values: ${error.message} ` +
          this.#place(error.offset),
        { cause: error },
      );
    }
  }

  #optionalText(value: PythonLiteral | undefined, key: string): string | null {
    if (value === undefined || value.kind === "None") return null;
    return this.#textOf(value, `for ${quote(key)}, which takes a text`);
  }

  #names(value: PythonLiteral | undefined, key: string): readonly string[] {
    if (value === undefined || value.kind === "None") return [];
    if (value.kind !== "list" && value.kind !== "tuple" && value.kind !== "set") {
      throw this.#wrong(
        value,
        `has a value of type ${value.kind} for ${
          quote(key)
        }, which takes a list of names like ["a.py"]`,
      );
    }
    return value.items.map((item) =>
      this.#textOf(item, `in the list ${quote(key)}, which takes names like "a.py"`)
    );
  }

  #textOf(value: PythonLiteral, where: string): string {
    if (value.kind === "str") return value.value;
    if (value.kind !== "bytes") {
      throw this.#wrong(value, `has a value of type ${value.kind} ${where}`);
    }
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(value.value);
    } catch {
      throw this.#wrong(value, `has bytes that are not UTF-8 ${where}`);
    }
  }

  #wrong(value: PythonLiteral, what: string): UotaError {
    return new UotaError(this.#code, `${this.#where} ${what} ${this.#place(value.at)}`);
  }

  #place(offset: number): string {
    const { line, column } = positionOf(this.#text, offset);
    return `(line ${line}, column ${column})`;
  }
}
