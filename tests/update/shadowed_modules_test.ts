/** Releases and boards whose files have the names of MicroPython's own modules. */
import { assertEquals } from "../assert.ts";
import { startBoardRig } from "./board_rig.ts";
import { type Files, firmware, versionOn } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const UID = "e6614103e700000a";
const SHADOW = "EMPTY = True\n";
const SHADOWS: Files = Object.fromEntries(
  ["os", "machine", "hashlib", "binascii", "gc", "sys", "io", "time"].flatMap((name) => [
    [`${name}.py`, SHADOW],
    [`lib/${name}.py`, SHADOW],
  ]),
);

/** Without `time`, which may be the release's own. */
const RUNS_ON = "import utime\nwhile True: utime.sleep_ms(20)\n";

Deno.test("update() installs, replaces and rolls back releases that have modules of MicroPython's names", async (t) => {
  await using rig = await startBoardRig(firmware("1.0"), {
    board: { uid: UID },
    gateway: {
      confirm: "2s",
      boards: `[[board]]\nname = "kept"\nmatch = { uid = "${UID}" }\nexclude = ["mine.txt"]\n`,
    },
  });
  const keeps = { "main.py": `print('runs')\n${RUNS_ON}`, "mine.txt": "the release's\n" };
  const steps: readonly (readonly [string, Files, string, string])[] = [
    ["brings them", { ...SHADOWS, ...keeps, version: "2.0" }, "updated", "2.0"],
    ["has them", { ...SHADOWS, ...keeps, version: "2.1" }, "updated", "2.1"],
    [
      "goes back to them",
      { ...SHADOWS, ...keeps, "main.py": "1 / 0\n", version: "2.2" },
      "rolled_back app_failed",
      "2.1",
    ],
  ];
  for (const [what, release, outcome, version] of steps) {
    await t.step(`when the board ${what}`, async () => {
      const result = await rig.install(release);
      assertEquals(inShort(result), outcome, result.reason?.message);
      assertEquals([result.name, result.uid], ["kept", UID]);
      assertEquals(await versionOn(rig.board), version);
      assertEquals((await rig.board.files()).has("/mine.txt"), false);
    });
  }
});

Deno.test("update() installs and rolls back where boot.py went to", async (t) => {
  const boot = "import os\nos.chdir('/app')\n";
  const program = RUNS_ON;
  await using rig = await startBoardRig({
    "boot.py": boot,
    "app/main.py": program,
    "app/version": "1.0",
  }, { gateway: { confirm: "2s" } });
  for (
    const [what, main, outcome, version] of [
      ["a release", `${program}# 2\n`, "updated", "2.0"],
      ["one that fails", "1 / 0\n", "rolled_back app_failed", "2.0"],
    ] as const
  ) {
    await t.step(what, async () => {
      const release = { "main.py": main, version: outcome === "updated" ? "2.0" : "3.0" };
      const result = await rig.install(release);
      assertEquals(inShort(result), outcome, result.reason?.message);
      const files = await rig.board.files();
      assertEquals(new TextDecoder().decode(files.get("/app/version")), version);
      assertEquals(files.has("/main.py") || files.has("/version"), false);
    });
  }
});
