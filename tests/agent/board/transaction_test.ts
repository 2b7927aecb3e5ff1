/** The transaction on a real interpreter: carried out, cut short, carried on, taken back. */
import { commit, finish, rollBack } from "../../../agent/board/commit.ts";
import type { Plan } from "../../../agent/board/plan.ts";
import { UotaError } from "../../../errors/mod.ts";
import { assert, assertEquals, assertRejects } from "../../assert.ts";
import { startWasmBoard, type WasmBoard } from "../../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "../../update/firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "../../update/gateway.ts";
import { releaseOf } from "../release/releases.ts";
import { NEVER, stageRelease, visit } from "./staged_visit.ts";

/** A file that becomes a directory, a directory that becomes a file, one that goes, one that stays. */
const OLD: Files = {
  "main.py": "print('old')\n",
  "to_dir": "a file\n",
  "to_file/inner/a.py": "a = 1\n",
  "to_file/b.py": "b = 1\n",
  "going/c.py": "c = 1\n",
  "going/keep/secret.py": "mine\n",
  "same.py": "same\n",
  "version": "1.0\n",
};
const NEW: Files = {
  "main.py": "print('new')\n",
  "to_dir/now.py": "d = 2\n",
  "to_file": "a file now\n",
  "same.py": "same\n",
  "lib/deep/er.py": "e = 2\n",
  "uota.cfg": "{'delete': ['going', 'nothing there']}\n",
  "version": "2.0\n",
};
const SOUND = { ...NEVER, needsRepair: false };
const EXCLUDE = ["going/keep"];
const AFTER: Files = { ...NEW, "going/keep/secret.py": "mine\n" };
const AFTER_TREE = digests(
  new Map([
    ...onBoard(AFTER),
    ...["/to_dir/", "/lib/", "/lib/deep/", "/going/", "/going/keep/"]
      .map((path): [string, Uint8Array] => [path, new Uint8Array()]),
  ]),
);

async function treeOf(board: WasmBoard): Promise<readonly string[]> {
  return digests(await board.tree());
}

Deno.test("commit() replaces files by directories and back, deletes around what is excluded", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const release = await releaseOf(NEW);
  await visit(board.port, async (visited) => {
    await stageRelease(visited, release, { exclude: EXCLUDE });
    await commit(visited, SOUND);
    await commit(visited, SOUND);
    await finish(visited, NEVER);
    await finish(visited, NEVER);
  });
  assertEquals(await treeOf(board), AFTER_TREE);
});

Deno.test("rollBack() brings every file back after a whole commit", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const before = await treeOf(board);
  const release = await releaseOf(NEW);
  await visit(board.port, async (visited) => {
    await stageRelease(visited, release, { exclude: EXCLUDE });
    await commit(visited, SOUND);
    await rollBack(visited, SOUND);
  });
  assertEquals(await treeOf(board), before);
});

Deno.test("rollBack() goes back when the board reports a failure in the middle of commit()", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const before = await treeOf(board);
  const release = await releaseOf(NEW);
  const spoil = (plan: Plan): Plan => {
    const version = plan.operations.findIndex(({ path }) => path === "version");
    const [file] = release.files;
    assert(file !== undefined);
    const impossible = { kind: "put", path: "no/such/directory.py", file } as const;
    return { ...plan, operations: plan.operations.toSpliced(version, 0, impossible) };
  };
  await visit(board.port, async (visited) => {
    await stageRelease(visited, release, { exclude: EXCLUDE, spoil });
    const error = await assertRejects(() => commit(visited, SOUND), UotaError);
    assertEquals(error.code, "board_error");
    await rollBack(visited, SOUND);
  });
  assertEquals(await treeOf(board), before);
});

