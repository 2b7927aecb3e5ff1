/**
 * What is at a path of a board, as `on_board/inspect.py` and `inspect_flat.py` reply it, and how
 * questions about many paths are cut into scripts.
 */

/** What is at a path. `sha256` in lower-case hex; sizes in bytes. */
export type PathState =
  | { readonly kind: "missing" }
  | { readonly kind: "directory" }
  | { readonly kind: "file"; readonly sizeBytes: number; readonly sha256: string };

/** As {@linkcode PathState}, without the hash. */
export type PathKind =
  | { readonly kind: "missing" | "directory" }
  | { readonly kind: "file"; readonly sizeBytes: number };

/** One entry below a directory. */
export interface TreeEntry {
  /** What it is. */
  readonly kind: "file" | "directory";
  /** The whole path. Where it {@linkcode isUnnameable}, nothing can be asked or done by it. */
  readonly path: string;
}

/** What stands in a {@linkcode TreeEntry} for each control character of a name. */
const DELETE = "\x7f";

/** Whether a path from `Board.walk` has control characters, and so is not the real one. */
export function isUnnameable({ path }: TreeEntry): boolean {
  return path.includes(DELETE);
}

/** A reply of `describe`: with the hash where one was asked for and the board can compute it. */
export type PathReply = PathKind & { readonly sha256?: string };

/** Reads one reply of `describe`; null where it is none. */
export function parsePathReply(reply: string): PathReply | null {
  const [kind, size = "", sha256] = reply.split("\t");
  if (kind === "-") return { kind: "missing" };
  if (kind === "d") return { kind: "directory" };
  if (kind !== "f" || !/^\d+$/.test(size)) return null;
  return { kind: "file", sizeBytes: Number(size), ...(sha256 === undefined ? {} : { sha256 }) };
}

/** Reads one reply of `walk`; `rootLength` characters of the path are the root with its slash. */
export function parseTreeReply(reply: string, rootLength: number): TreeEntry {
  const cut = reply.indexOf("\t");
  return {
    kind: reply.slice(0, cut) === "d" ? "directory" : "file",
    path: reply.slice(cut + 1 + rootLength),
  };
}

/** Groups of paths in one directory, each small enough for one script; keeps the order. */
export function* groupByDirectory(
  paths: readonly string[],
  budgetBytes: number,
): Generator<{ directory: string; names: string[] }> {
  let directory = "";
  let names: string[] = [];
  let bytes = 0;
  for (const path of paths) {
    const cut = path.lastIndexOf("/") + 1;
    const parent = path.slice(0, cut);
    const name = path.slice(cut);
    if (names.length > 0 && (parent !== directory || bytes + name.length > budgetBytes)) {
      yield { directory, names };
      names = [];
      bytes = 0;
    }
    directory = parent;
    names.push(name);
    // A part of one literal, an object of its own, and a pointer to it.
    bytes += name.length + 16;
  }
  if (names.length > 0) yield { directory, names };
}
