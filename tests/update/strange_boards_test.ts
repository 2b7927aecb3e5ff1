/** Boards that hold what nobody expects where an update looks or writes. */
import { assertEquals, assertIncludes } from "../assert.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };
const NEW: Files = {
  "main.py": "print('new')\n",
  "uota.cfg": "{'delete': ['lib']}",
  "version": "2.0\n",
};

const UPDATED: Readonly<Record<string, Files>> = {
  "a file for the transaction's directory": { ".uota": "x" },
  "a file where new files are staged": { ".uota/new": "x", ".uota/old/0": "x" },
  "a file where old files are kept": { ".uota/old": "x" },
  "directories for staged files": { ".uota/new/0/a": "x", ".uota/new/1/b": "x" },
  "directories for journals": { ".uota/journal/a": "x", ".uota/journal.new/b": "x" },
  "an empty journal": { ".uota/journal": "" },
  "directories for the release's files": { "uota.cfg/a": "x", "main.py.bak/b": "x" },
  "names that look like a journal": { "lib/a\nd 9 main.py": "x", "lib/\x1e\x1f\t": "x" },
  "a deep and a wide directory": {
    [`lib/${"d/".repeat(40)}x`]: "x",
    ...Object.fromEntries(Array.from({ length: 250 }, (_, index) => [`lib/f${index}`, "x"])),
  },
};

for (const [what, strange] of Object.entries(UPDATED)) {
  Deno.test(`update() updates a board that has ${what}`, async () => {
    await using rig = await startBoardRig({ ...OLD, ...strange });
    const outcome = await rig.install(NEW);
    assertEquals(inShort(outcome), "updated", outcome.reason?.message);
    const kept = Object.entries(strange).filter(([path]) => path.startsWith("main.py.bak/"));
    assertEquals(await rig.files(), digests(onBoard({ ...NEW, ...Object.fromEntries(kept) })));
  });
}

Deno.test("update() never names a file by a name that it cannot write down", async () => {
  const files = { ...OLD, "lib/keep": "mine\n", "lib/a\nd 9 main.py": "x" };
  await using rig = await startBoardRig(files, {
    gateway: { defaults: `exclude = ["lib/keep"]` },
  });
  const outcome = await rig.install(NEW);
  assertEquals(inShort(outcome), "failed excluded_conflict");
  assertIncludes(outcome.reason?.message ?? "", "(lib/a?d 9 main.py)");
  assertEquals(await rig.files(), digests(onBoard(files)));
});

for (
  const [what, version] of [
    ["is empty", ""],
    ["is blank", " \n"],
    ["is far too long", "1".repeat(300)],
  ] as const
) {
  Deno.test(`update() does not guess when the board's version ${what}`, async () => {
    await using rig = await startBoardRig({ ...OLD, version });
    const outcome = await rig.install(NEW);
    assertEquals([inShort(outcome), outcome.from], ["failed no_version", null]);
  });
}

Deno.test("update() counts no file as written when nothing was installed", async () => {
  await using rig = await startBoardRig(OLD, { board: { flashBytes: 64 * 1024 } });
  const outcome = await rig.install({ ...NEW, "big.bin": new Uint8Array(100_000) });
  assertEquals([inShort(outcome), outcome.strategy], ["failed no_space", null]);
  assertEquals(outcome.files, { written: 0, unchanged: 0, deleted: 0, excluded: 0 });
});
