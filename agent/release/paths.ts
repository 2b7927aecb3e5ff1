/**
 * Names of files on boards: how they are written, compared, and which are refused. Used for the
 * members of an archive and for the entries of `excluded_files` and `delete`.
 *
 * INVARIANTS
 * - A path that {@linkcode normalisePath} returns stays below the board's root, is not the root,
 *   and is neither `.uota` (the transaction's directory) nor below it.
 * - What is legal on littlefs stays possible: spaces, quotes, backslashes, any letters.
 */

import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { quote } from "./quote.ts";

/** littlefs LFS_NAME_MAX, and FAT's long names: 255. In bytes of UTF-8. */
export const MAX_COMPONENT_BYTES = 255;

/** MICROPY_ALLOC_PATH_MAX in MicroPython's py/mpconfig.h, what `import` can follow. In bytes. */
export const MAX_PATH_BYTES = 512;

/** The directory of the transaction, which belongs to the gateway alone. */
export const RESERVED_DIRECTORY = ".uota";

const CONTROL = /\p{Cc}/u;

/** How {@linkcode normalisePath} reports a name that it refuses. */
export interface PathRefusal {
  /** Who is to blame. @default "archive_unsafe" */
  readonly code?: ErrorCode;
  /** What the name stands in, as the message begins. @default "The archive" */
  readonly where?: string;
}

/**
 * `name` relative and `/`-separated: without `./`, doubled and trailing slashes.
 *
 * @throws {UotaError} with `refusal.code`, where the name is empty, absolute, leaves the root, is
 * too long, has control characters, or is reserved.
 */
export function normalisePath(name: string, refusal: PathRefusal = {}): string {
  const { code = "archive_unsafe", where = "The archive" } = refusal;
  const problem = name.startsWith("/") ? "is absolute" : pathProblem(name);
  if (problem !== null) {
    throw new UotaError(code, `${where} has the name ${quote(name)}, which ${problem}`);
  }
  return components(name).join("/");
}

function pathProblem(name: string): string | null {
  const parts = components(name);
  if (parts.length === 0) return "is empty or names the root";
  if (parts.includes("..")) return `leaves the board's root by ".."`;
  if (CONTROL.test(name)) return "has a control character";
  if (!name.isWellFormed()) return "is not valid Unicode";
  if (parts.some((part) => utf8Bytes(part) > MAX_COMPONENT_BYTES)) {
    return `has a part of more than ${MAX_COMPONENT_BYTES} bytes`;
  }
  if (utf8Bytes(parts.join("/")) > MAX_PATH_BYTES) {
    return `is longer than ${MAX_PATH_BYTES} bytes`;
  }
  if (comparisonKey(parts[0] ?? "") === comparisonKey(RESERVED_DIRECTORY)) {
    return `is in ${RESERVED_DIRECTORY}, the directory that the gateway keeps for itself`;
  }
  return null;
}

function components(name: string): readonly string[] {
  return name.split("/").filter((part) => part !== "" && part !== ".");
}

function utf8Bytes(text: string): number {
  return new TextEncoder().encode(text).byteLength;
}

/**
 * Equal for paths that some board's file system takes for one: FAT ignores case and drops dots and
 * spaces at the end of a name (create_name in MicroPython's lib/oofatfs/ff.c), and a Mac
 * may have decomposed the letters.
 */
export function comparisonKey(path: string): string {
  // Upper case folds more than lower case: ß with SS, final with other sigma.
  return path.split("/").map((part) => part.replace(/(?<=[^. ])[. ]+$/, "")).join("/")
    .normalize("NFC").toUpperCase().normalize("NFC");
}

/** The directories above `path`, outermost first: `a`, `a/b` for `a/b/c`. */
export function parentDirectories(path: string): readonly string[] {
  const parts = path.split("/");
  return parts.slice(1).map((_, index) => parts.slice(0, index + 1).join("/"));
}

/**
 * Whether `entry` of a `delete` list names `path` (normalised) or a directory above it. Slashes
 * around the entry do not matter, nor does how letters are composed. Case does: what is not named
 * exactly is not deleted.
 */
export function covers(entry: string, path: string): boolean {
  return isSameOrBelow(coverKey(entry), coverKey(path));
}

/** An entry {@linkcode covers} a path where its key is that of the path or of a directory above. */
export function coverKey(path: string): string {
  return entryPath(path).normalize("NFC");
}

/**
 * Whether `entry` of an `excluded_files` list protects `path` (normalised). As
 * {@linkcode covers}, and case does not matter either: on FAT, writing `secrets.py` would
 * overwrite the `Secrets.py` that was to be kept.
 */
export function excludes(entry: string, path: string): boolean {
  return isSameOrBelow(exclusionKey(entry), exclusionKey(path));
}

/** An entry {@linkcode excludes} a path where its key is that of the path or of a directory above. */
export function exclusionKey(path: string): string {
  return comparisonKey(entryPath(path));
}

/**
 * The normalised path of a `delete` entry. Slashes around it are tolerated.
 *
 * @throws {UotaError} with `refusal.code` where it names the root, leaves it, or is reserved.
 */
export function deletionPath(entry: string, refusal: PathRefusal = {}): string {
  const relative = entry.replace(/^\/+/, "");
  const { code = "release_invalid", where = "The delete list" } = refusal;
  return normalisePath(relative, { code, where });
}

function entryPath(entry: string): string {
  return components(entry).join("/");
}

function isSameOrBelow(entry: string, path: string): boolean {
  // An entry that names the root is empty and so covers nothing, rather than everything.
  return path === entry || path.startsWith(`${entry}/`);
}
