/** Getting to the raw REPL from every state in which one can find a board. */
import { RawRepl } from "../../serial/raw_repl.ts";
import { openTty } from "../../serial/tty.ts";
import { UotaError } from "../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { Probe, startMicrobit, startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { bytesOf, Line } from "./line.ts";
import { type Exchange, TappedPort } from "./tapped_port.ts";
import { isMissing } from "../needs.ts";

const { signal } = new AbortController();
const BANNER = /\r\nMicroPython [^\r\n]*\r\n(Type [^\r\n]*\r\n)?>>> /;

/** Runs in the raw REPL from here on; the program says "on" first. */
function running(program: string): (probe: Probe) => Promise<void> {
  return async (probe) => {
    await probe.enterRaw();
    await probe.send(`print('on')\n${program}\x04`);
    await probe.until("on\r\n");
  };
}

/** Types at the friendly prompt and waits for what shows that it is there. */
function typed(text: string, until: string): (probe: Probe) => Promise<void> {
  return async (probe) => {
    await probe.send("\r\x03\x02");
    await probe.until(">>> ");
    await probe.send(text);
    await probe.until(until);
  };
}

function raw(text: string, until?: string): (probe: Probe) => Promise<void> {
  return async (probe) => {
    await probe.enterRaw();
    await probe.send(text);
    if (until !== undefined) await probe.until(until);
  };
}

const STATES: Readonly<Record<string, (probe: Probe) => Promise<void>>> = {
  "waits at its prompt": typed("", ""),
  "sleeps in a loop": running("import time\nwhile True: time.sleep(10)"),
  "computes in a loop": running("while True: pass"),
  "floods the line": running("while True: print('0123456789' * 8)"),
  "floods the line with prompts": running("while True: print('\\r\\n>>> ', end='')"),
  "waits for input()": running("input('? ')"),
  "has half a line at its prompt": typed("prin", "prin"),
  "has a string open at its prompt": typed("x = '''\r", "... "),
  "waits for the next line of a block": typed("if True:\r", "... "),
  "is in paste mode": typed("\x05", "=== "),
  "is in paste mode with half a program": typed("\x05while True:\r", "=== while True:\r\n"),
  "was left at the raw prompt": raw(""),
  "was left with half a line at the raw prompt": raw("while True:\n  prin"),
  "was left in a raw-paste": raw("\x05A\x01", "\x01\x80\x00\x01"),
  "was left in the middle of a raw-paste": raw("\x05A\x01x = b'\x80\x01", "\x01\x80\x00\x01"),
  "was left with a script in the raw REPL": raw("import time\ntime.sleep(60)\x04", "OK"),
  "swallows two Ctrl-Cs": running(
    "n = 0\nwhile n < 2:\n try:\n  while True: pass\n except KeyboardInterrupt:\n  n += 1\n" +
      "while True: pass",
  ),
};

/** What the board had said when a byte was first sent to it; null when it was not sent. */
function saidBefore(byte: string, exchanges: readonly Exchange[]): string | null {
  const first = exchanges.findIndex(({ from, text }) => from === "host" && text.includes(byte));
  if (first < 0) return null;
  return exchanges.slice(0, first).filter(({ from }) => from === "board").map(({ text }) => text)
    .join("");
}

Deno.test("RawRepl.enter() gets in", async (t) => {
  await using board = await startWasmBoard();
  for (const [state, prepare] of Object.entries(STATES)) {
    await t.step(`when the board ${state}`, async () => {
      {
        using probe = new Probe(board.port);
        await prepare(probe);
      }
      await using port = await TappedPort.open(board.port, { signal });
      const repl = await RawRepl.enter(port, { signal, timeoutMs: 8000 });
      const { stdout, stderr } = await repl.execute(bytesOf("print(6 * 7)"), { signal });
      assertEquals({ stdout, stderr }, { stdout: bytesOf("42\r\n"), stderr: bytesOf("") });
      assert(BANNER.test(saidBefore("\x01", port.exchanges) ?? ""), "Ctrl-A before the banner");
    });
  }
});

