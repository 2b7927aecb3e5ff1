/** What makes an update leave a board as it is, wholly or in part, and what it says then. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startMicrobit } from "../boards/mod.ts";
import { watchPort } from "../boards/port_watch.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "./gateway.ts";
import { testNeeding } from "../needs.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };
const NEW: Files = { "main.py": "print('new')\n", "version": "2.0\n" };

Deno.test("update() says how much space is missing, and leaves the board as it is", async () => {
  await using rig = await startBoardRig(OLD, { board: { flashBytes: 64 * 1024 } });
  const before = await rig.tree();
  const outcome = await rig.install({ ...NEW, "big.bin": new Uint8Array(100_000) });
  assertEquals(inShort(outcome), "failed no_space");
  const message = outcome.reason?.message ?? "";
  assertIncludes(message, "has 48 kB free of 64 kB. The release needs");
  assertEquals(await rig.tree(), before);
  // What does fit is still welcome.
  assertEquals(
    inShort(await rig.install({ ...NEW, "small.bin": new Uint8Array(9000) })),
    "updated",
  );
});

testNeeding(
  ["micro:bit"],
  "update() refuses a release with directories for a micro:bit before it writes",
  async () => {
    const text = new TextEncoder();
    await using board = await startMicrobit({
      files: new Map([["main.py", text.encode("print('old')\n")], ["version", text.encode("1.0")]]),
    });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed({ ...NEW, "lib/a.py": "a = 1\n" }));
    const refused = onlyOutcome(await gateway.update({ archive }));
    assertEquals(inShort(refused), "failed no_directories");
    assertIncludes(refused.reason?.message ?? "", "lib/a.py");
    assert(refused.bytesOnWire < 4000, `${refused.bytesOnWire} bytes were sent`);
    // Nothing has changed: the board is still on the old release and takes a flat one.
    await Deno.writeFile(archive, packed(NEW));
    const flat = onlyOutcome(await gateway.update({ archive }));
    assertEquals([inShort(flat), flat.from, flat.files.written], ["updated", "1.0", 2]);
  },
);

Deno.test("update() keeps excluded files with all that is below them", async () => {
  const own: Files = {
    "wifi/secrets.py": "mine\n",
    "certs/deep/er/key.pem": "mine\n",
    "Local.json": "mine\n",
  };
  await using rig = await startBoardRig(
    { ...OLD, ...own, "uota.cfg": "{'excluded_files': ['certs/', 'wifi/secrets.py']}" },
    { gateway: { defaults: `exclude = ["local.json"]` } },
  );
  const outcome = await rig.install({
    ...NEW,
    "wifi/secrets.py": "theirs\n",
    "wifi/connect.py": "c = 1\n",
    "certs/deep/er/key.pem": "theirs\n",
    "certs/new.pem": "theirs\n",
    "local.json": "theirs\n",
    "uota.cfg": "{'delete': ['wifi', 'certs', 'Local.json']}",
  });
  assertEquals(inShort(outcome), "updated");
  assertEquals(outcome.files, { written: 3, unchanged: 0, deleted: 0, excluded: 4 });
  const expected = { ...NEW, ...own, "uota.cfg": "{'delete': ['wifi', 'certs', 'Local.json']}" };
  assertEquals(await rig.files(), digests(onBoard(expected)));
});

for (
  const [what, files, code, message] of [
    [
      "has a uota.cfg that cannot be read",
      { "uota.cfg": "{'excluded_files': [" },
      "board_error",
      "nothing was changed",
    ],
    [
      "excludes version",
      { "uota.cfg": "{'excluded_files': ['version']}" },
      "excluded_conflict",
      "never become current",
    ],
    [
      "has something excluded where the release has a file",
      { "main.py/keep": "mine", "uota.cfg": "{'excluded_files': ['main.py/keep']}" },
      "excluded_conflict",
      "main.py/keep",
    ],
  ] as const
) {
  Deno.test(`update() changes nothing on a board that ${what}`, async () => {
    await using rig = await startBoardRig({ version: "1.0", ...files });
    const before = await rig.tree();
    const outcome = await rig.install(NEW);
    assertEquals(inShort(outcome), `failed ${code}`);
    assertIncludes(outcome.reason?.message ?? "", message);
    assertEquals(await rig.tree(), before);
  });
}

Deno.test("update() decides by the versions, and as the flags say", async (t) => {
  await using rig = await startBoardRig(OLD);
  /** The board gets these files; the run has this outcome, and the board these files then. */
  const step = (
    what: string,
    expected: string,
    files: Files,
    request: Parameters<typeof rig.install>[1] = {},
    release: Files = NEW,
  ) =>
    t.step(what, async () => {
      await rig.board.writeFiles(onBoard(files));
      const outcome = await rig.install(release, request);
      assertEquals(inShort(outcome), expected);
      const after = expected === "updated" ? release : files;
      assertEquals(await rig.files(), digests(onBoard(after)));
    });
  const newer = { ...OLD, version: "2.1" };
  const strange = { ...OLD, version: "banana" };
  await step("older", "skipped older", newer);
  await step("older, forced", "updated", newer, { force: true });
  await step("older, unchecked", "updated", newer, { versionCheck: false });
  await step("unordered", "failed version_order", strange);
  await step("unordered, unchecked", "updated", strange, { versionCheck: false });
  await step("same", "current", NEW);
  await step("same, damaged, forced", "updated", { ...OLD, version: "2.0\n" }, { force: true });
  await step("dry run", "skipped dry_run", OLD, { dryRun: true });
});

