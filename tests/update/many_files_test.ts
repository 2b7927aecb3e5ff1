/** Memory on the board does not grow with the number of files. */
import { assertEquals } from "../assert.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, firmware, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const FILES = 500;
const NAME_CHARACTERS = 40;

/** Files with long names, all of which another version replaces. */
function manyFiles(version: string): Files {
  const names = Array.from(
    { length: FILES },
    (_, index) => `d${index % 3}/${index}`.padEnd(NAME_CHARACTERS + 3, "abcdefghij"),
  );
  return Object.fromEntries(names.map((name) => [name, version]));
}

function release(version: string, more: Files = {}): Files {
  return firmware(version, { ...manyFiles(version), ...more });
}

Deno.test("update() installs, rolls back and updates 500 files when the board has 32 KB of heap", async (t) => {
  await using rig = await startBoardRig(firmware("1.0"), {
    board: { heapBytes: 32 * 1024, flashBytes: 8 * 1024 * 1024, usbDelayMs: 10 },
    gateway: { confirm: "1500ms" },
  });
  const steps: readonly (readonly [string, Files, string, string])[] = [
    ["installed", release("1.1"), "updated", "1.1"],
    ["replaced", release("1.2"), "updated", "1.2"],
    ["rolled back", release("1.3", { "main.py": "1 / 0\n" }), "rolled_back app_failed", "1.2"],
    ["replaced once more", release("1.4"), "updated", "1.4"],
  ];
  for (const [what, files, outcome, version] of steps) {
    await t.step(what, async () => {
      const result = await rig.install(files);
      assertEquals(inShort(result), outcome, result.reason?.message);
      const there = (await rig.files()).filter((line) => !line.startsWith("/.uota/"));
      assertEquals(there, digests(onBoard(release(version))));
    });
  }
});
