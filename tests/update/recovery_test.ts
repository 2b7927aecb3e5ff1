/** What is remembered of releases and boards, and what must not be mistaken for it. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, firmware, onBoard, packed, PROGRAM, versionOn } from "./firmware.ts";
import { type Gateway, inShort, makeGateway, onlyOutcome } from "./gateway.ts";

const RAISING = "1/0\n";

interface Told {
  readonly outcome: string;
  readonly from: string | null;
  readonly to: string | null;
  readonly offered: string | null;
  readonly reason: { readonly code: string } | null;
}

async function rollBack(gateway: Gateway): Promise<Told & { readonly code: number }> {
  const { code, stdout } = await gateway.run("rollback", "--board", "all", "--json");
  return { code, ...JSON.parse(stdout).boards[0] };
}

async function status(gateway: Gateway): Promise<string | null> {
  const { stdout } = await gateway.run("status", "--json");
  return JSON.parse(stdout)[0].version;
}

Deno.test("rollback() goes to the latest good release, never to a bad one, and says when there is none", async () => {
  await using rig = await startBoardRig(firmware("1.0"), { gateway: { confirm: "100ms" } });
  for (const version of ["1.1", "1.2", "1.3"]) {
    assertEquals(inShort(await rig.install(firmware(version))), "updated");
  }
  const first = await rollBack(rig.gateway);
  assertEquals([first.code, first.outcome], [0, "updated"]);
  assertEquals([first.from, first.to, first.offered], ["1.3", "1.2", "1.2"]);
  assertEquals([await versionOn(rig.board), await status(rig.gateway)], ["1.2", "1.2"]);
  const second = await rollBack(rig.gateway);
  assertEquals([second.outcome, second.from, second.to], ["updated", "1.2", "1.1"]);
  // What was left is not offered again, and there is nothing before 1.1 that the gateway has.
  assertEquals(inShort(await rig.install(firmware("1.3"))), "skipped known_bad");
  const third = await rollBack(rig.gateway);
  assertEquals([third.code, third.reason?.code], [1, "no_previous"]);
  assertEquals([await versionOn(rig.board), await status(rig.gateway)], ["1.1", "1.1"]);
});

Deno.test("rollback() does not go to the old files on the board when they are of a bad release", async () => {
  await using rig = await startBoardRig(firmware("1.0"), { gateway: { confirm: "100ms" } });
  for (const version of ["1.1", "1.2"]) {
    assertEquals(inShort(await rig.install(firmware(version))), "updated");
  }
  await rollBack(rig.gateway);
  assertEquals(await versionOn(rig.board), "1.1");
  // By force 1.2 is in between again, as an agent leaves it that is killed after it has noted 1.2.
  assertEquals(inShort(await rig.install(firmware("1.2"), { force: true })), "updated");
  assertEquals(inShort(await rig.install(firmware("1.3"))), "updated");
  const { config } = rig.gateway;
  const { Store, boardKey } = await import("../../agent/fleet/store.ts");
  {
    using store = Store.open(config.gateway.stateDir, { log: () => {}, now: () => new Date() });
    const key = boardKey({ uid: rig.board.uid, port: rig.board.port });
    const bad = store.installedArchives(key).find(({ version }) => version === "1.2");
    assert(bad !== undefined);
    store.markBad(key, bad, { code: "app_failed", message: "It fails" });
  }
  const back = await rollBack(rig.gateway);
  assertEquals([back.outcome, back.from, back.to], ["updated", "1.3", "1.1"]);
  assertEquals(await versionOn(rig.board), "1.1");
});

Deno.test("update() tells from, to and offered of what went back, in its outcome and in status", async () => {
  await using rig = await startBoardRig(firmware("1.0"), { gateway: { confirm: "2s" } });
  assertEquals(inShort(await rig.install(firmware("1.1"))), "updated");
  const outcome = await rig.install({ "main.py": RAISING, "version": "1.2" });
  assertEquals([outcome.from, outcome.to, outcome.offered], ["1.1", "1.1", "1.2"]);
  assertEquals(await status(rig.gateway), "1.1");
  const { stdout } = await rig.gateway.run("history", "--json");
  const [last] = JSON.parse(stdout);
  assertEquals([last.from, last.to, last.offered], ["1.1", "1.1", "1.2"]);
});

Deno.test("update() does not believe a board that says that a release is in place", async () => {
  await using rig = await startBoardRig(firmware("1.0"), { gateway: { confirm: "100ms" } });
  let forgotten: Promise<void> | null = null;
  const outcome = await rig.install(firmware("2.0"), {}, {
    // As a flash that loses what was written last, with the power.
    onProgress: ({ phase }) => {
      if (phase === "confirming") forgotten ??= rig.board.writeFiles(onBoard({ version: "1.0" }));
    },
  });
  await forgotten;
  assertEquals(inShort(outcome), "failed verification_failed");
  assertEquals([outcome.from, outcome.to, await versionOn(rig.board)], ["1.0", "1.0", "1.0"]);
  const files = [...await rig.board.files()].filter(([path]) => !path.startsWith("/.uota/"));
  assertEquals(digests(new Map(files)), digests(onBoard(firmware("1.0"))));
});

Deno.test("update() refuses a version that it could not read back", async () => {
  await using rig = await startBoardRig(firmware("1.0"));
  const archive = await rig.pack({ ...firmware("2.0"), "version": `2.0${" ".repeat(300)}\n` });
  const { code, stdout } = await rig.gateway.run(
    ...["update", "--board", "all", "--archive", archive, "--json"],
  );
  assertEquals([code, JSON.parse(stdout).error.code], [77, "release_invalid"]);
  assertIncludes(stdout, "304 bytes");
  const longest = { ...firmware("2.0"), "version": `2.0${" ".repeat(252)}\n` };
  assertEquals(inShort(await rig.install(longest)), "updated");
  assertEquals(inShort(await rig.install(longest)), "current");
});

Deno.test("update() gives nobody's settings to a board that has lost its uid", async () => {
  const directory = await Deno.makeTempDir({ prefix: "uota-uid-" });
  const link = `${directory}/ttyBOARD`;
  const files = { ...firmware("1.0"), "secrets.py": "P = 1\n" };
  const release = packed({ ...firmware("2.0"), "secrets.py": "P = 0\n" });
  await using gateway = await makeGateway({
    ports: [link],
    boards: `[[board]]\nname = "one"\nmatch = { uid = "aa01" }\nexclude = ["secrets.py"]\n`,
  });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(files));
  try {
    {
      await using board = await startWasmBoard({ link, uid: "aa01", files: onBoard(files) });
      assertEquals(board.port, link);
      assertEquals(inShort(onlyOutcome(await gateway.update({ archive }))), "current");
    }
    await Deno.writeFile(archive, release);
    await using board = await startWasmBoard({ link, uid: null, files: onBoard(files) });
    for (const _ of [1, 2]) {
      const { boards } = await gateway.update({ archive });
      const outcome = boards.find(({ port }) => port === link);
      assert(outcome !== undefined);
      assertEquals(inShort(outcome), "failed uid_missing");
      assertIncludes(outcome.reason?.message ?? "", "aa01");
    }
    assertEquals(digests(await board.files()), digests(onBoard(files)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("update() puts files back on the board that they are of, and not on another on its port", async () => {
  const directory = await Deno.makeTempDir({ prefix: "uota-swap-" });
  const link = `${directory}/ttyBOARD`;
  // Too small for the old and the new files beside each other.
  const small = { link, uid: null, flashBytes: 64 * 1024 };
  const firmwareOf = (version: string, fill: number): Files => ({
    "data.bin": new Uint8Array(40 * 1024).fill(fill),
    "main.py": `# ${fill}\n${PROGRAM}`,
    "version": `${version}\n`,
  });
  const next = firmwareOf("2.0", 2);
  await using gateway = await makeGateway({ ports: [link], confirm: "100ms" });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(next));
  const update = async () => {
    const outcome = onlyOutcome(await gateway.update({ archive }));
    return [inShort(outcome), outcome.strategy].join(" ");
  };
  try {
    const first = await startWasmBoard({ ...small, files: onBoard(firmwareOf("1.0", 1)) });
    const lost = first.cutPowerAfter(3);
    assertEquals(await update(), "failed unfinished_transaction in_place");
    await lost;
    const half = await first.tree();
    await first.stop();
    {
      await using second = await startWasmBoard({
        ...small,
        files: onBoard({ ...firmwareOf("1.0", 7), "main.py": `# theirs\n${PROGRAM}` }),
      });
      assertEquals(await update(), "updated in_place");
      assertEquals(digests(await second.files()), digests(onBoard(next)));
    }
    await using again = await startWasmBoard({ ...small, files: half });
    assertEquals(await update(), "updated in_place");
    assertEquals(digests(await again.files()), digests(onBoard(next)));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
