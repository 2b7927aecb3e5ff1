/** A few of the programs of `deno task programs`, and that all of them can be named and packed. */
import { assert, assertEquals } from "../assert.ts";
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import { aloneNames, pairNames, programOf } from "./choose.ts";
import { filesOf, ordinaryFiles } from "./program.ts";
import { tryProgram } from "./trial.ts";

const SAMPLE: readonly string[] = [
  "shadow_values+direction_marks",
  "ps1_dollar+own_log@uart",
  "hashlib_py+resets_on_error",
];

Deno.test("update() gets programs that hurt on and off their boards", async () => {
  const wrong = await sideBySide(SAMPLE, SAMPLE.length, async (name) => {
    const program = programOf(name);
    assert(program !== null, name);
    return (await tryProgram(program)).map((what) => `${name}: ${what}`);
  });
  assertEquals(wrong.flat(), []);
});

Deno.test("programOf() knows every name that is drawn, and no others", () => {
  const names = [...aloneNames(1), ...pairNames(1_000_000, 1)];
  assert(names.length > 1000);
  for (const name of names) {
    const program = programOf(name);
    assert(program !== null, name);
    for (const fails of [false, true]) {
      const files = filesOf(program, { version: "1.0", fails });
      assertEquals(files["version"], "1.0\n");
      assert("main.py" in files || "boot.py" in files, name);
    }
    assertEquals(ordinaryFiles(program, "2.0")["version"], "2.0\n");
  }
  for (const name of ["", "flood", "boot:flood", "main:slow", "slow+flood@tcp", "slow+slow"]) {
    assertEquals(programOf(name), null, name);
  }
});

Deno.test("pairNames() draws the same pairs for the same seed, and others for another", () => {
  assertEquals(pairNames(20, 5), pairNames(20, 5));
  assert(pairNames(20, 5).join() !== pairNames(20, 6).join());
});
