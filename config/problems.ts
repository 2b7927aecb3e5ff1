/**
 * Turns what zod found into sentences for the person who edits the file: the key's path, what is
 * wrong, and the name that was probably meant. Values are never repeated: they may be secrets.
 */
import type { z } from "zod";
import { nearName } from "./near_name.ts";
import { KEYS_BY_SECTION } from "./schema.ts";

type Path = readonly PropertyKey[];

/** One thing that is wrong in a file. */
export interface Problem {
  readonly path: Path;
  readonly message: string;
}

/** What one issue of zod says about `content`, the file as TOML reads it. */
export function problemsOf(issue: z.core.$ZodIssue, content: unknown): readonly Problem[] {
  switch (issue.code) {
    case "unrecognized_keys":
      return issue.keys.map((key) => ({
        path: [...issue.path, key],
        message: unknownKey(key, sectionOf(issue.path)),
      }));
    case "invalid_type":
      return [wrongType(issue.path, issue.expected, valueAt(content, issue.path))];
    case "invalid_union":
      return wrongForm(issue, content);
    case "invalid_value":
      return [{ path: issue.path, message: wrongChoice(issue, valueAt(content, issue.path)) }];
    default:
      return [{ path: issue.path, message: issue.message }];
  }
}

/** The complaints of the form that was meant, or else that the value has none of them. */
function wrongForm(issue: z.core.$ZodIssueInvalidUnion, content: unknown): readonly Problem[] {
  const isOther = ({ code, path }: z.core.$ZodIssue) =>
    code === "invalid_type" && path.length === 0;
  const meant = issue.errors.find((form) => !form.some(isOther));
  if (meant !== undefined) {
    return meant.flatMap((each) =>
      problemsOf({ ...each, path: [...issue.path, ...each.path] }, content)
    );
  }
  const value = typeName(valueAt(content, issue.path));
  const forms = 'a string in quotes or a table as { credential = "token" }';
  return [{ path: issue.path, message: `must be ${forms}, not ${value}` }];
}

/** `board[2].match.uid`; a name that is no bare key stands in quotes. */
export function formatPath(path: Path): string {
  return path.map((part, index) => {
    if (typeof part === "number") return `[${part}]`;
    const name = String(part);
    const bare = /^[A-Za-z0-9_-]+$/.test(name) ? name : JSON.stringify(name);
    return index === 0 ? bare : `.${bare}`;
  }).join("");
}

function unknownKey(key: string, section: string): string {
  const near = nearName(key, KEYS_BY_SECTION.get(section) ?? []);
  if (near !== null) return `unknown key, did you mean ${near}?`;
  const homes = [...KEYS_BY_SECTION]
    .filter(([, keys]) => keys.includes(key))
    .map(([name]) => name === "" ? "the top of the file" : header(name));
  if (homes.length > 0) return `unknown key here, it belongs to ${homes.join(" or ")}`;
  const known = KEYS_BY_SECTION.get(section) ?? [];
  return `unknown key, known here are ${known.join(", ")}`;
}

function header(section: string): string {
  if (section === "board") return "[[board]]";
  if (section === "source.headers") return "a header's table in source.headers";
  return section === "board.match" ? "a board's match" : `[${section}]`;
}

function wrongType(path: Path, expected: string, value: unknown): Problem {
  if (value === undefined) {
    const section = path.length === 1 && path[0] === "source";
    return section
      ? {
        path: ["source", "url"],
        message: "missing, give the base URL that holds the file latest under [source]",
      }
      : { path, message: "missing" };
  }
  if (path.length === 1 && path[0] === "board") {
    return { path, message: "must be written as [[board]], once for each board" };
  }
  return { path, message: `must be ${TYPE_NAMES[expected] ?? expected}, not ${typeName(value)}` };
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: "a string in quotes",
  number: "a number",
  boolean: "true or false",
  array: "a list in [ ]",
  object: "a table",
  record: "a table",
};

function typeName(value: unknown): string {
  if (Array.isArray(value)) return "a list";
  if (value instanceof Date) return "a date";
  switch (typeof value) {
    case "string":
      return "a string";
    case "boolean":
      return "a boolean";
    case "number":
    case "bigint":
      return "a number";
    default:
      return "a table";
  }
}

function wrongChoice(issue: z.core.$ZodIssueInvalidValue, value: unknown): string {
  const choices = issue.values.map(String);
  if (typeof value !== "string") {
    return `must be one of ${choices.map(quote).join(", ")}, not ${typeName(value)}`;
  }
  const near = nearName(value, choices);
  const meant = near === null ? "" : `, did you mean ${quote(near)}?`;
  return `must be one of ${choices.map(quote).join(", ")}${meant}`;
}

function quote(text: string): string {
  return JSON.stringify(text);
}

function sectionOf(path: Path): string {
  const names = path.filter((part) => typeof part === "string");
  // What comes after that is a header's name.
  if (names[0] === "source" && names[1] === "headers") return "source.headers";
  return names.join(".");
}

/** What stands at a path of nested tables and lists; undefined where nothing does. */
export function valueAt(content: unknown, path: Path): unknown {
  let value = content;
  for (const key of path) {
    if (typeof value !== "object" || value === null) return undefined;
    value = Reflect.get(value, key);
  }
  return value;
}