Deno.test("update() installs without a version only where nothing is lost or somebody insists", async (t) => {
  await t.step("a board with a program", async () => {
    await using rig = await startBoardRig({ "main.py": "print('old')\n" });
    assertEquals(inShort(await rig.install(NEW)), "failed no_version");
    assertEquals(await rig.files(), digests(onBoard({ "main.py": "print('old')\n" })));
    assertEquals(inShort(await rig.install(NEW, { versionCheck: false })), "updated");
    assertEquals(await rig.files(), digests(onBoard(NEW)));
  });
  await t.step("an empty board", async () => {
    await using rig = await startBoardRig({});
    const outcome = await rig.install(NEW);
    assertEquals([inShort(outcome), outcome.from, outcome.to], ["updated", null, "2.0"]);
    assertEquals(await rig.files(), digests(onBoard(NEW)));
  });
});

Deno.test("uota update --dry-run and check say what would be, and change nothing", async (t) => {
  const files = { ...OLD, "gone.py": "g\n", "same.py": "s\n", "mine.py": "m\n" };
  const release = {
    ...NEW,
    "same.py": "s\n",
    "mine.py": "theirs\n",
    "uota.cfg": "{'delete': ['gone.py']}",
  };
  await using rig = await startBoardRig(files, { gateway: { defaults: `exclude = ["mine.py"]` } });
  const before = await rig.tree();
  const archive = await rig.pack(release);
  await t.step("for a program", async () => {
    const { code, stdout } = await rig.gateway.run(
      ...["update", "--board", "all", "--dry-run", "--archive", archive, "--json"],
    );
    const [board] = JSON.parse(stdout).boards;
    assertEquals([code, board.outcome, board.reason.code], [0, "skipped", "dry_run"]);
    assertEquals([board.from, board.to, board.offered], ["1.0", "1.0", "2.0"]);
    assertEquals(board.strategy, "staged");
    assertEquals(board.files, { written: 3, unchanged: 1, deleted: 1, excluded: 1 });
    assertEquals(await rig.tree(), before);
  });
  await t.step("for a person", async () => {
    const { stdout } = await rig.gateway.run(
      ...["update", "--board", "all", "--dry-run", "--archive", archive],
    );
    assertIncludes(stdout, "3 of 4 to write, 1 to delete, 1 excluded");
    assertIncludes(stdout, "1 board: 1 would update");
  });
  await t.step("check asks the server", async () => {
    using watch = await watchPort(rig.board.port);
    const { code, stdout } = await rig.gateway.run("check", "--json");
    assertEquals([code, JSON.parse(stdout).error.code], [69, "server_unreachable"]);
    assertEquals(watch.seen(), { opened: false, written: false });
  });
});
