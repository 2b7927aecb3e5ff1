/**
 * A board's file system as a pure model: what `inspect` would read from it, and what the commit of a
 * plan does to it. For the tests of planning, which is pure itself.
 */
import { createHash } from "node:crypto";
import type { Inspection } from "../../../agent/board/inspect.ts";
import type { Operation } from "../../../agent/board/plan.ts";
import { deletionPath, excludes, type Release } from "../../../agent/release/mod.ts";
import type { PathState, TreeEntry } from "../../../serial/mod.ts";
import { assert } from "../../assert.ts";

const encoder = new TextEncoder();

/** Paths are relative, as everywhere in `agent/`. */
export class ModelBoard {
  readonly #files: Map<string, Uint8Array>;
  readonly #directories = new Set<string>();

  constructor(files: ReadonlyMap<string, string>, directories: readonly string[] = []) {
    this.#files = new Map(
      [...files].map(([path, content]) => [path, encoder.encode(content)]),
    );
    for (const path of files.keys()) this.#addParents(path);
    for (const path of directories) {
      this.#addParents(`${path}/x`);
    }
  }

  /** Files with their contents as text, directories with a slash behind; sorted. */
  listing(): readonly string[] {
    return [
      ...[...this.#files].map(([path, content]) => `${path}=${new TextDecoder().decode(content)}`),
      ...[...this.#directories].map((path) => `${path}/`),
    ].sort();
  }

  paths(): readonly string[] {
    return [...this.#files.keys(), ...this.#directories];
  }

  state(path: string): PathState {
    if (this.#directories.has(path)) return { kind: "directory" };
    const content = this.#files.get(path);
    if (content === undefined) return { kind: "missing" };
    const sha256 = createHash("sha256").update(content).digest("hex");
    return { kind: "file", sizeBytes: content.byteLength, sha256 };
  }

  /** What a visit reads for this release. */
  inspect(
    release: Release,
    lists: { readonly excluded: readonly string[]; readonly deleted: readonly string[] },
  ): Inspection {
    const { excluded } = lists;
    const deletions = [...new Set([...release.uotaConfig.delete, ...lists.deleted])]
      .map((entry) => deletionPath(entry));
    const files = release.files.map(({ path }) => path)
      .filter((path) => !excluded.some((entry) => excludes(entry, path)));
    const asked = [...new Set([...files, ...release.directories, ...deletions])];
    return {
      version: null,
      hasProgram: true,
      transaction: null,
      needsRepair: false,
      leftOvers: false,
      space: null,
      excluded,
      deletions,
      states: new Map(asked.map((path) => [path, this.state(path)])),
      trees: new Map(
        asked.filter((path) => this.#directories.has(path)).map((path) => [path, this.#walk(path)]),
      ),
    };
  }

  /** Does what the commit does, and fails where a board would. */
  carryOut(operations: readonly Operation[]): void {
    for (const operation of operations) {
      const { path } = operation;
      switch (operation.kind) {
        case "delete":
          assert(this.state(path).kind !== "missing", `${path} is not there to be deleted`);
          this.#remove(path);
          break;
        case "make_directory":
          this.#assertParent(path);
          assert(this.state(path).kind !== "file", `${path} is in the way of a directory`);
          this.#directories.add(path);
          break;
        case "put":
          this.#assertParent(path);
          this.#remove(path);
          this.#files.set(path, operation.file.content);
          break;
      }
    }
  }

  #addParents(path: string): void {
    const parts = path.split("/");
    for (let length = 1; length < parts.length; length++) {
      this.#directories.add(parts.slice(0, length).join("/"));
    }
  }

  #assertParent(path: string): void {
    const cut = path.lastIndexOf("/");
    if (cut >= 0) assert(this.#directories.has(path.slice(0, cut)), `${path} has no directory`);
  }

  #walk(directory: string): readonly TreeEntry[] {
    const below = (path: string) => path.startsWith(`${directory}/`);
    return [
      ...[...this.#directories].filter(below).map((path) => ({ kind: "directory", path } as const)),
      ...[...this.#files.keys()].filter(below).map((path) => ({ kind: "file", path } as const)),
    ].sort((a, b) => a.path < b.path ? -1 : 1);
  }

  #remove(path: string): void {
    for (const { path: below } of this.#walk(path)) {
      this.#files.delete(below);
      this.#directories.delete(below);
    }
    this.#files.delete(path);
    this.#directories.delete(path);
  }
}
