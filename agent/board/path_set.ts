/**
 * Sets of paths that cover what is below them. A question costs the parts of the path that is asked
 * for, however many paths are in the set: lists and trees of boards have thousands. Used by
 * `inspect.ts`, `plan.ts` and `stage.ts`.
 */
import { coverKey, exclusionKey } from "../release/mod.ts";

/** Paths, each of which stands for itself and all that is below it. */
export class PathSet {
  readonly #keys: ReadonlySet<string>;
  readonly #keyOf: (path: string) => string;

  /** @param keyOf equal for paths that count as one; keeps the slashes */
  constructor(paths: Iterable<string>, keyOf: (path: string) => string = (path) => path) {
    // A key that is empty names the root, and covers nothing rather than everything.
    this.#keys = new Set([...paths].map(keyOf).filter((key) => key !== ""));
    this.#keyOf = keyOf;
  }

  /** Covers what `excludes` says of any of the entries. */
  static ofExclusions(entries: Iterable<string>): PathSet {
    return new PathSet(entries, exclusionKey);
  }

  /** Covers what `covers` says of any of the entries. */
  static ofDeletions(entries: Iterable<string>): PathSet {
    return new PathSet(entries, coverKey);
  }

  /** Whether `path` or a directory above it is in the set. */
  covers(path: string): boolean {
    return this.outermost(path) !== null;
  }

  /** Whether a directory above `path` is in the set, whatever is with `path` itself. */
  isBelow(path: string): boolean {
    const outermost = this.outermost(path);
    return outermost !== null && outermost !== this.#keyOf(path);
  }

  /** The key of the uppermost that covers `path`; null without one. */
  outermost(path: string): string | null {
    const key = this.#keyOf(path);
    for (let end = key.indexOf("/"); end >= 0; end = key.indexOf("/", end + 1)) {
      const above = key.slice(0, end);
      if (this.#keys.has(above)) return above;
    }
    return this.#keys.has(key) ? key : null;
  }
}

/** Those of the paths that are not below another of them. */
export function outermostOf(paths: Iterable<string>): readonly string[] {
  const all = [...paths];
  const set = new PathSet(all);
  return all.filter((path) => !set.isBelow(path));
}

/** Every directory above one of the paths. */
export function directoriesAbove(paths: Iterable<string>): ReadonlySet<string> {
  const found = new Set<string>();
  for (const path of paths) {
    for (let end = path.lastIndexOf("/"); end > 0; end = path.lastIndexOf("/", end - 1)) {
      const directory = path.slice(0, end);
      // What is above it is there, too.
      if (found.has(directory)) break;
      found.add(directory);
    }
  }
  return found;
}
