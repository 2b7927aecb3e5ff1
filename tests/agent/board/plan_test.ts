import fc from "fast-check";
import { type Plan, planUpdate } from "../../../agent/board/plan.ts";
import { comparisonKey, covers, excludes, type Release } from "../../../agent/release/mod.ts";
import { UotaError } from "../../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertThrows } from "../../assert.ts";
import { releaseOf } from "../release/releases.ts";
import { ModelBoard } from "./model_board.ts";

/** Few names, so that releases, boards and lists meet. */
const name = fc.constantFrom("a", "b", "c", "lib", "B");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const content = fc.constantFrom("", "old", "new");
const list = fc.array(fc.oneof(path, path.map((entry) => `/${entry}/`)), { maxLength: 3 });

/** A tree without a file below a file; a path that does not fit the ones before it is left out. */
const tree = fc.dictionary(path, content, { maxKeys: 8 }).map((wanted) => {
  const kept = new Map<string, string>();
  for (const [file, text] of Object.entries(wanted)) {
    const meets = [...kept.keys()].some((other) => {
      const [one, two] = [comparisonKey(file), comparisonKey(other)];
      return one === two || one.startsWith(`${two}/`) || two.startsWith(`${one}/`) ||
        differOnlyInCase(file, other);
    });
    if (!meets) kept.set(file, text);
  }
  return kept;
});

/** As `b/x` and `B/y`, which no archive may hold. */
function differOnlyInCase(one: string, two: string): boolean {
  const [left, right] = [one.split("/"), two.split("/")];
  const at = left.findIndex((part, index) => part !== right[index]);
  const [first = "", second = ""] = [left[at], right[at]];
  return first !== second && comparisonKey(first) === comparisonKey(second);
}

const situation = fc.record({
  onBoard: tree,
  versionIs: fc.constantFrom("missing", "file", "directory"),
  emptyOnBoard: fc.array(path, { maxLength: 2 }),
  released: tree,
  releasedEmpty: fc.constantFrom("", "empty/", "other/empty/"),
  deletedByRelease: list,
  deletedByGateway: list,
  excluded: list,
});

interface Situation {
  readonly onBoard: ReadonlyMap<string, string>;
  readonly versionIs: string;
  readonly emptyOnBoard: readonly string[];
  readonly released: ReadonlyMap<string, string>;
  readonly releasedEmpty: string;
  readonly deletedByRelease: readonly string[];
  readonly deletedByGateway: readonly string[];
  readonly excluded: readonly string[];
}

function boardOf({ onBoard, versionIs, emptyOnBoard }: Situation): ModelBoard {
  const files = new Map(onBoard);
  if (versionIs === "file") files.set("version", "1.0");
  if (versionIs === "directory") files.set("version/of/nothing", "1.0");
  const blocked = (directory: string) =>
    [...files.keys()].some((file) => directory === file || directory.startsWith(`${file}/`));
  return new ModelBoard(files, emptyOnBoard.filter((directory) => !blocked(directory)));
}

async function releaseIn(situation: Situation): Promise<Release> {
  return await releaseOf({
    ...Object.fromEntries(situation.released),
    ...(situation.releasedEmpty === "" ? {} : { [situation.releasedEmpty]: "" }),
    "uota.cfg": `{"delete": ${JSON.stringify(situation.deletedByRelease)}}`,
    version: "2.0",
  });
}

function listsOf({ excluded, deletedByGateway }: Situation) {
  return { excluded, deleted: deletedByGateway };
}

/** Null where the plan says that an exclusion makes the release impossible. */
function planOrConflict(board: ModelBoard, release: Release, situation: Situation): Plan | null {
  try {
    return planUpdate(board.inspect(release, listsOf(situation)), release);
  } catch (error) {
    if (error instanceof UotaError && error.code === "excluded_conflict") return null;
    throw error;
  }
}

function isExcluded({ excluded }: Situation, file: string): boolean {
  return excluded.some((entry) => excludes(entry, file));
}

function isDeleted(situation: Situation, file: string): boolean {
  return file !== "version" &&
    [...situation.deletedByRelease, ...situation.deletedByGateway]
      .some((entry) => covers(entry, file));
}

/** The files that a board has to have in the end: `path=content`. */
function expectedFiles(board: ModelBoard, release: Release, situation: Situation) {
  const wanted = release.files.filter(({ path }) =>
    !isExcluded(situation, path) && !isDeleted(situation, path)
  );
  const displaced = (file: string) =>
    wanted.some(({ path }) =>
      path === file || path.startsWith(`${file}/`) || file.startsWith(`${path}/`)
    ) ||
    (situation.releasedEmpty.startsWith(`${file}/`) && !isDeleted(situation, file));
  const stays = board.listing().filter((line) => !line.endsWith("/")).filter((line) => {
    const file = line.slice(0, line.indexOf("="));
    return isExcluded(situation, file) || !(isDeleted(situation, file) || displaced(file));
  });
  const arrives = wanted.map(({ path, content }) => `${path}=${new TextDecoder().decode(content)}`);
  return [...new Set([...stays, ...arrives])].sort();
}

