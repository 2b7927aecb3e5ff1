/**
 * The way back from a release: where its program has removed or damaged the record of it, where the
 * old release is no better, and where a release is wanted that was left before.
 */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { type Files, firmware, PROGRAM, sha256 } from "./firmware.ts";
import { inShort } from "./gateway.ts";
import { boardKey, Store } from "../../agent/fleet/store.ts";

const OLD = firmware("1.0.0");
const MENDED = firmware("3.0.0");
const RAISES = "1/0\n";

function release(program: string): Files {
  return { "main.py": program, "version": "2.0.0" };
}

/** A program that does something to `/.uota` when it has run for a while, and then fails. */
function failsAfter(lines: string): string {
  const indented = lines.trimEnd().split("\n").map((line) => `    ${line}\n`).join("");
  return `import os, time\ntime.sleep_ms(400)\ntry:\n${indented}except OSError:\n    pass\n1/0\n`;
}

const REMOVES = `def remove(path):
    try:
        for name in os.listdir(path):
            remove(path + "/" + name)
        os.rmdir(path)
    except OSError:
        os.remove(path)
remove("/.uota")
`;
const DAMAGES = `with open("/.uota/committed", "r+b") as f:
    f.seek(100)
    f.write(b"else")
`;

async function start(old: Files): Promise<BoardRig> {
  return await startBoardRig(old, { board: { usbDelayMs: 50 }, gateway: { confirm: "2s" } });
}

/** Installs a release, and pulls the cable before anybody has seen its program. */
async function leaveUnconfirmed(rig: BoardRig, files: Files): Promise<void> {
  const outcome = await rig.install(files, {}, {
    returnBoundMs: 300,
    onProgress: ({ phase }) => {
      if (phase === "confirming") void rig.board.unplug();
    },
  });
  assertEquals(inShort(outcome), "failed board_lost");
  await rig.board.plug();
}

/** Boards side by side: most of the time they are watched. */
async function sideBySide(
  t: Deno.TestContext,
  steps: Readonly<Record<string, () => Promise<void>>>,
): Promise<void> {
  const side = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(Object.entries(steps).map(([name, fn]) => t.step({ name, fn, ...side })));
}

Deno.test("update() says that a release stays whose program has removed or damaged the way back", async (t) => {
  const cases = [
    ["removed", REMOVES, "skipped known_bad"],
    ["damaged", DAMAGES, "failed unfinished_transaction"],
  ] as const;
  await sideBySide(
    t,
    Object.fromEntries(cases.map(([what, lines, again]) => [what, async () => {
      await using rig = await start(OLD);
      const bad = release(failsAfter(lines));
      const outcome = await rig.install(bad);
      assertEquals(inShort(outcome), "failed app_failed", outcome.reason?.message);
      assertEquals([outcome.from, outcome.to, outcome.offered], ["1.0.0", "2.0.0", "2.0.0"]);
      assertIncludes(outcome.reason?.message ?? "", "the release stays");
      assertEquals(inShort(await rig.install(bad)), again);
      assertEquals(inShort(await rig.install(MENDED)), "updated");
    }])),
  );
});

Deno.test("update() does the same at the visit after the one that was lost", async (t) => {
  const cases = [
    ["removed", REMOVES, "failed app_failed"],
    ["damaged", DAMAGES, "failed unfinished_transaction"],
  ] as const;
  await sideBySide(
    t,
    Object.fromEntries(cases.map(([what, lines, first]) => [what, async () => {
      await using rig = await start(OLD);
      const bad = release(failsAfter(lines));
      await leaveUnconfirmed(rig, bad);
      assertEquals(inShort(await rig.install(bad)), first);
      assertEquals(inShort(await rig.install(MENDED)), "updated");
    }])),
  );
});

Deno.test("update() watches on when a program removes the record as soon as it starts", async (t) => {
  // Not at the visit that is lost: it may come to its reset before the cable is out.
  const removes = `import machine, micropython, os
micropython.kbd_intr(-1)
is_armed = machine.reset_cause() == machine.HARD_RESET and "armed" in os.listdir("/")
${
    REMOVES.replace(
      'remove("/.uota")',
      'if is_armed and ".uota" in os.listdir("/"):\n    remove("/.uota")',
    )
  }`;
  const cases = [
    ["and runs", PROGRAM, "current", "current"],
    ["and fails", `if is_armed:\n    1/0\n${PROGRAM}`, "failed app_failed", "skipped known_bad"],
  ] as const;
  await sideBySide(
    t,
    Object.fromEntries(cases.map(([what, rest, first, next]) => [what, async () => {
      await using rig = await start(OLD);
      const found = release(`${removes}micropython.kbd_intr(3)\n${rest}`);
      await leaveUnconfirmed(rig, found);
      assert((await rig.board.files()).has("/.uota/committed"));
      await rig.board.writeFiles(new Map([["/armed", new Uint8Array()]]));
      const outcome = await rig.install(found);
      assertEquals(inShort(outcome), first, outcome.reason?.message);
      assertEquals(inShort(await rig.install(found)), next);
      assertEquals(inShort(await rig.install(MENDED)), "updated");
    }])),
  );
});

