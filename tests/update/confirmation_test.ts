/** Confirmation, roll-back and what the gateway remembers of them, on a real board. */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { type Gateway, inShort, makeGateway, onlyOutcome } from "./gateway.ts";

const RUNNING = "import time\nprint('up')\nwhile True:\n    time.sleep_ms(10)\n";
const OLD: Files = { "main.py": RUNNING, "lib/a.py": "a = 1\n", "version": "1.0\n" };
const GOOD: Files = { "main.py": RUNNING + "# 2\n", "lib/a.py": "a = 2\n", "version": "2.0\n" };
const RAISING: Files = { ...GOOD, "main.py": "import time\nprint('up')\n1/0\n" };

async function archive(gateway: Gateway, name: string, files: Files): Promise<string> {
  const path = `${gateway.directory}/${name}.tar.gz`;
  await Deno.writeFile(path, await packed(files));
  return path;
}

interface HistoryEntry {
  readonly outcome: string;
  readonly reason: { readonly code: string; readonly message: string } | null;
  readonly steps: readonly { readonly step: string }[];
}

async function history(gateway: Gateway): Promise<readonly HistoryEntry[]> {
  const { code, stdout } = await gateway.run("history", "--json");
  assertEquals(code, 0);
  return JSON.parse(stdout);
}

Deno.test("update() goes back, remembers and needs --force when main.py raises", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "2s" });
  const path = await archive(gateway, "raising", RAISING);

  const first = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals(inShort(first), "rolled_back app_failed");
  assertEquals([first.from, first.to, first.offered], ["1.0", "1.0", "2.0"]);
  assertIncludes(first.reason?.message ?? "", "ZeroDivisionError");
  assertEquals(digests(await board.files()), digests(onBoard(OLD)));

  const second = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals(inShort(second), "skipped known_bad");
  assertIncludes(second.reason?.message ?? "", "--force");

  const forced = onlyOutcome(await gateway.update({ archive: path, force: true }));
  assertEquals(inShort(forced), "rolled_back app_failed");

  const [third, , oldest] = await history(gateway);
  assertEquals(third?.outcome, "rolled_back");
  assertIncludes(oldest?.reason?.message ?? "", "Traceback (most recent call last):");
  assert(oldest?.steps.some(({ step }) => step === "rolling_back"));
});

Deno.test("update() leaves a healthy program alone, and cleans up at the next visit", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "300ms" });
  const path = await archive(gateway, "good", GOOD);
  assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "updated");
  assert((await board.files()).has("/.uota/committed"));
  assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "current");
  assertEquals(digests(await board.files()), digests(onBoard(GOOD)));
});

Deno.test("update() goes back when the ready line does not come, and not when it does", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({
    ports: [board.port],
    confirm: "1500ms",
    defaults: 'ready = "sensors ready"',
  });
  const silent = await archive(gateway, "silent", GOOD);
  const outcome = onlyOutcome(await gateway.update({ archive: silent }));
  assertEquals(inShort(outcome), "rolled_back not_ready");
  assertEquals(digests(await board.files()), digests(onBoard(OLD)));

  const speaking = await archive(gateway, "speaking", {
    ...GOOD,
    "main.py": RUNNING.replace("'up'", "'all sensors ready now'"),
    "version": "2.1\n",
  });
  assertEquals(inShort(onlyOutcome(await gateway.update({ archive: speaking }))), "updated");
});

Deno.test("update() reports a board that does not come back, and settles it at its next visit", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "300ms" });
  const path = await archive(gateway, "good", GOOD);
  const gone = gateway.update({ archive: path }, {
    returnBoundMs: 500,
    // The cable is out when the board comes back from its reset.
    onProgress: ({ phase }) => {
      if (phase === "confirming") void board.unplug();
    },
  });
  assertEquals(inShort(onlyOutcome(await gone)), "failed board_lost");
  await board.plug();
  assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "current");
  assertEquals(digests(await board.files()), digests(onBoard(GOOD)));
});

Deno.test("rollback() brings back the old release from the board, also without the gateway's memory", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "300ms" });
  const path = await archive(gateway, "good", GOOD);
  assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "updated");
  await Deno.remove(`${gateway.directory}/state`, { recursive: true });

  const back = await gateway.run("rollback", "--board", "all", "--json");
  assertEquals(back.code, 0, back.stderr);
  assertEquals(digests(await board.files()), digests(onBoard(OLD)));
  const again = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals(inShort(again), "skipped known_bad");
});

Deno.test("rollback() brings back what the gateway installed before, or says why it cannot", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "0s" });
  const nothing = await gateway.run("rollback", "--board", "all", "--json");
  assertEquals(nothing.code, 1);
  assertIncludes(nothing.stdout, "no_previous");

  const middle: Files = { ...GOOD, "version": "1.5\n" };
  await gateway.update({ archive: await archive(gateway, "middle", middle) });
  const more: Files = { ...GOOD, "lib/only.py": "x = 1\n" };
  await gateway.update({ archive: await archive(gateway, "more", more) });
  const back = await gateway.run("rollback", "--board", "all", "--json");
  assertEquals(back.code, 0, back.stderr);
  assertEquals(digests(await board.files()), digests(onBoard(middle)));
});

Deno.test("rollback() from a release that the gateway could not note goes back by one", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "0s" });
  const versions = ["1.2", "1.5", "2.0"];
  for (const version of versions) {
    const release: Files = { ...GOOD, version: `${version}\n` };
    await gateway.update({ archive: await archive(gateway, version, release) });
  }
  {
    using database = new DatabaseSync(`${gateway.config.gateway.stateDir}/gateway.db`);
    database.exec("DELETE FROM attempt WHERE to_version = '2.0'");
  }
  const back = await gateway.run("rollback", "--board", "all", "--json");
  assertEquals(back.code, 0, back.stderr);
  assertEquals(digests(await board.files()), digests(onBoard({ ...GOOD, version: "1.5\n" })));
});
