/**
 * Releases whose programs make the board restart while they are watched, on native USB and on a UART:
 * what speaks against a release, what does not, and that none stands in the way of the next one.
 */
import { assertEquals, assertIncludes } from "../assert.ts";
import type { WasmBoardOptions } from "../boards/mod.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { digests, type Files, firmware, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const OLD = firmware("1.0.0");
const MENDED = firmware("3.0.0");

function release(program: string): Files {
  return { "main.py": program, "version": "2.0.0" };
}

const RESETS = `import machine, time
try:
    time.sleep_ms(100)
    raise ValueError("no sensor")
except Exception:
    machine.reset()
`;
const BITES = "import machine, time\nmachine.WDT(timeout=2500)\nwhile True: time.sleep_ms(20)\n";
const SLEEPS = "import machine, time\ntime.sleep_ms(100)\nmachine.deepsleep(100)\n";
const SOFT_RESETS = "import machine, time\ntime.sleep_ms(100)\nmachine.soft_reset()\n";

interface Case {
  readonly board?: Omit<WasmBoardOptions, "files">;
  readonly confirm?: string;
  readonly defaults?: string;
}

function start(old: Files, { board = {}, confirm = "1s", defaults = "" }: Case = {}) {
  return startBoardRig(old, {
    board: { usbDelayMs: 50, ...board },
    gateway: { confirm, defaults },
  });
}

async function isWholly(rig: BoardRig, files: Files): Promise<void> {
  await rig.board.portBack();
  const found = [...await rig.board.files()].filter(([path]) => !path.startsWith("/.uota/"));
  assertEquals(digests(new Map(found)), digests(onBoard(files)));
}

/** Rolled back, never tried again by itself, and not in the way of the release that mends it. */
async function isRolledBack(rig: BoardRig, program: string): Promise<void> {
  let outcome = await rig.install(release(program));
  // A watchdog goes on while the old files come back; what is done by then counts.
  for (
    let visit = 1;
    program === BITES && visit < 4 && outcome.outcome !== "rolled_back";
    visit++
  ) {
    outcome = await rig.install(release(program));
  }
  assertEquals(inShort(outcome), "rolled_back app_restarts", outcome.reason?.message);
  assertEquals([outcome.from, outcome.to, outcome.offered], ["1.0.0", "1.0.0", "2.0.0"]);
  assertIncludes(outcome.reason?.message ?? "", "made the board restart");
  await isWholly(rig, OLD);
  assertEquals(inShort(await rig.install(release(program))), "skipped known_bad");
  assertEquals(inShort(await rig.install(MENDED)), "updated");
  await isWholly(rig, MENDED);
}

/** Each way of restarting, and each kind of port and chip; `deno task programs` has all of them. */
const RESTARTING: Readonly<Record<string, readonly [string, Case]>> = {
  "resets the board, on USB": [RESETS, { board: { resetReadsAsWatchdog: true } }],
  "resets the board, on a UART": [RESETS, { board: { port: "uart" } }],
  "sleeps deeply, on USB": [SLEEPS, {}],
  "resets itself softly, on a UART": [SOFT_RESETS, {
    board: { port: "uart", softResetCause: true },
  }],
  "lets the watchdog bite, on USB": [BITES, {}],
};

Deno.test("update() rolls back a release that makes the board restart", async (t) => {
  const side = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
  await Promise.all(
    Object.entries(RESTARTING).map(([name, [program, one]]) =>
      t.step({
        ...{ name, ...side },
        fn: async () => {
          await using rig = await start(OLD, { confirm: "4s", ...one });
          await isRolledBack(rig, program);
        },
      })
    ),
  );
});

Deno.test("update() installs a healthy release on a UART, and its program runs", async () => {
  await using rig = await start(OLD, { board: { port: "uart" } });
  const outcome = await rig.install(MENDED);
  assertEquals(inShort(outcome), "updated", outcome.reason?.message);
  await isWholly(rig, MENDED);
  assertEquals(inShort(await rig.install(MENDED)), "current");
});

Deno.test("update() takes a program that restarts by design", async (t) => {
  await t.step("with restarts = true", async () => {
    await using rig = await start(OLD, { defaults: "restarts = true" });
    assertEquals(inShort(await rig.install(release(SLEEPS))), "updated");
    await isWholly(rig, release(SLEEPS));
  });
  await t.step("with the line that it prints first", async () => {
    await using rig = await start(OLD, { defaults: 'ready = "measured"' });
    const program = `print('measured')\n${SLEEPS}`;
    assertEquals(inShort(await rig.install(release(program))), "updated");
    await isWholly(rig, release(program));
  });
});