Deno.test("update() does not blame a release for what its predecessor does, at a later visit either", async () => {
  await using rig = await start({ "main.py": RAISES, "version": "1.0.0" });
  const also = release(`# 2\n${RAISES}`);
  await leaveUnconfirmed(rig, also);
  for (let time = 1; time <= 2; time++) {
    const outcome = await rig.install(also);
    assertEquals(inShort(outcome), "rolled_back app_failed", `${time}`);
    assertIncludes(outcome.reason?.message ?? "", "The old release is back, and fails as well");
  }
});

Deno.test("update() tells a way back as such whose last answer was lost with the cable", async () => {
  const bad = release(RAISES);
  let changes = 0;
  {
    await using rig = await start(OLD);
    assertEquals(inShort(await rig.install(bad)), "rolled_back app_failed");
    changes = rig.board.changes;
  }
  await using rig = await start(OLD);
  // The last of them removes what is left of the transaction.
  const cut = rig.board.atChange(changes, async () => {
    await rig.board.unplug();
    await rig.board.plug();
  });
  const outcome = await rig.install(bad);
  await cut;
  assertEquals(inShort(outcome), "rolled_back app_failed", outcome.reason?.message);
  assertEquals([outcome.from, outcome.to], ["1.0.0", "1.0.0"]);
});

Deno.test("update() does not install a release for ever whose program changes the version", async () => {
  await using rig = await start(OLD);
  const changing = release(`with open("/version", "w") as f:\n    f.write("mine")\n${PROGRAM}`);
  for (let time = 1; time <= 3; time++) {
    const outcome = await rig.install(changing);
    assertEquals(inShort(outcome), "failed verification_failed", `${time}`);
    assertEquals([outcome.from, outcome.to], ["1.0.0", "1.0.0"]);
  }
  assertEquals(inShort(await rig.install(changing)), "skipped known_bad");
  assertEquals(inShort(await rig.install(MENDED)), "updated");
});

Deno.test("rollback() keeps a release from coming back by itself, wherever its installation was", async (t) => {
  const bigFile = (seed: number) => new Uint8Array(50 * 1024).map((_, at) => at * seed ^ at >> 5);
  await sideBySide(t, {
    "replaced file by file": async () => {
      await using rig = await startBoardRig({ ...OLD, "big.bin": bigFile(3) }, {
        board: { usbDelayMs: 50, flashBytes: 96 * 1024 },
        gateway: { confirm: "2s" },
      });
      const unwanted = { ...release(PROGRAM), "big.bin": bigFile(5) };
      await leaveUnconfirmed(rig, unwanted);
      assertEquals((await rig.gateway.run("rollback", "--board", "all")).code, 0);
      assertEquals(inShort(await rig.install(unwanted)), "skipped known_bad");
    },
    "on its way back already": async () => {
      await using rig = await start(OLD);
      const unwanted = release(PROGRAM);
      await leaveUnconfirmed(rig, unwanted);
      const record = (await rig.board.files()).get("/.uota/committed");
      assert(record !== undefined);
      await rig.board.writeFiles(new Map([["/.uota/rollback", record]]));
      assertEquals((await rig.gateway.run("rollback", "--board", "all")).code, 0);
      assertEquals(inShort(await rig.install(unwanted)), "skipped known_bad");
    },
  });
});

Deno.test("update() by force tries a release that was found bad and not taken back yet", async () => {
  await using rig = await start(OLD);
  const wanted = release(PROGRAM);
  await leaveUnconfirmed(rig, wanted);
  // As an agent leaves it that is killed between its note and the way back.
  {
    const { stateDir } = rig.gateway.config.gateway;
    using store = Store.open(stateDir, { log: () => {}, now: () => new Date() });
    const archive = await Deno.readFile(await rig.pack(wanted));
    store.markBad(
      boardKey({ uid: rig.board.uid, port: rig.board.port }),
      { sha256: sha256(archive), version: "2.0.0" },
      { code: "app_failed", message: "It failed once" },
    );
  }
  const outcome = await rig.install(wanted, { force: true });
  assertEquals([inShort(outcome), outcome.to], ["updated", "2.0.0"]);
  assertEquals(inShort(await rig.install(wanted)), "current");
});
