/**
 * A journal that the board's file system has damaged: it is not carried out, and the board ends
 * wholly on one release all the same.
 */
import { encodeJournal } from "../../agent/board/journal.ts";
import { planUpdate } from "../../agent/board/plan.ts";
import { assertEquals, assertIncludes } from "../assert.ts";
import { ModelBoard } from "../agent/board/model_board.ts";
import { releaseOf } from "../agent/release/releases.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { digests, type Files, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const OLD: Files = { "main.py": "print('old')\n", "lib.py": "v = 1\n", "version": "1.0\n" };
const NEW: Files = {
  "added.py": "v = 2\n",
  "lib.py": "v = 2\n",
  "main.py": "print('new')\n",
  "version": "2.0\n",
};

/** A board whose commit was cut after its first two files, with this in place of the journal. */
const HALF: Files = {
  "added.py": "v = 2\n",
  "lib.py": "v = 2\n",
  "main.py": "print('old')\n",
  "version": "1.0\n",
  ".uota/old/1": "v = 1\n",
  ".uota/new/2": "print('new')\n",
  ".uota/new/3": "2.0\n",
};

async function journal(): Promise<Uint8Array> {
  const release = await releaseOf(NEW);
  const board = new ModelBoard(new Map(Object.entries(OLD).map(([path]) => [path, "old"])));
  return encodeJournal(
    planUpdate(board.inspect(release, { excluded: [], deleted: [] }), release),
    release,
  );
}

/** What damage leaves: cut after the first line, in the middle of a line, garbage, zeroes, nothing. */
async function damagedJournals(): Promise<Readonly<Record<string, Uint8Array>>> {
  const whole = await journal();
  return {
    "that ends after its first operation": whole.subarray(0, whole.indexOf(10, 90) + 1),
    "that ends in the middle of a path": whole.subarray(0, whole.indexOf(10, 90) + 8),
    "with one letter changed": whole.with(whole.byteLength - 80, 0x78),
    "that is garbage": whole.map((byte, index) => byte * 7 + index & 0xff),
    "that is all zeroes": new Uint8Array(whole.byteLength),
    "that is empty": new Uint8Array(),
  };
}

async function isWholly(rig: BoardRig, files: Files, besides: Files = {}): Promise<void> {
  assertEquals(await rig.files(), digests(onBoard({ ...besides, ...files })));
}

Deno.test("update() brings a board with a damaged journal to a whole release", async (t) => {
  // One reader reads both.
  const names = ["journal", "rollback"];
  for (const [index, [what, damaged]] of Object.entries(await damagedJournals()).entries()) {
    const name = names[index % names.length];
    await t.step(`a ${name} ${what}`, async () => {
      await using rig = await startBoardRig({ ...HALF, [`.uota/${name}`]: damaged });
      assertEquals(inShort(await rig.install(NEW)), "updated");
      await isWholly(rig, NEW);
      assertEquals(inShort(await rig.install(NEW)), "current");
    });
  }
});

Deno.test("update() repairs with whatever is offered, also what is older or as old", async (t) => {
  for (const version of ["0.9\n", "1.0\n", "3.0\n"]) {
    await t.step(version.trim(), async () => {
      await using rig = await startBoardRig({ ...HALF, ".uota/journal": "damaged" });
      const offered: Files = { ...NEW, "main.py": "print('other')\n", version };
      assertEquals(inShort(await rig.install(offered)), "updated");
      await isWholly(rig, offered);
    });
  }
});

Deno.test("update() of a board without a version in the middle of a damaged transaction repairs it", async () => {
  const { version: _, ...unversioned } = HALF;
  await using rig = await startBoardRig({ ...unversioned, ".uota/journal": "damaged" });
  assertEquals(inShort(await rig.install(NEW)), "updated");
  await isWholly(rig, NEW);
});

Deno.test("update() keeps a failing release when there is nothing to go back to, and says so", async () => {
  await using rig = await startBoardRig(
    { ...HALF, ".uota/journal": "damaged" },
    { gateway: { confirm: "2s" } },
  );
  const raising: Files = { ...NEW, "main.py": "1/0\n" };
  const outcome = await rig.install(raising);
  assertEquals(inShort(outcome), "failed app_failed");
  assertIncludes(outcome.reason?.message ?? "", "nothing to go back to");
  await isWholly(rig, raising);
  assertEquals(inShort(await rig.install({ ...NEW, "version": "2.1\n" })), "updated");
});

Deno.test("update() names --force when only a bad release is there to repair with, and --force does it", async () => {
  await using rig = await startBoardRig(OLD, { gateway: { confirm: "2s" } });
  const raising: Files = { ...NEW, "main.py": "1/0\n" };
  assertEquals(inShort(await rig.install(raising)), "rolled_back app_failed");
  await rig.board.writeFiles(onBoard({ ".uota/rollback": "damaged" }));
  const refused = await rig.install(raising);
  assertEquals(inShort(refused), "failed unfinished_transaction");
  assertIncludes(refused.reason?.message ?? "", "--force");
  assertEquals(inShort(await rig.install(raising)), "failed unfinished_transaction");
  assertEquals(inShort(await rig.install(raising, { force: true })), "failed app_failed");
  await isWholly(rig, raising);
});

Deno.test("rollback() does not go back by a damaged journal, but to what the gateway keeps", async () => {
  await using rig = await startBoardRig(OLD, { gateway: { confirm: "300ms" } });
  const middle: Files = { ...NEW, "version": "1.5\n" };
  assertEquals(inShort(await rig.install(middle)), "updated");
  assertEquals(inShort(await rig.install(NEW)), "updated");
  await rig.board.writeFiles(onBoard({ ".uota/old/1": "x", ".uota/committed": "damaged" }));
  const back = await rig.gateway.run("rollback", "--board", "all", "--json");
  assertEquals(back.code, 0, back.stdout + back.stderr);
  await isWholly(rig, middle);
});