Deno.test("update() finishes a commit that lost its power, wherever that was", async (t) => {
  const release = await releaseOf(NEW);
  // The commit has 15 renames and directories; finish removes what they replaced.
  for (const changes of [0, 2, 5, 9, 14, 18]) {
    await t.step(`after ${changes} changes of the flash`, async () => {
      await using board = await startWasmBoard({ files: onBoard(OLD) });
      await using gateway = await makeGateway({
        ports: [board.port],
        defaults: `exclude = ${JSON.stringify(EXCLUDE)}`,
      });
      const archive = `${gateway.directory}/firmware.tar.gz`;
      await Deno.writeFile(archive, packed(NEW));
      const cut = await visit(board.port, async (visited) => {
        await stageRelease(visited, release, { exclude: EXCLUDE });
        const powerLost = board.cutPowerAfter(changes);
        const error = await assertRejects(async () => {
          await commit(visited, SOUND);
          await finish(visited, NEVER);
          throw new Error("The power was not cut");
        }, UotaError);
        await powerLost;
        return error;
      });
      assertEquals(cut.code, "port_lost");
      await board.powerOn();
      const outcome = onlyOutcome(await gateway.update({ archive }));
      // After the last of them the release was in place already.
      const ended = changes < 18 ? ["updated", "1.0", "2.0"] : ["current", "2.0", "2.0"];
      assertEquals([inShort(outcome), outcome.from, outcome.to], ended, outcome.reason?.message);
      assertEquals(await treeOf(board), AFTER_TREE);
    });
  }
});

Deno.test("rollBack() carries on after it lost its power", async (t) => {
  const release = await releaseOf(NEW);
  for (const changes of [1, 6]) {
    await t.step(`after ${changes} changes of the flash`, async () => {
      await using board = await startWasmBoard({ files: onBoard(OLD) });
      const before = await treeOf(board);
      await visit(board.port, async (visited) => {
        await stageRelease(visited, release, { exclude: EXCLUDE });
        await commit(visited, SOUND);
        const powerLost = board.cutPowerAfter(changes);
        await assertRejects(() => rollBack(visited, SOUND), UotaError);
        await powerLost;
      });
      await board.powerOn();
      await visit(board.port, (visited) => rollBack(visited, SOUND));
      assertEquals(await treeOf(board), before);
    });
  }
});

Deno.test("update() goes back from another release's journal before it begins", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port] });
  await visit(board.port, async (visited) => {
    await stageRelease(visited, await releaseOf({ "main.py": "print(1.5)\n", version: "1.5" }));
  });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed({ "main.py": "print(3)\n", version: "3.0" }));
  const outcome = onlyOutcome(await gateway.update({ archive }));
  assertEquals([inShort(outcome), outcome.from, outcome.to], ["updated", "1.0", "3.0"]);
  const expected = onBoard({ ...OLD, "main.py": "print(3)\n", version: "3.0" });
  assertEquals(digests(await board.files()), digests(expected));
});

Deno.test("update() removes what other visits left behind", async (t) => {
  const leftOvers: Files = {
    ".uota/new/0": "staged for something else\n",
    ".uota/new/77/x": "a directory where files are staged\n",
    ".uota/old/3/lib/a.py": "old\n",
    ".uota/journal.new": "d 0 main.py\n",
    ".uota/stray": "nobody's\n",
  };
  await using board = await startWasmBoard({ files: onBoard({ ...OLD, ...leftOvers }) });
  await using gateway = await makeGateway({ ports: [board.port] });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed({ "main.py": "print(2)\n", version: "2.0" }));
  const expected = digests(onBoard({ ...OLD, "main.py": "print(2)\n", version: "2.0" }));
  await t.step("with an update", async () => {
    assertEquals(inShort(onlyOutcome(await gateway.update({ archive }))), "updated");
    assertEquals(digests(await board.files()), expected);
  });
  await t.step("when there is nothing to update", async () => {
    await board.writeFiles(onBoard(leftOvers));
    assertEquals(inShort(onlyOutcome(await gateway.update({ archive }))), "current");
    assertEquals(digests(await board.files()), expected);
  });
});
