/** A small sample of `deno task cuts`, and that its judge sees what it is there to see. */
import { FILE_SYSTEM_KINDS } from "../boards/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { type Case, type Kind, nameOf, parseCase } from "./cut.ts";
import { scenarioOf } from "./kinds.ts";
import { Judge } from "./judge.ts";
import { evenDraw } from "./places.ts";
import { Random } from "./random.ts";
import { wrongReports } from "./reports.ts";
import { surround } from "./rig.ts";
import { runCases } from "./walk.ts";

/** Of what one cut has left wrong, so much is shown. */
const LINES_EACH = 4;

/** One of each kind: by name, since looking for their places would take as long again. */
const SAMPLE: readonly string[] = [
  "littlefs:power:48",
  "raising/fat:kill:c66",
  "rollback/write_through:power:15",
  "rollback_archive/fat:power:46",
  "in_place/fat:kill:c36",
  "in_place_raising/fat:power:50",
  "repair/fat:power:40",
  "resetting/littlefs:power:60",
  "resetting_uart/littlefs:kill:c60",
  "littlefs:kill:b12000+power:20",
];

Deno.test("update() and rollback() leave no board between two releases after a sample of cuts", async () => {
  const wrong: string[] = [];
  await using surroundings = surround();
  const cases = SAMPLE.map(parseCase).filter((one): one is Case => one !== null);
  const { cuts, notReached } = await runCases(cases, {
    surroundings,
    jobs: 4,
    onProgress: ({ name, verdict }) => {
      wrong.push(...verdict.wrong.slice(0, LINES_EACH).map((what) => `${name}: ${what}`));
    },
  });
  assertEquals(wrong, []);
  assertEquals([cuts, notReached], [SAMPLE.length, 0]);
});

Deno.test("nameOf() gives a name that parseCase() reads", () => {
  for (
    const name of [
      "littlefs:power:37",
      "fat:kill:b1200+cable:80",
      "write_through:kill:c2+power:1",
      "raising/fat:power:2",
      "rollback_archive/fat:power:2+cable:3",
      "healthy/littlefs",
    ]
  ) {
    const one = parseCase(name);
    assert(one !== null, name);
    assertEquals(nameOf(one), name);
  }
  for (
    const name of [
      "ext4:power:1",
      "good/fat:power:1",
      "fat:power:c1",
      "fat:kill:1",
      "fat:power:1+",
      "fat:",
    ]
  ) {
    assertEquals(parseCase(name), null, name);
  }
});

Deno.test("evenDraw() takes as many of each kind, and of no kind more than were asked for", () => {
  const kinds: readonly Kind[] = ["healthy", "raising", "repair"];
  for (const count of [0, 1, 2, 3, 7, 100]) {
    const drawn = evenDraw({ kinds, fileSystems: FILE_SYSTEM_KINDS, count }, new Random(count));
    const sums = kinds.map((kind) =>
      [...drawn].reduce((sum, [attempt, cuts]) => sum + (attempt.kind === kind ? cuts : 0), 0)
    );
    assertEquals(sums.reduce((sum, one) => sum + one), count);
    assert(Math.max(...sums) - Math.min(...sums) <= 1, sums.join());
  }
});

const { installation } = scenarioOf("healthy");
const judge = new Judge(scenarioOf("healthy"));
const oldTree = () => new Map(installation.old);
const newTree = () => new Map(installation.new);

Deno.test("judge takes the old tree and the new one", () => {
  assertEquals(judge.amid(oldTree()), []);
  assertEquals(judge.amid(newTree()), []);
  assertEquals(judge.isOld(oldTree()), []);
  assertEquals(judge.isNew(newTree()), []);
  assert(judge.isOld(newTree()).length > 0);
  assert(judge.isNew(oldTree()).length > 0);
});

Deno.test("judge takes a file that is moved away only while its content is kept", () => {
  const tree = oldTree();
  const content = tree.get("/main.py") ?? new Uint8Array();
  tree.delete("/main.py");
  assertEquals(judge.amid(tree).length, 1);
  tree.set("/.uota/old/3", content);
  assertEquals(judge.amid(tree), []);
});

Deno.test("judge sees a mixed file, a stray one, a lost exclusion, and a version that came first", () => {
  const changed = (path: string, text: string) =>
    oldTree().set(path, new TextEncoder().encode(text));
  for (
    const tree of [
      changed("/main.py", "print('half"),
      changed("/stray", ""),
      changed("/secrets.py", "PASSWORD = 'fill in'\n"),
      changed("/notes.txt", ""),
      changed("/.uota/journal", "uota-gateway 1 "),
      oldTree().set("/version", newTree().get("/version") ?? new Uint8Array()),
    ]
  ) {
    assert(judge.amid(tree).length > 0, "It saw nothing");
  }
  assert(
    judge.leftOver(oldTree().set("/.uota/", new Uint8Array())).length > 0,
    "It saw no left-over",
  );
});

Deno.test("judge of an installation in place sees what no update may touch, and only that", () => {
  const inPlace = new Judge(scenarioOf("in_place"));
  const { old } = scenarioOf("in_place").installation;
  assertEquals(inPlace.amid(new Map(old).set("/main.py", new Uint8Array())), []);
  assert(inPlace.amid(new Map(old).set("/notes.txt", new Uint8Array())).length > 0);
});

Deno.test("judge of a roll-back to an archive takes empty directories of what was left, and no files", () => {
  const backwards = new Judge(scenarioOf("rollback_archive"));
  const { old } = scenarioOf("rollback_archive").installation;
  const empty = new Map(old).set("/web/", new Uint8Array());
  assertEquals(backwards.isOld(empty), []);
  assertEquals(backwards.amid(empty), []);
  assert(backwards.isOld(new Map(empty).set("/web/index.html", new Uint8Array())).length > 0);
});

Deno.test("wrongReports() takes what the board has, and sees each name that differs", () => {
  const ended = {
    ...{ outcome: "rolled_back", from: "1.0.0", to: "1.0.0", offered: "1.1.0", strategy: "staged" },
    reason: { code: "app_failed", message: "" },
  };
  const right = { ended, status: [{ version: "1.0.0" }], history: [ended] };
  const versions = { before: ["1.0.0"], now: "1.0.0", isByHand: false, wanted: "1.1.0" };
  assertEquals(wrongReports(right, versions), []);
  const { offered: _, ...unoffered } = ended;
  for (
    const wrong of [
      { ended: { ...ended, from: "1.1.0" } },
      { ended: { ...ended, to: "1.1.0" } },
      { ended: { ...ended, offered: "1.0.0" } },
      { status: [{ version: "1.1.0" }] },
      { status: [] },
      { history: [] },
      { history: [{ ...ended, to: null }] },
      { history: [{ ...ended, outcome: "updated" }] },
      { history: [{ ...ended, outcome: null }, ended] },
      { history: [ended, { ...ended, reason: null }] },
      { history: [ended, unoffered] },
    ]
  ) {
    assert(wrongReports({ ...right, ...wrong }, versions).length > 0, JSON.stringify(wrong));
  }
});
