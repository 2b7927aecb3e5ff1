/**
 * What differs between chips: how they reset, sleep, tell the time and name themselves. The facts are
 * those of MicroPython's ports: ports/rp2/modmachine.c, ports/esp32/modmachine.c and main.c,
 * ports/stm32/modmachine.c.
 */

import assert from "node:assert/strict";
import { Probe, startWasmBoard, type WasmBoard, type WasmBoardOptions } from "./mod.ts";

const RAW_PROMPT = "raw REPL; CTRL-B to exit\r\n>";
const CAUSE = "import machine\nprint(machine.reset_cause())";
const CAUSES = { powerOn: "1", hard: "2", watchdog: "3", deepSleep: "4", soft: "5" } as const;

function files(entries: Record<string, string>): Map<string, Uint8Array<ArrayBuffer>> {
  const encoder = new TextEncoder();
  return new Map(Object.entries(entries).map(([path, text]) => [path, encoder.encode(text)]));
}

async function ask(board: WasmBoard, source: string): Promise<string> {
  using probe = new Probe(board.port);
  await probe.enterRaw();
  return await probe.print(source);
}

/** Runs what takes a USB port away, and waits for the port. */
async function goAway(board: WasmBoard, source: string): Promise<void> {
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send(`${source}\x04`);
    await probe.untilGone();
  }
  await board.portBack();
}

Deno.test("machine.reset_cause() tells what has started the chip", async () => {
  await using board = await startWasmBoard({ usbDelayMs: 10 });
  assert.equal(await ask(board, CAUSE), CAUSES.powerOn);
  await goAway(board, "import machine\nmachine.reset()");
  assert.equal(await ask(board, CAUSE), CAUSES.hard);
  await goAway(board, "import machine\nmachine.WDT(timeout=20)\nwhile True: pass");
  assert.equal(await ask(board, CAUSE), CAUSES.watchdog);
  await goAway(board, "import machine\nmachine.deepsleep(20)");
  assert.equal(await ask(board, CAUSE), CAUSES.deepSleep);
  await board.pressReset();
  assert.equal(await ask(board, CAUSE), CAUSES.hard);
  await board.cutPower();
  await board.powerOn();
  assert.equal(await ask(board, CAUSE), CAUSES.powerOn);
});

Deno.test("machine.reset_cause() after a soft reset is SOFT_RESET on some ports, and as before on others", async () => {
  for (
    const [softResetCause, expected] of [[true, CAUSES.soft], [false, CAUSES.powerOn]] as const
  ) {
    await using board = await startWasmBoard({ softResetCause });
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send("\x04");
    await probe.until(RAW_PROMPT);
    assert.equal(await probe.print(CAUSE), expected);
  }
});

Deno.test("machine.reset() and deep sleep read as a watchdog's bite where a chip resets itself by it", async () => {
  await using board = await startWasmBoard({ resetReadsAsWatchdog: true, usbDelayMs: 10 });
  for (const source of ["machine.reset()", "machine.deepsleep(10)"]) {
    await goAway(board, `import machine\n${source}`);
    assert.equal(await ask(board, CAUSE), CAUSES.watchdog);
  }
});

Deno.test("machine.deepsleep() without a time ends with power or a reset", async () => {
  await using board = await startWasmBoard({ usbDelayMs: 10 });
  for (
    const [wake, cause] of [
      [() => board.pressReset(), CAUSES.hard],
      [() => board.powerOn(), CAUSES.powerOn],
    ] as const
  ) {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send("import machine\nmachine.deepsleep()\x04");
    await probe.untilGone();
    await assert.rejects(Deno.lstat(board.port), Deno.errors.NotFound);
    await wake();
    assert.equal(board.sleeps, false);
    assert.equal(await ask(board, CAUSE), cause);
  }
});

Deno.test("cutPower() ends a deep sleep, and powerOn() then starts the chip once", async () => {
  await using board = await startWasmBoard({ files: files({ "/main.py": "print('UP')" }) });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send("import machine\nmachine.deepsleep(50)\x04");
  await probe.untilGone();
  await board.cutPower();
  await board.powerOn();
  await board.portBack();
  assert.equal(await ask(board, CAUSE), CAUSES.powerOn);
});

Deno.test("machine.lightsleep() hears a Ctrl-C when it is over", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send(
    "import machine, time\nprint('begun')\nbegan = time.ticks_ms()\ntry:\n" +
      "    machine.lightsleep(200)\n    time.sleep(10)\nexcept KeyboardInterrupt: pass\n" +
      "print(time.ticks_diff(time.ticks_ms(), began) >= 200)\x04",
  );
  await probe.until("begun\r\n");
  await probe.send("\x03");
  assert.equal(await probe.until("\x04>"), "True\r\n\x04\x04>");
});

Deno.test("time.ticks_ms() counts from the chip's start, through soft resets", async () => {
  await using board = await startWasmBoard({ usbDelayMs: 10 });
  const ticks = "import time\nprint(time.ticks_ms())";
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    const first = Number(await probe.print(`import time\ntime.sleep_ms(300)\n${ticks}`));
    assert(first >= 300, `${first} ms`);
    await probe.send("\x04");
    await probe.until(RAW_PROMPT);
    const second = Number(await probe.print(ticks));
    assert(second > first, `${second} ms after ${first} ms`);
  }
  await goAway(board, "import machine, time\ntime.sleep_ms(1500)\nmachine.reset()");
  const third = Number(await ask(board, ticks));
  assert(third < 1500, `${third} ms after the start`);
});

