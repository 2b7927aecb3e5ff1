/**
 * What has to change on one board to bring it to a release. A pure function of the inspection and
 * the release, so that a first attempt, a resumed one and a repair are the same code.
 *
 * INVARIANTS
 * - `version` is the last operation.
 * - No operation names an excluded path, one below it, or a directory that holds one.
 * - What has the right content already is not touched.
 */
import { UotaError } from "../../errors/mod.ts";
import { isUnnameable } from "../../serial/mod.ts";
import type { Release, ReleaseFile } from "../release/mod.ts";
import type { Inspection } from "./inspect.ts";
import type { FileCounts } from "./outcome.ts";
import { directoriesAbove, outermostOf, PathSet } from "./path_set.ts";

/** One step of the commit, in the order in which it is done. */
export type Operation =
  | { readonly kind: "delete"; readonly path: string }
  | { readonly kind: "make_directory"; readonly path: string }
  | { readonly kind: "put"; readonly path: string; readonly file: ReleaseFile };

export interface Plan {
  readonly operations: readonly Operation[];
  readonly counts: FileCounts;
  /** Bytes of content to put. */
  readonly putBytes: number;
}

/**
 * Plans the way to `release`.
 *
 * @throws {UotaError} `excluded_conflict` when an exclusion makes the release impossible
 */
export function planUpdate(inspection: Inspection, release: Release): Plan {
  const { excluded, deletions, states, trees } = inspection;
  const exclusions = PathSet.ofExclusions(excluded);
  const isExcluded = (path: string) => exclusions.covers(path);
  if (isExcluded("version")) {
    throw new UotaError(
      "excluded_conflict",
      "The file version is excluded, so the board could never become current; " +
        "take it out of exclude in the configuration or of excluded_files in the board's uota.cfg",
    );
  }
  const listed = PathSet.ofDeletions(deletions);
  const isDeleted = (path: string) => path !== "version" && listed.covers(path);

  const excludedFiles = release.files.filter(({ path }) => isExcluded(path));
  const wanted = release.files.filter(({ path }) => !isExcluded(path) && !isDeleted(path));
  const directories = neededDirectories(release, wanted).filter((path) =>
    !isExcluded(path) && !isDeleted(path)
  );

  const removals = new Removals(trees, isExcluded);
  for (const path of directories) {
    if (states.get(path)?.kind === "file") removals.add(path, "file");
  }
  for (const { path } of wanted) {
    if (states.get(path)?.kind === "directory") removals.addForFile(path);
  }
  const deleted = deletions.filter((path) => path !== "version" && !isExcluded(path));
  // What is below another of them goes with it.
  for (const path of outermostOf(deleted)) {
    const kind = states.get(path)?.kind;
    if (kind === "file" || kind === "directory") removals.add(path, kind);
  }

  const going = removals.paths();
  // FAT takes Main.py for main.py: moving the one away may have moved the other.
  const gone = PathSet.ofExclusions(going);
  const mayBeGone = (path: string) => gone.covers(path);
  const puts = wanted.filter(({ path, sha256 }) => {
    const state = states.get(path);
    return state?.kind !== "file" || state.sha256 !== sha256 || mayBeGone(path);
  });
  const version = puts.find(({ path }) => path === "version");
  const operations: Operation[] = [
    ...going.map((path) => ({ kind: "delete", path } as const)),
    ...directories.filter((path) => states.get(path)?.kind !== "directory" || mayBeGone(path))
      .map((path) => ({ kind: "make_directory", path } as const)),
    ...puts.filter((file) => file !== version)
      .map((file) => ({ kind: "put", path: file.path, file } as const)),
    ...(version ? [{ kind: "put", path: version.path, file: version } as const] : []),
  ];
  return {
    operations,
    counts: {
      written: puts.length,
      unchanged: wanted.length - puts.length,
      deleted: removals.fileCount,
      excluded: excludedFiles.length,
    },
    putBytes: puts.reduce((sum, { content }) => sum + content.byteLength, 0),
  };
}

/** What becomes of each path that is asked to be deleted. */
export function cleanUpFates(
  { excluded, deletions, states }: Inspection,
): ReadonlyMap<string, "deleted" | "was_missing" | "kept_excluded"> {
  const exclusions = PathSet.ofExclusions(excluded);
  return new Map(deletions.map((path) => {
    if (exclusions.covers(path)) return [path, "kept_excluded"];
    const kind = states.get(path)?.kind ?? "missing";
    return [path, kind === "missing" ? "was_missing" : "deleted"];
  }));
}

/** The directories that the wanted files need, and the ones that the release has empty. */
function neededDirectories(release: Release, wanted: readonly ReleaseFile[]): string[] {
  const needed = directoriesAbove(wanted.map(({ path }) => path));
  const full = directoriesAbove(release.files.map(({ path }) => path));
  return release.directories.filter((directory) => needed.has(directory) || !full.has(directory));
}

/** Collects what is to be moved away; whole directories where nothing below them must stay. */
class Removals {
  readonly #trees: Inspection["trees"];
  readonly #isExcluded: (path: string) => boolean;
  readonly #paths = new Map<string, number>();

  constructor(trees: Inspection["trees"], isExcluded: (path: string) => boolean) {
    this.#trees = trees;
    this.#isExcluded = isExcluded;
  }

  get fileCount(): number {
    return this.paths().reduce((sum, path) => sum + (this.#paths.get(path) ?? 0), 0);
  }

  add(path: string, kind: "file" | "directory"): void {
    if (kind === "file") {
      this.#paths.set(path, 1);
      return;
    }
    const tree = this.#trees.get(path) ?? [];
    const kept = tree.map((entry) => entry.path).filter(this.#isExcluded);
    if (kept.length === 0) {
      this.#paths.set(path, tree.filter((entry) => entry.kind === "file").length);
      return;
    }
    const stays = new Set([...kept, ...directoriesAbove(kept)]);
    const going = tree.filter((entry) => !stays.has(entry.path));
    const all = new PathSet(going.map((entry) => entry.path));
    const counts = new Map<string, number>();
    for (const entry of going) {
      if (isUnnameable(entry)) throw unnameable(path, entry.path, kept[0] ?? path);
      const outermost = all.outermost(entry.path) ?? entry.path;
      counts.set(outermost, (counts.get(outermost) ?? 0) + (entry.kind === "file" ? 1 : 0));
    }
    for (const [outermost, files] of counts) this.#paths.set(outermost, files);
  }

  /** A directory that has to make room for a file must not hold anything that stays. */
  addForFile(path: string): void {
    const kept = (this.#trees.get(path) ?? []).find((entry) => this.#isExcluded(entry.path));
    if (kept) {
      throw new UotaError(
        "excluded_conflict",
        `The release has a file ${path} where the board has a directory with ${kept.path}, ` +
          "which is excluded; rename one of them",
      );
    }
    this.add(path, "directory");
  }

  /** Each path once, and none below another. */
  paths(): readonly string[] {
    return outermostOf(this.#paths.keys());
  }
}

function unnameable(directory: string, path: string, kept: string): UotaError {
  return new UotaError(
    "excluded_conflict",
    `The directory ${directory} on the board is to be emptied around ${kept}, which is excluded, ` +
      `but a name in it has control characters (${path.replaceAll("\x7f", "?")}); ` +
      "remove that by hand",
  );
}
