import fc from "fast-check";
import { cleanUpFates, planUpdate } from "../../../agent/board/plan.ts";
import { directoriesAbove, outermostOf, PathSet } from "../../../agent/board/path_set.ts";
import { covers, excludes, type Release } from "../../../agent/release/mod.ts";
import { assert, assertEquals } from "../../assert.ts";
import { releaseOf } from "../release/releases.ts";
import { ModelBoard } from "./model_board.ts";

/** Few parts, so that paths meet; with case, dots at the end, letters in two forms. */
const part = fc.constantFrom("a", "A", "a.", "b", "ab", "\u00e9", "e\u0301", "\u00df", "SS");
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const entry = fc.oneof(path, path.map((one) => `//${one}/./`), fc.constantFrom("", "/", "./"));
const paths = fc.array(path, { maxLength: 8 });

Deno.test("PathSet.covers() is what excludes() and covers() say of the entries one by one", () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 5 }), path, (entries, one) => {
      assertEquals(
        PathSet.ofExclusions(entries).covers(one),
        entries.some((entry) => excludes(entry, one)),
      );
      assertEquals(
        PathSet.ofDeletions(entries).covers(one),
        entries.some((entry) => covers(entry, one)),
      );
    }),
    { numRuns: 2000 },
  );
});

Deno.test("outermostOf() and directoriesAbove() are what comparing each with each says", () => {
  const isAbove = (one: string, other: string) => other.startsWith(`${one}/`);
  fc.assert(
    fc.property(paths, paths, (some, directories) => {
      assertEquals(
        outermostOf(some),
        some.filter((one) => !some.some((other) => isAbove(other, one))),
      );
      const above = directoriesAbove(some);
      for (const directory of directories) {
        assertEquals(above.has(directory), some.some((one) => isAbove(directory, one)));
      }
    }),
    { numRuns: 1000 },
  );
});

const COUNT = 1000;
/** Comparing each with each looks at every entry {@linkcode COUNT} times. */
const MOST_LOOKS = 20;

/** How often the elements of lists, and the paths of files, are looked at. */
class Looks {
  #count = 0;
  #elements = 0;

  list<Element>(elements: readonly Element[]): readonly Element[] {
    this.#elements += elements.length;
    return new Proxy(elements, {
      get: (target, property, receiver) => {
        if (typeof property === "string" && /^\d+$/.test(property)) this.#count++;
        return Reflect.get(target, property, receiver);
      },
    });
  }

  paths(things: Iterable<{ readonly path: string }>): void {
    for (const thing of things) {
      const { path } = thing;
      this.#elements++;
      const look = () => {
        this.#count++;
        return path;
      };
      Object.defineProperty(thing, "path", { get: look, enumerable: true });
    }
  }

  areFew(): void {
    const most = this.#elements * MOST_LOOKS;
    assert(this.#count <= most, `${this.#count} looks at ${this.#elements} elements`);
  }
}

function numbered(pattern: (index: number) => string): readonly string[] {
  return Array.from({ length: COUNT }, (_, index) => pattern(index));
}

async function releaseWith(paths: readonly string[]): Promise<Release> {
  return await releaseOf({
    ...Object.fromEntries(paths.map((path) => [path, "x"])),
    version: "2.0",
  });
}

Deno.test("planUpdate() looks at thousands of files, directories, exclusions and deletions a few times each", async (t) => {
  const planned = (board: ModelBoard, release: Release, lists: {
    readonly excluded?: readonly string[];
    readonly deleted?: readonly string[];
  }) => {
    const { excluded = [], deleted = [] } = lists;
    const looks = new Looks();
    const seen = board.inspect(release, { excluded: [], deleted });
    for (const tree of seen.trees.values()) looks.paths(tree);
    looks.paths(release.files);
    const inspection = {
      ...seen,
      excluded: looks.list(excluded),
      deletions: looks.list(seen.deletions),
    };
    const plan = planUpdate(inspection, release);
    cleanUpFates(inspection);
    looks.areFew();
    return plan;
  };
  await t.step("exclusions", async () => {
    const release = await releaseWith(numbered((index) => `lib/m${index}.py`));
    const excluded = numbered((index) => `lib/n${index}.py`);
    const plan = planned(new ModelBoard(new Map()), release, { excluded });
    assertEquals(plan.counts.written, COUNT + 1);
  });
  await t.step("deletions", async () => {
    const old = numbered((index) => `old/m${index}.py`);
    const board = new ModelBoard(new Map(old.map((path) => [path, "x"])));
    const plan = planned(board, await releaseWith(numbered((index) => `m${index}.py`)), {
      deleted: old,
    });
    assertEquals([plan.counts.written, plan.counts.deleted], [COUNT + 1, COUNT]);
  });
  await t.step("directories", async () => {
    const release = await releaseWith(numbered((index) => `m${index}/__init__.py`));
    const plan = planned(new ModelBoard(new Map()), release, {});
    const made = plan.operations.filter(({ kind }) => kind === "make_directory");
    assertEquals(made.length, COUNT);
  });
  await t.step("a directory that is emptied around what is excluded", async () => {
    const old = numbered((index) => `old/m${index}/x.py`);
    const board = new ModelBoard(new Map(old.map((path) => [path, "x"])));
    const excluded = old.filter((_, index) => index % 2 === 0);
    const plan = planned(board, await releaseWith(["main.py"]), { deleted: ["old"], excluded });
    assertEquals(plan.counts.deleted, COUNT / 2);
  });
  await t.step("deletions that are below each other", async () => {
    const deep = Array.from({ length: 100 }, (_, index) => "d/".repeat(index + 1) + "d");
    const files = [...numbered((index) => `${deep.at(-1)}/m${index}`), "d/d/keep"];
    const board = new ModelBoard(new Map(files.map((path) => [path, "x"])));
    const plan = planned(board, await releaseWith(["main.py"]), {
      deleted: ["d", ...deep],
      excluded: ["d/d/keep"],
    });
    assertEquals(plan.operations.filter(({ kind }) => kind === "delete").length, 1);
    assertEquals(plan.counts.deleted, COUNT);
  });
});

Deno.test("outermostOf() deals with as many paths as a board may have", () => {
  const stray = Array.from({ length: 200_000 }, (_, index) => `.uota/new/${index}`);
  assertEquals(outermostOf(stray).length, stray.length);
  assertEquals(outermostOf([...stray, ".uota/new"]), [".uota/new"]);
});
