/** A small sample of `deno task cuts`, and that its judge sees what it is there to see. */
import { FILE_SYSTEM_KINDS } from "../boards/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { CUT_KINDS, nameOf, parseCase, RELEASE_KINDS } from "./cut.ts";
import { newTree, oldTree } from "./installation.ts";
import { Judge } from "./judge.ts";
import { walk } from "./walk.ts";

Deno.test("update() leaves no board half-updated after a sample of cuts", async () => {
  const wrong: string[] = [];
  const { cuts } = await walk({
    releases: RELEASE_KINDS,
    fileSystems: FILE_SYSTEM_KINDS,
    cuts: CUT_KINDS,
    singles: 3,
    doubles: 1,
    seed: 1,
    jobs: 4,
    onProgress: ({ name, verdict }) => {
      wrong.push(...verdict.wrong.map((what) => `${name}: ${what}`));
    },
  });
  assertEquals(wrong, []);
  assert(cuts > 0, "Nothing was cut");
});

Deno.test("nameOf() gives a name that parseCase() reads", () => {
  for (
    const name of [
      "littlefs:power:37",
      "fat:kill:b1200+cable:80",
      "write_through:kill:c2+power:1",
      "raising/fat:power:2",
    ]
  ) {
    const one = parseCase(name);
    assert(one !== null, name);
    assertEquals(nameOf(one), name);
  }
  for (
    const name of [
      "littlefs",
      "ext4:power:1",
      "good/fat:power:1",
      "fat:power:c1",
      "fat:kill:1",
      "fat:power:1+",
    ]
  ) {
    assertEquals(parseCase(name), null, name);
  }
});

const judge = new Judge("healthy");

Deno.test("judge takes the old tree and the new one", () => {
  assertEquals(judge.amid(oldTree()), []);
  assertEquals(judge.amid(newTree()), []);
  assertEquals(judge.before(oldTree()), []);
  assertEquals(judge.after(newTree()), []);
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