Deno.test("machine.Timer() calls back while a program sleeps, computes or is over, and prints what it raises", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.print(
    "import machine, time\ncalls = 0\ndef count(timer):\n    global calls\n    calls += 1\n" +
      "timer = machine.Timer(-1)\n" +
      "timer.init(mode=machine.Timer.PERIODIC, period=5, callback=count)",
  );
  for (const wait of ["time.sleep_ms(2)", "pass", "time.sleep(10)"]) {
    const until = wait === "time.sleep(10)" ? "calls < 1" : "calls < 3";
    const rest = wait === "time.sleep(10)" ? "time.sleep_ms(50)" : wait;
    assert.equal(
      await probe.print(`calls = 0\nwhile ${until}: ${rest}\nprint('counted')`),
      "counted",
    );
  }
  await probe.print("timer.deinit()\ncalls = 0\ntime.sleep_ms(20)\nassert calls == 0");
  await probe.print(
    "def fail(timer): raise RuntimeError('in a timer')\n" +
      "once = machine.Timer(period=5, mode=machine.Timer.ONE_SHOT, callback=fail)",
  );
  assert.match(await probe.until("RuntimeError: in a timer\r\n"), /Traceback/);
});

Deno.test("a board without unique_id() has none, and another has the machine's name that it is given", async () => {
  await using board = await startWasmBoard({ uid: null, machine: "Some board with CH340" });
  assert.equal(board.uid, "");
  assert.equal(
    await ask(
      board,
      "import machine, os\nprint(hasattr(machine, 'unique_id'), os.uname().machine)",
    ),
    "False Some board with CH340",
  );
});

Deno.test("limitOutput() slows down what a board says, and frees it again", async () => {
  await using board = await startWasmBoard({ bytesPerSecond: 2000 });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const time = async () => {
    const begun = performance.now();
    await probe.print("print('x' * 1000)");
    return performance.now() - begun;
  };
  assert(await time() > 480);
  board.limitOutput(null);
  const fastMs = await time();
  board.limitOutput(4000);
  const slowMs = await time();
  assert(slowMs > 240 && slowMs > fastMs, `${fastMs} ms and ${slowMs} ms`);
});

const BOOT_MESSAGE = "rst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\n";

function startBehindAdapter(options: WasmBoardOptions = {}): Promise<WasmBoard> {
  return startWasmBoard({ port: "uart", usbDelayMs: 10, bootMessage: BOOT_MESSAGE, ...options });
}

const TALKATIVE = files({
  "/boot.py": "print('BOOT')",
  "/main.py": "import machine\nprint('MAIN', machine.reset_cause())",
});

Deno.test("a port behind an adapter stays open over resets, bites, sleep and power cuts", async () => {
  await using board = await startBehindAdapter({ files: TALKATIVE });
  const { ino } = await Deno.stat(board.port);
  using probe = new Probe(board.port);
  for (
    const [source, cause] of [
      ["import machine\nmachine.reset()", CAUSES.hard],
      ["import machine\nmachine.WDT(timeout=20)\nwhile True: pass", CAUSES.watchdog],
      ["import machine\nmachine.deepsleep(20)", CAUSES.deepSleep],
    ] as const
  ) {
    await probe.enterRaw();
    await probe.send(`left = 'in memory'\n${source}\x04`);
    const said = await probe.until(`MAIN ${cause}\r\n`);
    assert.match(said, /rst:0x1 [^]*BOOT\r\n/);
  }
  await board.cutPower();
  await probe.send("is lost");
  await board.powerOn();
  const said = await probe.until(`MAIN ${CAUSES.powerOn}\r\n`);
  assert.match(said, /rst:0x1 [^]*BOOT\r\n/);
  await probe.until(">>> ");
  await probe.enterRaw();
  assert.match((await probe.run("print(left)")).stderr, /NameError/);
  assert.equal((await Deno.stat(board.port)).ino, ino);
});

Deno.test("a port behind an adapter can be opened while its board is off, and hears it start", async () => {
  await using board = await startBehindAdapter({ files: TALKATIVE });
  await board.cutPower();
  using probe = new Probe(board.port);
  await probe.send("\r\x03\x03");
  assert.equal(probe.pending, "");
  await board.powerOn();
  assert.match(await probe.until("MAIN 1\r\n"), /^rst:0x1 /);
});

Deno.test("a port behind an adapter goes with its cable, and with the board's end", async () => {
  await using board = await startBehindAdapter();
  for (const isOn of [true, false]) {
    if (!isOn) await board.cutPower();
    using probe = new Probe(board.port);
    await board.unplug();
    await probe.untilGone();
    await assert.rejects(Deno.lstat(board.port), Deno.errors.NotFound);
    await board.plug();
    await board.powerOn();
    assert.equal(await ask(board, "print(1)"), "1");
  }
  await board.cutPower();
  using probe = new Probe(board.port);
  await board.stop();
  await probe.untilGone();
  await assert.rejects(Deno.lstat(board.port), Deno.errors.NotFound);
});