Deno.test("update() does not blame a release for what its predecessor does, too, but not for ever", async () => {
  const old: Files = { "main.py": RESETS, "version": "1.0.0" };
  await using rig = await start(old, { confirm: "3s" });
  const also: Files = { "main.py": `# 2\n${RESETS}`, "version": "2.0.0" };
  for (let time = 1; time <= 2; time++) {
    const outcome = await rig.install(also);
    assertEquals(inShort(outcome), "rolled_back app_restarts", `${time}`);
    assertIncludes(outcome.reason?.message ?? "", "The old release is back, and fails as well");
    await isWholly(rig, old);
  }
  assertEquals(inShort(await rig.install(also)), "rolled_back app_restarts");
  assertEquals(inShort(await rig.install(also)), "skipped known_bad");
});

Deno.test("update() does not blame a release for a cable or for power that goes while it is watched", async (t) => {
  for (const what of ["cable", "power"] as const) {
    await t.step(what, async () => {
      await using rig = await start(OLD, { confirm: "1500ms" });
      let lost: Promise<void> | null = null;
      const outcome = await rig.install(MENDED, {}, {
        onProgress: ({ phase }) => {
          if (phase !== "confirming" || lost !== null) return;
          lost = goAway(rig, what);
        },
      });
      await lost;
      assertEquals(inShort(outcome), "updated", outcome.reason?.message);
      await isWholly(rig, MENDED);
    });
  }
});

/** Once the program runs under the agent's eyes. */
async function goAway({ board }: BoardRig, what: "cable" | "power"): Promise<void> {
  await board.portBack();
  if (what === "cable") {
    await board.unplug();
    await board.plug();
  } else {
    await board.cutPower();
    await board.powerOn();
  }
}

Deno.test("update() waits for evidence, but not in more than five visits", async () => {
  await using rig = await start(OLD);
  for (let visit = 1; visit <= 5; visit++) {
    const outcome = await rig.install(release(MENDED["main.py"] as string), {}, {
      returnBoundMs: 300,
      onProgress: ({ phase }) => {
        if (phase === "confirming") void rig.board.unplug();
      },
    });
    assertEquals(inShort(outcome), "failed board_lost", `visit ${visit}`);
    assertEquals(outcome.to, null);
    await rig.board.plug();
  }
  const outcome = await rig.install(release(MENDED["main.py"] as string));
  assertEquals(inShort(outcome), "rolled_back board_lost");
  await isWholly(rig, OLD);
  assertEquals(inShort(await rig.install(MENDED)), "updated");
});

Deno.test("update() of another release goes past one that nobody could confirm, also by --force and rollback", async (t) => {
  const unconfirmed = async () => {
    const rig = await start(OLD);
    const outcome = await rig.install(release(MENDED["main.py"] as string), {}, {
      returnBoundMs: 300,
      onProgress: ({ phase }) => {
        if (phase === "confirming") void rig.board.unplug();
      },
    });
    assertEquals(inShort(outcome), "failed board_lost");
    await rig.board.plug();
    return rig;
  };
  await t.step("another release", async () => {
    await using rig = await unconfirmed();
    const outcome = await rig.install(MENDED);
    assertEquals([inShort(outcome), outcome.from, outcome.to], ["updated", "2.0.0", "3.0.0"]);
    await isWholly(rig, MENDED);
  });
  await t.step("--force", async () => {
    await using rig = await unconfirmed();
    const outcome = await rig.install(release(MENDED["main.py"] as string), { force: true });
    assertEquals([inShort(outcome), outcome.to], ["updated", "2.0.0"]);
  });
  await t.step("rollback", async () => {
    await using rig = await unconfirmed();
    const { code, stdout } = await rig.gateway.run("rollback", "--board", "all", "--json");
    assertEquals(code, 0, stdout);
    const [outcome] = JSON.parse(stdout).boards;
    assertEquals([outcome.outcome, outcome.to, outcome.offered], ["updated", "1.0.0", "1.0.0"]);
    await isWholly(rig, OLD);
    assertEquals(
      inShort(await rig.install(release(MENDED["main.py"] as string))),
      "skipped known_bad",
    );
  });
});