Deno.test("planUpdate() brings any board to any release", async () => {
  let planned = 0;
  await fc.assert(
    fc.asyncProperty(situation, async (situation) => {
      const board = boardOf(situation);
      const release = await releaseIn(situation);
      const expected = expectedFiles(board, release, situation);
      const plan = planOrConflict(board, release, situation);
      if (plan === null) return;
      planned++;
      board.carryOut(plan.operations);
      assertEquals(board.listing().filter((line) => !line.endsWith("/")), expected);
      assertEquals(planOrConflict(board, release, situation)?.operations, []);
    }),
    { numRuns: 600 },
  );
  assert(planned > 300, `only ${planned} situations had no conflict`);
});

Deno.test("planUpdate() changes version last, and touches nothing excluded", async () => {
  await fc.assert(
    fc.asyncProperty(situation, async (situation) => {
      const board = boardOf(situation);
      const plan = planOrConflict(board, await releaseIn(situation), situation);
      if (plan === null) return;
      const last = plan.operations.findLastIndex(({ path }) => path === "version");
      assertEquals(last, plan.operations.length - 1);
      const kept = board.paths().filter((file) => isExcluded(situation, file));
      for (const { kind, path } of plan.operations) {
        assert(!isExcluded(situation, path), `${kind} ${path}, which is excluded`);
        // Making a directory that is there leaves what is below it alone.
        if (kind === "make_directory") continue;
        const holds = kept.find((file) => file.startsWith(`${path}/`));
        assert(holds === undefined, `${kind} ${path}, which holds ${holds}`);
      }
    }),
    { numRuns: 400 },
  );
});

const UOTA_CFG = "{'delete': ['gone', 'was never there']}";

Deno.test("planUpdate() counts what it does", async () => {
  const board = new ModelBoard(
    new Map([
      ["main.py", "old"],
      ["same.py", "same"],
      ["secrets.py", "mine"],
      ["gone/a.py", "a"],
      ["gone/b/c.py", "c"],
      ["version", "1.0"],
    ]),
  );
  const release = await releaseOf({
    "main.py": "new",
    "same.py": "same",
    "secrets.py": "theirs",
    "lib/x.py": "x",
    "uota.cfg": UOTA_CFG,
    version: "2.0",
  });
  const plan = planUpdate(
    board.inspect(release, { excluded: ["secrets.py"], deleted: [] }),
    release,
  );
  assertEquals(plan.counts, { written: 4, unchanged: 1, deleted: 2, excluded: 1 });
  assertEquals(plan.operations.map(({ kind, path }) => `${kind} ${path}`), [
    "delete gone",
    "make_directory lib",
    "put lib/x.py",
    "put main.py",
    "put uota.cfg",
    "put version",
  ]);
  assertEquals(plan.putBytes, "new".length + "x".length + UOTA_CFG.length + "2.0".length);
});

Deno.test("planUpdate() keeps a directory that holds something excluded, and empties it", async () => {
  const board = new ModelBoard(
    new Map([["lib/a.py", "a"], ["lib/keep/me.py", "me"], ["lib/x/b.py", "b"]]),
  );
  const release = await releaseOf({ "uota.cfg": "{'delete': ['lib']}", version: "2.0" });
  const plan = planUpdate(
    board.inspect(release, { excluded: ["lib/keep"], deleted: [] }),
    release,
  );
  const deletes = plan.operations.filter(({ kind }) => kind === "delete");
  assertEquals(deletes.map(({ path }) => path), ["lib/a.py", "lib/x"]);
  assertEquals(plan.counts.deleted, 2);
});

Deno.test("planUpdate() writes anew what FAT would delete under another spelling", async () => {
  const board = new ModelBoard(
    new Map([
      ["Main.py", "x"],
      ["main.py", "x"],
      ["Lib/a.py", "x"],
      ["lib/a.py", "x"],
      ["same.py", "x"],
      ["version", "1.0"],
    ]),
  );
  const release = await releaseOf({
    "main.py": "x",
    "lib/a.py": "x",
    "same.py": "x",
    "uota.cfg": "{'delete': ['Main.py', 'Lib']}",
    version: "2.0",
  });
  const plan = planUpdate(board.inspect(release, { excluded: [], deleted: [] }), release);
  assertEquals(plan.operations.map(({ kind, path }) => `${kind} ${path}`), [
    "delete Main.py",
    "delete Lib",
    "make_directory lib",
    "put lib/a.py",
    "put main.py",
    "put uota.cfg",
    "put version",
  ]);
});

for (
  const [what, excluded, files, reason] of [
    ["version excluded", ["version"], { version: "2.0" }, "version"],
    ["version excluded in other letters", ["/VERSION"], { version: "2.0" }, "version"],
    [
      "a file where a directory holds something excluded",
      ["lib/keep.py"],
      { lib: "a file", version: "2.0" },
      "lib/keep.py",
    ],
  ] as const
) {
  Deno.test(`planUpdate() refuses ${what}`, async () => {
    const board = new ModelBoard(new Map([["lib/keep.py", "mine"]]));
    const release = await releaseOf(files);
    const inspection = board.inspect(release, { excluded, deleted: [] });
    const error = assertThrows(() => planUpdate(inspection, release), UotaError);
    assertEquals(error.code, "excluded_conflict");
    assertIncludes(error.message, reason);
  });
}
