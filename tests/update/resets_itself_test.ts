/** A program that answers Ctrl-C with a reset of the board. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, onBoard } from "./firmware.ts";

const RESETS_ITSELF = `import machine, time
try:
    while True:
        time.sleep_ms(20)
except KeyboardInterrupt:
    machine.reset()
`;
const OLD: Files = { "main.py": RESETS_ITSELF, "version": "1.0\n" };
const NEW: Files = { "main.py": "print('new')\n", "lib/a.py": "a = 2\n", "version": "2.0\n" };

/** 3 s for a port that comes and goes, 12 s for getting in, and a machine that may be busy. */
const BOUND_S = 45;

Deno.test("update() of a board that resets itself on Ctrl-C ends in time, with all of it or none", async () => {
  await using rig = await startBoardRig(OLD, { board: { usbDelayMs: 20 } });
  for (let attempt = 1; attempt <= 2; attempt++) {
    const { outcome, reason, seconds } = await rig.install(NEW);
    assert(seconds < BOUND_S, `took ${seconds} s`);
    await rig.board.portBack();
    if (outcome === "updated" || outcome === "current") {
      assertEquals(await rig.files(), digests(onBoard(NEW)));
      continue;
    }
    assertEquals(outcome, "unreachable", reason?.message);
    assertIncludes(reason?.message ?? "", "Ctrl-C");
    assertEquals(await rig.files(), digests(onBoard(OLD)));
  }
});
