/** Whether a program was running when a board was entered. */
import { connectBoard } from "../../serial/mod.ts";
import { RawRepl } from "../../serial/raw_repl.ts";
import { openTty } from "../../serial/tty.ts";
import { assertEquals } from "../assert.ts";
import { Probe, startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { testNeeding } from "../needs.ts";
import { Line } from "./line.ts";
import { files, MAIN } from "./on_board.ts";

const { signal } = new AbortController();
const LOOP = "import time\nprint('on')\nwhile True: time.sleep_ms(20)\n";

async function wasRunning(port: string): Promise<boolean> {
  await using board = await connectBoard(port, { signal });
  return board.wasRunning;
}

Deno.test("Board.wasRunning is true when a program was interrupted", async (t) => {
  const trees: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "main.py": { "/main.py": LOOP },
    "boot.py": { "/boot.py": LOOP },
    "a module that main.py imports": { "/main.py": "import app", "/app.py": LOOP },
  };
  for (const [what, tree] of Object.entries(trees)) {
    await t.step(what, async () => {
      await using hardware = await startWasmBoard({ files: files(tree) });
      {
        using probe = new Probe(hardware.port);
        await probe.until("on\r\n");
      }
      assertEquals(await wasRunning(hardware.port), true);
    });
  }
});

Deno.test("Board.wasRunning is true when a program ended without a word", async () => {
  const main = "import time\ntry:\n while True:\n  print('up', time.ticks_ms() // 1000)\n" +
    "  time.sleep_ms(20)\nexcept KeyboardInterrupt: pass\n";
  await using hardware = await startWasmBoard({ files: files({ "/main.py": main }) });
  {
    using probe = new Probe(hardware.port);
    await probe.until("up 2\r\n");
  }
  assertEquals(await wasRunning(hardware.port), true);
});

Deno.test("Board.wasRunning is false when the board", async (t) => {
  await using hardware = await startWasmBoard();
  await t.step("has just been switched on", async () => {
    assertEquals(await wasRunning(hardware.port), false);
  });
  await t.step("waits at its prompt", async () => {
    assertEquals(await wasRunning(hardware.port), false);
  });
  await t.step("runs a script from a host", async () => {
    {
      using probe = new Probe(hardware.port);
      await probe.enterRaw();
      await probe.send(`${LOOP}\x04`);
      await probe.until("on\r\n");
    }
    assertEquals(await wasRunning(hardware.port), false);
  });
});

const BANNER = "\r\nMicroPython v1.0 on scripted; device\r\n>>> ";
const TRACEBACK =
  'Traceback (most recent call last):\r\n  File "_boot.py", line 9, in <module>\r\n' +
  '  File "app.py", line 4, in run\r\nKeyboardInterrupt: \r\n';
const HEARD: Readonly<Record<string, readonly [string, { program: boolean; quietEnd: boolean }]>> =
  {
    "nothing": ["", { program: false, quietEnd: false }],
    "the traceback of frozen modules": [
      `${TRACEBACK}${BANNER}`,
      { program: true, quietEnd: true },
    ],
    "the traceback of a host's script": [
      TRACEBACK.replace(/"[a-z_]+\.py"/g, '"<stdin>"'),
      { program: false, quietEnd: false },
    ],
    "a banner before anybody asked": [BANNER, { program: false, quietEnd: true }],
    "the boot loader of a chip that was reset by opening the port": [
      `ets Jun  8 2016 00:22:57\r\nrst:0x1 (POWERON_RESET)\r\n${BANNER}`,
      { program: false, quietEnd: false },
    ],
  };

Deno.test("RawRepl.found tells what was going on when an interrupt brought", async (t) => {
  for (const [what, [said, found]] of Object.entries(HEARD)) {
    await t.step(what, async () => {
      await using line = new Line();
      await using port = await openTty(line.path, { signal });
      const entering = RawRepl.enter(port, { signal, timeoutMs: 4000 });
      await line.until("\x03\x03");
      await line.write(said);
      await line.until("\x02");
      await line.write(BANNER);
      await line.until("\x01");
      await line.write("raw REPL; CTRL-B to exit\r\n>");
      assertEquals((await entering).found, found);
    });
  }
});

testNeeding(
  ["micro:bit"],
  "Board.wasRunning is true when a micro:bit's main.py was interrupted",
  async () => {
    await using hardware = await startMicrobit({ files: new Map([["main.py", MAIN]]) });
    {
      using probe = new Probe(hardware.port);
      await probe.send("\x04");
      await probe.until("MAIN RUNS");
    }
    assertEquals(await wasRunning(hardware.port), true);
  },
);