/** A board whose program swallows Ctrl-C and does `body` over and over, from when it has begun. */
async function swallowing(body: string): Promise<WasmBoard> {
  const program = "import sys\nsys.stdin.read(1)\nprint('on')\n" +
    `while True:\n try:\n  while True: ${body}\n except KeyboardInterrupt: pass`;
  const board = await startWasmBoard({ files: new Map([["/main.py", bytesOf(program)]]) });
  using probe = new Probe(board.port);
  await probe.send("x");
  await probe.until("on\r\n");
  return board;
}

for (
  const [what, body, message] of [
    ["says nothing", "pass", "nothing at all came"],
    ["prints", "print('x' * 50)", "does not stop on Ctrl-C"],
    ["prints prompts", "print('\\r\\n>>> ', end='')", "does not stop on Ctrl-C"],
    [
      "prints banners",
      "print('\\r\\nMicroPython v1 on a day; a board')",
      "does not stop on Ctrl-C",
    ],
  ] as const
) {
  Deno.test(`RawRepl.enter() throws no_response in time when a program swallows Ctrl-C and ${what}`, async () => {
    await using board = await swallowing(body);
    await using port = await TappedPort.open(board.port, { signal });
    const begun = performance.now();
    const error = await assertRejects(
      () => RawRepl.enter(port, { signal, timeoutMs: 800 }),
      UotaError,
    );
    assertEquals(error.code, "no_response");
    assertIncludes(error.message, message);
    assertIncludes(error.message, board.port);
    assert(performance.now() - begun < 5000, "the bound was not kept");
    assertEquals(saidBefore("\x01", port.exchanges), null);
  });
}

Deno.test("RawRepl.enter() gets in when boot.py has set the prompt to", async (t) => {
  await using board = await startWasmBoard();
  for (const prompt of ["$ ", "", "\\r\\nline\\r\\n>", "\\x1b[32m>>>\\x1b[0m ", "> "]) {
    await t.step(JSON.stringify(prompt), async () => {
      const boot = `import sys\nsys.ps1 = "${prompt}"\n`;
      await board.writeFiles(new Map([["/boot.py", bytesOf(boot)]]));
      await using port = await TappedPort.open(board.port, { signal });
      const repl = await RawRepl.enter(port, { signal, timeoutMs: 8000 });
      await repl.softReset({ signal });
      const { stdout } = await repl.execute(bytesOf("print(6 * 7)"), { signal });
      assertEquals(stdout, bytesOf("42\r\n"));
      await repl.restartProgram({ signal });
      await repl.reenter({ signal, timeoutMs: 8000 });
      assert(
        /MicroPython/.test(saidBefore("\x01", port.exchanges) ?? ""),
        "Ctrl-A before the banner",
      );
    });
  }
});

Deno.test("RawRepl.enter() refuses CircuitPython by its banner, and lets its program run on", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const entering = assertRejects(() => RawRepl.enter(port, { signal, timeoutMs: 2000 }), UotaError);
  await line.until("\x02");
  await line.write("\r\nAdafruit CircuitPython 9.0.0 on 2024-03-19; a board with a chip\r\n>>> ");
  await line.until("\x04");
  const error = await entering;
  assertEquals(error.code, "not_micropython");
  assertIncludes(error.message, "CircuitPython");
  assertIncludes(error.message, port.path);
});

Deno.test("RawRepl.enter() gets in when a timer prints behind the prompt", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const entering = RawRepl.enter(port, { signal, timeoutMs: 2000 });
  await line.until("\x02");
  await line.write("\r\nMicroPython v1.0 on scripted; device\r\n>>> tick\r\n");
  await line.until("\x01");
  await line.write("tick\r\nraw REPL; CTRL-B to exit\r\n>tick\r\n");
  await entering;
});

Deno.test("RawRepl.enter() throws the signal's reason when it aborts meanwhile", async () => {
  await using board = await swallowing("pass");
  const controller = new AbortController();
  const reason = new Error("enough");
  await using port = await TappedPort.open(board.port, {
    signal,
    onWrite: (text) => text === "\x02" && controller.abort(reason),
  });
  const error = await assertRejects(
    () => RawRepl.enter(port, { signal: controller.signal }),
    Error,
  );
  assertEquals(error, reason);
});

