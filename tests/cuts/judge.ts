/**
 * Whether a board is as an interrupted, or a finished, update may leave it. Pure.
 *
 * INVARIANTS that are judged (DESIGN.md numbers them 2 to 4)
 * - Every file is wholly old or wholly new, or absent while its old content lies below `/.uota`.
 * - Where `version` is the new one, everything else is too.
 * - What is excluded, and what no plan names, is as it was.
 * - A journal that has its name is whole: it got it by a rename.
 */
import type { FileTree } from "../boards/mod.ts";
import { isWhole } from "../../agent/board/journal.ts";
import type { ReleaseKind } from "./cut.ts";
import { newTree, oldTree, untouchedPaths } from "./installation.ts";

const TRANSACTION = "/.uota/";
const JOURNALS = ["journal", "committed", "rollback"].map((name) => `${TRANSACTION}${name}`);
const VERSION = "/version";

export class Judge {
  readonly #old = oldTree();
  readonly #new: FileTree;
  readonly #untouched = untouchedPaths();

  constructor(release: ReleaseKind) {
    this.#new = newTree(release);
  }

  /** What is wrong with a board that may be at any point of an update. */
  amid(tree: FileTree): string[] {
    const wrong: string[] = [];
    for (const path of JOURNALS) {
      const journal = tree.get(path);
      if (journal === undefined || isWhole(journal)) continue;
      wrong.push(`${path} is not whole: ${excerpt(journal)}`);
    }
    const kept = [...tree].filter(([path]) => path.startsWith(TRANSACTION)).map(([, at]) => at);
    const paths = new Set([...tree.keys(), ...this.#old.keys(), ...this.#new.keys()]);
    for (const path of paths) {
      if (path.startsWith(TRANSACTION)) continue;
      const found = tree.get(path);
      const before = this.#old.get(path);
      const after = this.#new.get(path);
      if (path.endsWith("/")) {
        if (found !== undefined && before === undefined && after === undefined) {
          wrong.push(`${path} is a directory that neither release has`);
        }
        continue;
      }
      if (this.#untouched.has(path)) {
        if (!same(found, before)) wrong.push(`${path} is not the board's own any more`);
        continue;
      }
      if (same(found, before) || same(found, after)) continue;
      if (found !== undefined) {
        wrong.push(`${path} is neither old nor new: ${excerpt(found)}`);
      } else if (!kept.some((content) => same(content, before))) {
        wrong.push(`${path} is gone, and its old content is not below ${TRANSACTION}`);
      }
    }
    if (same(tree.get(VERSION), this.#new.get(VERSION))) {
      wrong.push(...this.#unlike(tree, "while version is new"));
    }
    return wrong;
  }

  /** What is wrong with a board that an update has succeeded on. */
  after(tree: FileTree): string[] {
    return this.#unlike(tree, "after an update that succeeded");
  }

  /** What is wrong with a board on which a failed update must have left, or brought back, the old. */
  before(tree: FileTree): string[] {
    return differences(tree, this.#old, "after an update that failed");
  }

  /** What an update has left that is none of the release's. */
  leftOver(tree: FileTree): string[] {
    const found = [...tree.keys()].filter((path) => path.startsWith(TRANSACTION));
    return found.length === 0 ? [] : [`${found.join(", ")} left after another update`];
  }

  #unlike(tree: FileTree, when: string): string[] {
    return differences(tree, this.#new, when);
  }
}

function differences(tree: FileTree, wanted: FileTree, when: string): string[] {
  const wrong: string[] = [];
  for (const path of new Set([...tree.keys(), ...wanted.keys()])) {
    if (path.startsWith(TRANSACTION)) continue;
    const found = tree.get(path);
    if (same(found, wanted.get(path))) continue;
    if (found === undefined) wrong.push(`${path} is missing ${when}`);
    else if (wanted.has(path)) wrong.push(`${path} has another content ${when}: ${excerpt(found)}`);
    else wrong.push(`${path} should not be there ${when}`);
  }
  return wrong;
}

function same(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return left.length === right.length && left.every((byte, index) => byte === right[index]);
}

function excerpt(content: Uint8Array): string {
  return `${content.length} bytes, ${
    JSON.stringify(new TextDecoder().decode(content.slice(0, 40)))
  }`;
}
