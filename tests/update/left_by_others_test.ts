/**
 * Transactions that another version of this program has left on a board: each state of the first
 * format is carried on, and a later format is left alone.
 */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { digests, type Files, firmware, onBoard, PROGRAM } from "./firmware.ts";
import { inShort } from "./gateway.ts";
import { createHash } from "node:crypto";

/** The boards, as that version left them when its power was cut (`path` to content). */
const BOARDS: Readonly<Record<string, Files>> = JSON.parse(
  await Deno.readTextFile(new URL("../fixtures/boards_journal_1.json", import.meta.url)),
);
const OLD: Files = {
  "legacy.py": "x = 1\n",
  "lib/a.py": "a = 1\n",
  "main.py": `# 1.0\n${PROGRAM}`,
  "secrets.py": "P = 1\n",
  "version": "1.0\n",
};
const NEW: Files = {
  "lib/a.py": "a = 2\n",
  "lib/b.py": "b = 2\n",
  "main.py": `# 2.0\n${PROGRAM}`,
  "uota.cfg": "{'delete': ['legacy.py']}\n",
  "version": "2.0\n",
};
const { "legacy.py": _, ...KEPT } = OLD;

function boardOf(state: string): Files {
  const files = BOARDS[state];
  assert(files !== undefined);
  return files;
}

async function isWholly(rig: BoardRig, files: Files): Promise<void> {
  const found = [...await rig.board.files()].filter(([path]) => !path.startsWith("/.uota/"));
  assertEquals(digests(new Map(found)), digests(onBoard(files)));
}

const start = (files: Files) => startBoardRig(files, { gateway: { confirm: "200ms" } });

Deno.test("update() carries on what the first format of the journal has left", async (t) => {
  for (const state of ["new", "journal", "committed", "rollback", "damaged"]) {
    await t.step(state, async () => {
      await using rig = await start(boardOf(state));
      const { outcome, to } = await rig.install(NEW);
      assertEquals([["updated", "current"].includes(outcome), to], [true, "2.0"]);
      await isWholly(rig, { ...KEPT, ...NEW });
      assertEquals(inShort(await rig.install(NEW)), "current");
    });
  }
});

Deno.test("update() of another release, and rollback, get past what the first format has left", async (t) => {
  const other = firmware("3.0", { "uota.cfg": "{'delete': ['legacy.py']}\n" });
  for (const state of ["journal", "committed", "rollback"]) {
    await t.step(`${state}, another release`, async () => {
      await using rig = await start(boardOf(state));
      assertEquals(inShort(await rig.install(other)), "updated");
      // What nobody could confirm is tried; what was on its way is not finished for it.
      const base = state === "committed" ? { ...KEPT, ...NEW } : KEPT;
      await isWholly(rig, { ...base, ...other });
    });
    await t.step(`${state}, rollback`, async () => {
      await using rig = await start(boardOf(state));
      const { code, stdout } = await rig.gateway.run("rollback", "--board", "all", "--json");
      assertEquals(code, 0, stdout);
      await isWholly(rig, OLD);
    });
  }
});

/** As a later version may write one: the form of the first and of the last line stays. */
function foreignJournal(): string {
  const body = "uota-gateway 2 and what it means\nx something new\nend ";
  return `${body}${createHash("sha256").update(body).digest("hex")}\n`;
}

Deno.test("update() leaves a transaction alone that a later version has begun, until it is forced", async () => {
  for (const name of ["journal", "committed", "rollback"]) {
    const files = { ...OLD, ".uota/new/1": "a = 2\n", [`.uota/${name}`]: foreignJournal() };
    await using rig = await start(files);
    const outcome = await rig.install(NEW);
    assertEquals(inShort(outcome), "failed foreign_transaction", name);
    assertIncludes(outcome.reason?.message ?? "", "--force");
    assertEquals(await rig.files(), digests(onBoard(files)));
    assertEquals(inShort(await rig.install(NEW, { force: true })), "updated");
    await isWholly(rig, { ...KEPT, ...NEW });
  }
});

Deno.test("update() tells that something had changed when the board goes while it is recovered", async () => {
  await using rig = await start(boardOf("journal"));
  const cut = rig.board.cutPowerAfter(1);
  const outcome = await rig.install(NEW);
  assertEquals([inShort(outcome), outcome.to], ["failed port_lost", null]);
  await cut;
  const { stdout } = await rig.gateway.run("status", "--json");
  // Nobody knows what the board is on.
  assertEquals(JSON.parse(stdout)[0].version, null);
  await rig.board.powerOn();
  assertEquals(inShort(await rig.install(NEW)), "updated");
  await isWholly(rig, { ...KEPT, ...NEW });
});