Deno.test("RawRepl.enter() gets in when boot.py prints and main.py runs on", async () => {
  const files = new Map([
    ["/boot.py", bytesOf("for i in range(50): print('booting', i)")],
    ["/main.py", bytesOf("import time\nwhile True: time.sleep_ms(50); print('>>> running')")],
  ]);
  await using board = await startWasmBoard({ files });
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  await repl.softReset({ signal });
  const { stdout } = await repl.execute(bytesOf("print('in')"), { signal });
  assertEquals(stdout, bytesOf("in\r\n"));
});

Deno.test("RawRepl.softReset() interrupts boot.py when that does not end", async () => {
  const slow = "import time\nprint('BOOT')\nfor i in range(600): time.sleep_ms(100)\n";
  await using board = await startWasmBoard({ files: new Map([["/boot.py", bytesOf(slow)]]) });
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  await repl.execute(bytesOf("x = 1"), { signal });
  await repl.softReset({ signal });
  const { stderr } = await repl.execute(bytesOf("x"), { signal });
  assertIncludes(new TextDecoder().decode(stderr), "NameError");
});

Deno.test("RawRepl.enter() throws port_lost when the power goes, and gets in when it is back", async () => {
  const files = new Map([["/main.py", bytesOf("while True: pass")]]);
  await using board = await startWasmBoard({ files });
  {
    let cut = Promise.resolve();
    await using port = await TappedPort.open(board.port, {
      signal,
      onWrite: (text) => {
        if (text === "\x03\x03") cut = board.cutPower();
      },
    });
    const error = await assertRejects(() => RawRepl.enter(port, { signal }), UotaError);
    assertEquals(error.code, "port_lost");
    await cut;
  }
  await board.powerOn();
  await using port = await TappedPort.open(board.port, { signal });
  await RawRepl.enter(port, { signal });
});

Deno.test("RawRepl.reenter() gets back when a script was given up", async () => {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  const endless = bytesOf("while True: pass");
  const error = await assertRejects(
    () => repl.execute(endless, { signal, idleMs: 100 }),
    UotaError,
  );
  assertEquals(error.code, "timed_out");
  await repl.reenter({ signal });
  const { stdout } = await repl.execute(bytesOf("print('back')"), { signal });
  assertEquals(stdout, bytesOf("back\r\n"));
});

Deno.test("RawRepl.restartProgram() runs boot.py and main.py", async () => {
  const files = new Map([
    ["/boot.py", bytesOf("print('BOOT')")],
    ["/main.py", bytesOf("print('MAIN')")],
  ]);
  await using board = await startWasmBoard({ files });
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  await repl.restartProgram({ signal });
  const said = () => port.exchanges.map(({ text }) => text).join("");
  const bounded = AbortSignal.timeout(10_000);
  while (!said().includes("soft reboot\r\nBOOT\r\nMAIN\r\n")) await port.read({ signal: bounded });
});

Deno.test({
  name: "RawRepl.enter() gets into a micro:bit whose main.py computes in a loop",
  ignore: isMissing(["micro:bit"], "what serial/ does with a micro:bit"),
  fn: async () => {
    await using board = await startMicrobit({
      files: new Map([["main.py", bytesOf("while True: pass")]]),
    });
    {
      using probe = new Probe(board.port);
      await probe.send("\x04");
      await probe.until("soft reboot\r\n");
    }
    await using port = await TappedPort.open(board.port, { signal });
    const repl = await RawRepl.enter(port, { signal });
    const { stdout } = await repl.execute(bytesOf("print(6 * 7)"), { signal });
    assertEquals(stdout, bytesOf("42\r\n"));
    assertEquals(repl.transfer, "raw");
    assert(BANNER.test(saidBefore("\x01", port.exchanges) ?? ""), "Ctrl-A before the banner");
  },
});
