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
import { covers, excludes, type Release, type ReleaseFile } from "../release/mod.ts";
import type { Inspection } from "./inspect.ts";
import type { FileCounts } from "./outcome.ts";

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
  const isExcluded = (path: string) => excluded.some((entry) => excludes(entry, path));
  if (isExcluded("version")) {
    throw new UotaError(
      "excluded_conflict",
      "The file version is excluded, so the board could never become current; " +
        "take it out of exclude in the configuration or of excluded_files in the board's uota.cfg",
    );
  }
  const isDeleted = (path: string) =>
    path !== "version" && deletions.some((entry) => covers(entry, path));

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
  for (const path of deletions) {
    const kind = states.get(path)?.kind;
    if (path === "version" || isExcluded(path) || kind === undefined || kind === "missing") {
      continue;
    }
    removals.add(path, kind);
  }

  const going = removals.paths();
  // FAT takes Main.py for main.py: moving the one away may have moved the other.
  const mayBeGone = (path: string) => going.some((removed) => excludes(removed, path));
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
  return new Map(deletions.map((path) => {
    if (excluded.some((entry) => excludes(entry, path))) return [path, "kept_excluded"];
    const kind = states.get(path)?.kind ?? "missing";
    return [path, kind === "missing" ? "was_missing" : "deleted"];
  }));
}

/** The directories that the wanted files need, and the ones that the release has empty. */
function neededDirectories(release: Release, wanted: readonly ReleaseFile[]): string[] {
  return release.directories.filter((directory) =>
    wanted.some(({ path }) => path.startsWith(`${directory}/`)) ||
    !release.files.some(({ path }) => path.startsWith(`${directory}/`))
  );
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
    const kept = tree.filter((entry) => this.#isExcluded(entry.path));
    if (kept.length === 0) {
      this.#paths.set(path, tree.filter((entry) => entry.kind === "file").length);
      return;
    }
    for (const entry of tree) {
      const staysFor = kept.some(({ path: inner }) =>
        inner === entry.path || inner.startsWith(`${entry.path}/`)
      );
      if (staysFor) continue;
      if (isUnnameable(entry)) throw unnameable(path, entry.path, kept[0]?.path ?? path);
      const below = tree.filter((other) =>
        other.kind === "file" && other.path.startsWith(`${entry.path}/`)
      );
      this.#paths.set(entry.path, entry.kind === "file" ? 1 : below.length);
    }
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
  paths(): string[] {
    const all = [...this.#paths.keys()];
    return all.filter((path) => !all.some((other) => path.startsWith(`${other}/`)));
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
