/**
 * What a watch makes of programs that restart, sleep or talk a lot by design, and of a supply that
 * fails: none of it speaks against a release.
 */
import { assertEquals } from "../assert.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { type Files, firmware } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const OLD = firmware("1.0.0");

function release(program: string): Files {
  return { "main.py": program, "version": "2.0.0" };
}

const SLEEPS_FOR_LONG = `import machine, time
time.sleep_ms(800)
print("measured")
machine.deepsleep(600000)
`;
/** Writes on the board how often it has started, since it may be interrupted at any start. */
const READY_AFTER_RESTARTS = `import machine, time
try:
    with open("/starts") as f:
        n = int(f.read())
except (OSError, ValueError):
    n = 0
if n < 6:
    with open("/starts", "w") as f:
        f.write(str(n + 1))
    time.sleep_ms(100)
    machine.soft_reset()
print("measured")
while True:
    time.sleep_ms(20)
`;
const TALKS = `import time
print("measured")
while True:
    print("." * 400)
    time.sleep_ms(5)
`;

async function start(
  { port, confirm, defaults = "" }: {
    readonly port: "usb" | "uart";
    readonly confirm: string;
    readonly defaults?: string;
  },
): Promise<BoardRig> {
  return await startBoardRig(OLD, {
    board: { usbDelayMs: 50, port },
    gateway: { confirm, defaults },
  });
}

const SIDE = { sanitizeOps: false, sanitizeResources: false, sanitizeExit: false };
const READY = 'ready = "measured"\n';
const BY_DESIGN = "restarts = true\n";

Deno.test("update() takes a program that sleeps longer than anybody waits", async (t) => {
  const cases = [
    ["on USB, with its line", "usb", READY + BY_DESIGN],
    ["on USB, with its line alone", "usb", READY],
    ["on USB, without a line", "usb", BY_DESIGN],
    ["on a UART, with its line", "uart", READY + BY_DESIGN],
    ["on a UART, without a line", "uart", BY_DESIGN],
  ] as const;
  await Promise.all(cases.map(([name, port, defaults]) =>
    t.step({
      ...{ name, ...SIDE },
      fn: async () => {
        await using rig = await start({ port, defaults, confirm: "4s" });
        const outcome = await rig.install(release(SLEEPS_FOR_LONG), {}, { returnBoundMs: 3000 });
        assertEquals(inShort(outcome), "updated", outcome.reason?.message);
        assertEquals([outcome.from, outcome.to], ["1.0.0", "2.0.0"]);
      },
    })
  ));
});

Deno.test("update() takes a program that sleeps for long at the visit after the one that was lost", async () => {
  await using rig = await start({ port: "usb", defaults: BY_DESIGN, confirm: "3s" });
  const sleeping = release(SLEEPS_FOR_LONG);
  const lost = await rig.install(sleeping, {}, {
    returnBoundMs: 300,
    onProgress: ({ phase }) => {
      if (phase === "confirming") void rig.board.unplug();
    },
  });
  assertEquals(inShort(lost), "failed board_lost");
  await rig.board.plug();
  const outcome = await rig.install(sleeping, {}, { returnBoundMs: 2000 });
  assertEquals([inShort(outcome), outcome.to], ["current", "2.0.0"], outcome.reason?.message);
  await rig.board.powerOn();
  assertEquals(inShort(await rig.install(firmware("3.0.0"))), "updated");
});

Deno.test("update() waits for the line of a program that restarts softly by design", async (t) => {
  await Promise.all((["usb", "uart"] as const).map((port) =>
    t.step({
      ...{ name: port, ...SIDE },
      fn: async () => {
        await using rig = await start({ port, defaults: READY + BY_DESIGN, confirm: "8s" });
        const outcome = await rig.install(release(READY_AFTER_RESTARTS));
        assertEquals(inShort(outcome), "updated", outcome.reason?.message);
      },
    })
  ));
});

Deno.test("update() remembers the line of a program, however much it says afterwards", async () => {
  await using rig = await start({ port: "usb", defaults: READY, confirm: "2s" });
  const outcome = await rig.install(release(TALKS));
  assertEquals(inShort(outcome), "updated", outcome.reason?.message);
});
