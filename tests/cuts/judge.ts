/**
 * Whether a board is as an interrupted, or a finished, update may leave it. Pure.
 *
 * INVARIANTS that are judged (DESIGN.md numbers them 2 to 4)
 * - Every file is wholly old or wholly new, or absent while its old content lies below `/.uota`.
 * - Where `version` is the new one, everything else is too.
 * - What is excluded, and what no plan names, is as it was.
 * - A journal that has its name is whole: it got it by a rename.
 *
 * Where files are replaced one by one, the gateway keeps the old content, and only what no update may
 * touch can be judged before the recovery.
 */
import type { FileTree } from "../boards/mod.ts";
import { isWhole } from "../../agent/board/journal.ts";
import type { Scenario } from "./kinds.ts";

const TRANSACTION = "/.uota/";
const JOURNALS = ["journal", "committed", "rollback"].map((name) => `${TRANSACTION}${name}`);
const VERSION = "/version";

export class Judge {
  readonly #old: FileTree;
  readonly #new: FileTree;
  readonly #untouched: ReadonlySet<string>;
  readonly #replaces: Scenario["replaces"];

  constructor({ installation, replaces }: Pick<Scenario, "installation" | "replaces">) {
    this.#old = installation.old;
    this.#new = installation.new;
    this.#untouched = installation.untouched;
    this.#replaces = replaces;
  }

  /** What is wrong with a board that may be at any point of an attempt. */
  amid(tree: FileTree): string[] {
    if (this.#replaces === "in_place") return this.#touched(tree);
    const backwards = this.#replaces === "beside_backwards";
    return this.#amidStaged(
      tree,
      backwards
        ? { from: this.#new, to: this.#withEmptied(tree) }
        : { from: this.#old, to: this.#new },
    );
  }

  /** What is wrong with a board on which the release is to be. */
  isNew(tree: FileTree): string[] {
    return differences(tree, this.#new, "where the release is to be");
  }

  /** What is wrong with a board on which the old release is to be. */
  isOld(tree: FileTree): string[] {
    const wanted = this.#replaces === "beside_backwards" ? this.#withEmptied(tree) : this.#old;
    return differences(tree, wanted, "where the old release is to be");
  }

  /** What an update has left that is none of the release's. */
  leftOver(tree: FileTree): string[] {
    const found = [...tree.keys()].filter((path) => path.startsWith(TRANSACTION));
    return found.length === 0 ? [] : [`${found.join(", ")} left after another update`];
  }

  /**
   * An archive of the old release does not say which directories the one that is left has made:
   * empty ones may stay.
   */
  #withEmptied(tree: FileTree): FileTree {
    const paths = [...tree.keys()];
    const isEmptied = (path: string) =>
      path.endsWith("/") && this.#new.has(path) &&
      !paths.some((other) => other !== path && other.startsWith(path));
    const emptied = paths.filter(isEmptied).map((path) => [path, new Uint8Array()] as const);
    return new Map([...this.#old, ...emptied]);
  }

  #touched(tree: FileTree): string[] {
    return [...this.#untouched]
      .filter((path) => !same(tree.get(path), this.#old.get(path)))
      .map((path) => `${path} is not the board's own any more`);
  }

  #amidStaged(
    tree: FileTree,
    { from, to }: { readonly from: FileTree; readonly to: FileTree },
  ): string[] {
    const wrong = this.#touched(tree);
    for (const path of JOURNALS) {
      const journal = tree.get(path);
      if (journal === undefined || isWhole(journal) || same(journal, from.get(path))) continue;
      wrong.push(`${path} is not whole: ${excerpt(journal)}`);
    }
    const kept = [...tree].filter(([path]) => path.startsWith(TRANSACTION)).map(([, at]) => at);
    for (const path of new Set([...tree.keys(), ...from.keys(), ...to.keys()])) {
      if (path.startsWith(TRANSACTION) || this.#untouched.has(path)) continue;
      const found = tree.get(path);
      const before = from.get(path);
      const after = to.get(path);
      if (path.endsWith("/")) {
        if (found !== undefined && before === undefined && after === undefined) {
          wrong.push(`${path} is a directory that neither release has`);
        }
        continue;
      }
      if (same(found, before) || same(found, after)) continue;
      if (found !== undefined) {
        wrong.push(`${path} is neither old nor new: ${excerpt(found)}`);
      } else if (!kept.some((content) => same(content, before))) {
        wrong.push(`${path} is gone, and its old content is not below ${TRANSACTION}`);
      }
    }
    if (same(tree.get(VERSION), to.get(VERSION))) {
      wrong.push(...differences(tree, to, "while version is the last file to change"));
    }
    return wrong;
  }
}

/** The version in the board's file; null without one. */
export function versionIn(tree: FileTree): string | null {
  const content = tree.get(VERSION);
  return content === undefined ? null : new TextDecoder().decode(content).trim();
}

/** Whether a transaction is open on the board: something is to be settled. */
export function isOpen(tree: FileTree): boolean {
  return JOURNALS.some((path) => tree.has(path));
}

/** Whether the board is on its way back, or to another release than the one that is complete on it. */
export function isGoingBack(tree: FileTree): boolean {
  return tree.has(`${TRANSACTION}rollback`) || tree.has(`${TRANSACTION}journal`);
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
