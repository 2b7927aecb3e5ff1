import assert from "node:assert/strict";
import fc from "fast-check";
import {
  comparisonKey,
  covers,
  deletionPath,
  excludes,
  normalisePath,
  parentDirectories,
} from "../../../agent/release/paths.ts";
import { assertRefused } from "./refused.ts";

Deno.test("normalisePath() drops ./ and doubled and trailing slashes", () => {
  for (const name of ["a/b", "./a/b", "a//b", "a/./b", "a/b/", ".//a/b//./"]) {
    assert.equal(normalisePath(name), "a/b", name);
  }
});

Deno.test("normalisePath() keeps names that only look dangerous", () => {
  for (const name of ["a\\b", "..a", "a..", "...", "a b", "'\"", ".uotax", "lib/.uota", "日本"]) {
    assert.equal(normalisePath(name), name);
  }
});

Deno.test("normalisePath() refuses half a surrogate pair", async () => {
  await assertRefused(() => normalisePath("a\ud800"), "archive_unsafe", /not valid Unicode/);
});

Deno.test("normalisePath() blames whom it is told to", async () => {
  const refusal = { code: "config_invalid", where: "The list exclude" } as const;
  const message = /^The list exclude has the name "\/a", which is absolute$/;
  await assertRefused(() => normalisePath("/a", refusal), "config_invalid", message);
});

Deno.test("normalisePath() gives a path below the root or refuses, and is idempotent", () => {
  const name = fc.stringMatching(/^[a./\\ \0é]{0,12}$/);
  fc.assert(
    fc.property(name, (text) => {
      let path: string;
      try {
        path = normalisePath(text);
      } catch {
        return;
      }
      assert.equal(normalisePath(path), path);
      assert.ok(!path.split("/").some((part) => ["", ".", ".."].includes(part)), path);
    }),
    { numRuns: 1000 },
  );
});

Deno.test("comparisonKey() is equal for names that a file system may take for one", () => {
  for (
    const [a, b] of [
      ["Main.py", "main.PY"],
      ["\u00e9", "e\u0301"],
      ["STRASSE", "straße"],
      ["ς", "Σ"],
      ["lib. /a..", "lib/a"],
    ] as const
  ) {
    assert.equal(comparisonKey(a), comparisonKey(b), `${a} ${b}`);
  }
  assert.notEqual(comparisonKey("a.b"), comparisonKey("ab"));
  assert.notEqual(comparisonKey("..."), comparisonKey("...."));
});

Deno.test("parentDirectories() gives them outermost first", () => {
  assert.deepEqual(parentDirectories("a/b/c"), ["a", "a/b"]);
  assert.deepEqual(parentDirectories("a"), []);
});

Deno.test("covers() is true for the path and what is below it", () => {
  for (const entry of ["lib", "/lib", "lib/", "./lib", "//lib//"]) {
    assert.ok(covers(entry, "lib"), entry);
    assert.ok(covers(entry, "lib/a/b.py"), entry);
    assert.ok(!covers(entry, "library"), entry);
    assert.ok(!covers(entry, "a/lib"), entry);
    assert.ok(!covers(entry, "Lib"), entry);
  }
  assert.ok(covers("e\u0301", "\u00e9/a"));
});

Deno.test("covers() and excludes() are false for entries that name the root", () => {
  for (const entry of ["", "/", ".", "./"]) {
    assert.ok(!covers(entry, "a"), entry);
    assert.ok(!excludes(entry, "a"), entry);
  }
});

Deno.test("excludes() protects without regard to case", () => {
  assert.ok(excludes("/Secrets.py", "secrets.py"));
  assert.ok(excludes("CERTS", "certs/key.der"));
  assert.ok(!excludes("secrets.py", "secrets.pyc"));
});

Deno.test("deletionPath() tolerates slashes around the entry", () => {
  for (const entry of ["old.py", "/old.py", "old.py/", "//old.py"]) {
    assert.equal(deletionPath(entry), "old.py");
  }
});

for (const entry of ["", ".", "/", "./", "..", "../x", "/..", "a/../..", ".uota", "/.uota/new"]) {
  Deno.test(`deletionPath() refuses "${entry}"`, async () => {
    const message = /^The delete list has the name/;
    await assertRefused(() => deletionPath(entry), "release_invalid", message);
  });
}
