/** Running source: raw-paste, plain raw, and what a bad line or an odd board makes of them. */
import { RawRepl } from "../../serial/raw_repl.ts";
import { openTty, type SerialPort } from "../../serial/tty.ts";
import { UotaError } from "../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { bytesOf, latin1, Line } from "./line.ts";
import { awaitEntry, awaitRawPaste, RAW_PASTE_REQUEST, takePaste } from "./raw_repl_device.ts";
import { TappedPort } from "./tapped_port.ts";
import { isMissing } from "../needs.ts";

const { signal } = new AbortController();

/** A scripted device and the host's raw REPL on it. */
async function scripted(
  device: (line: Line) => Promise<void>,
  host: (repl: RawRepl, port: SerialPort) => Promise<void>,
): Promise<void> {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  await Promise.all([
    device(line),
    RawRepl.enter(port, { signal }).then((repl) => host(repl, port)),
  ]);
}

async function failure(run: () => Promise<unknown>): Promise<UotaError> {
  return await assertRejects(run, UotaError);
}

for (const windowBytes of [32, 128, 255, 1024]) {
  Deno.test(`RawRepl.execute() keeps to windows of ${windowBytes} bytes`, async () => {
    const sources = [0, 1, 7]
      .concat([1, 2, 3].flatMap((times) => [-2, -1, 0, 1].map((by) => times * windowBytes + by)))
      .concat(windowBytes * 5 + 3)
      .map((length) => "#".repeat(length));
    await scripted(async (line) => {
      await awaitEntry(line);
      for (const source of sources) {
        await line.until(RAW_PASTE_REQUEST);
        const paste = await takePaste(line, windowBytes);
        assertEquals(paste.source, source);
        // Two windows but one byte: the ring of an ESP8266 holds 255 of 256.
        const { mostInFlight } = paste;
        assert(mostInFlight <= 2 * windowBytes - 1, `${mostInFlight} bytes in flight`);
        await line.write(`${source.length}\x04\x04>`);
      }
    }, async (repl) => {
      for (const source of sources) {
        const { stdout } = await repl.execute(bytesOf(source), { signal });
        assertEquals(latin1(stdout), `${source.length}`);
      }
      assertEquals(repl.transfer, "raw_paste");
    });
  });
}

Deno.test("RawRepl.execute() sends nothing more when the board has sent its 04 in mid-source", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x01\x20\x00\x01");
    await line.some();
    await line.write("\x04");
    await line.until("\x04");
    await line.write("\x04Traceback\r\nSyntaxError: invalid syntax\r\n\x04>");
    // The next request is the next thing that comes.
    assertEquals(await line.until(RAW_PASTE_REQUEST), RAW_PASTE_REQUEST);
    await line.write("R\x01\x20\x00\x01");
    await line.until("\x04");
    await line.write("\x04\x04\x04>");
  }, async (repl) => {
    const first = await repl.execute(bytesOf("#".repeat(500)), { signal });
    assertIncludes(latin1(first.stderr), "SyntaxError");
    await repl.execute(bytesOf("pass"), { signal });
  });
});

Deno.test("RawRepl.execute() gives the traceback when a long script has a syntax error early", async () => {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  const script = bytesOf("print(1)\nx = = 1\n" + "print(2)\n".repeat(2000));
  const { stdout, stderr } = await repl.execute(script, { signal });
  assertEquals(latin1(stdout), "");
  assertIncludes(latin1(stderr), "SyntaxError");
  assert(port.bytesWritten < script.byteLength / 2, "the rest was sent all the same");
  assertEquals(latin1((await repl.execute(bytesOf("print(3)"), { signal })).stdout), "3\r\n");
});

for (const answer of ["R\x00", "ra"] as const) {
  Deno.test(`RawRepl.execute() sends source plainly when the board answers ${JSON.stringify(answer)}`, async () => {
    await using board = await startWasmBoard();
    await using port = await TappedPort.open(board.port, { signal, refuseRawPaste: answer });
    const repl = await RawRepl.enter(port, { signal });
    for (const value of [1, 2]) {
      const { stdout } = await repl.execute(bytesOf(`print(${value})`), { signal });
      assertEquals(latin1(stdout), `${value}\r\n`);
    }
    assertEquals(repl.transfer, "raw");
    assertEquals(port.sent.split(RAW_PASTE_REQUEST).length - 1, 1);
  });
}

/** Answers the script that goes first on an old firmware, with the interrupt that waited for it. */
async function interruptFirst(line: Line): Promise<void> {
  assertEquals(await line.until("\x04"), "for i in(0,1):print(i)\x04");
  await line.write("OK\x04Traceback…\r\nKeyboardInterrupt: \r\n\x04>");
}

Deno.test("RawRepl.execute() lets no Ctrl-C of its own hit a script on an old firmware", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x00");
    await interruptFirst(line);
    for (const value of [1, 2]) {
      assertEquals(await line.until("\x04"), `print(${value})\x04`);
      await line.write(`OK${value}\r\n\x04\x04>`);
    }
  }, async (repl) => {
    for (const value of [1, 2]) {
      const { stdout } = await repl.execute(bytesOf(`print(${value})`), { signal });
      assertEquals(latin1(stdout), `${value}\r\n`);
    }
  });
});

Deno.test("RawRepl.execute() sends a plain script again when its OK got lost", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x00");
    await interruptFirst(line);
    assertEquals(await line.until("\x04"), "print(1)\x04");
    // The line lost the 04: nothing comes back, and the host starts over.
    await awaitEntry(line);
    await interruptFirst(line);
    assertEquals(await line.until("\x04"), "print(1)\x04");
    await line.write("OK1\r\n\x04\x04>");
  }, async (repl) => {
    const { stdout } = await repl.execute(bytesOf("print(1)"), { signal, idleMs: 200 });
    assertEquals(latin1(stdout), "1\r\n");
  });
});

Deno.test("RawRepl.execute() throws timed_out when the board opens no more windows", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x01\x20\x00\x01");
    await line.some();
  }, async (repl) => {
    const begun = performance.now();
    const error = await failure(() =>
      repl.execute(bytesOf("#".repeat(500)), { signal, idleMs: 200 })
    );
    assertEquals(error.code, "timed_out");
    assert(performance.now() - begun < 5000, "the bound was not kept");
  });
});

Deno.test("RawRepl.execute() throws timed_out when the board never stops talking", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x01\x20\x00\x01");
    await line.until("\x04");
    await line.write("\x04");
    // Always within the idle bound, until the host has given up.
    const chatter = setInterval(() => void line.write("."), 10);
    try {
      await line.until("given up");
    } finally {
      clearInterval(chatter);
    }
  }, async (repl, port) => {
    const error = await failure(() =>
      repl.execute(bytesOf("pass"), { signal, idleMs: 5000, totalMs: 400 })
    );
    assertEquals(error.code, "timed_out");
    await port.write(bytesOf("given up"), { signal });
  });
});

Deno.test("RawRepl.execute() throws port_lost when the cable is pulled in a raw-paste", async () => {
  await scripted(async (line) => {
    await awaitRawPaste(line);
    await line.write("R\x01\x20\x00\x01");
    await line.some();
    line.hangUp();
  }, async (repl) => {
    const error = await failure(() => repl.execute(bytesOf("#".repeat(500)), { signal }));
    assertEquals(error.code, "port_lost");
  });
});

for (
  const [where, answers] of [
    ["handshake", ["?!"]],
    ["window size", ["R\x01\x00\x00"]],
    ["flow control", ["R\x01\x20\x00\x01", "x"]],
  ] as const
) {
  Deno.test(`RawRepl.execute() throws protocol when raw-paste's ${where} is garbage`, async () => {
    await scripted(async (line) => {
      await awaitRawPaste(line);
      for (const answer of answers) await line.write(answer);
    }, async (repl) => {
      const error = await failure(() => repl.execute(bytesOf("#".repeat(500)), { signal }));
      assertEquals(error.code, "protocol");
      assertIncludes(error.message, where);
    });
  });
}

Deno.test("RawRepl.execute() throws the signal's reason when it aborts, and the board can be had again", async () => {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  const controller = new AbortController();
  const reason = new Error("enough");
  const running = repl.execute(bytesOf("while True: pass"), { signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => running, Error), reason);
  await repl.reenter({ signal });
  assertEquals(latin1((await repl.execute(bytesOf("print(1)"), { signal })).stdout), "1\r\n");
});

Deno.test("RawRepl.execute() takes large output and every byte but 04", async () => {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { signal });
  const repl = await RawRepl.enter(port, { signal });
  const source = "import sys\nline = bytes(b for b in range(256) if b != 4)\n" +
    "for i in range(1000): n = sys.stdout.buffer.write(line)";
  const { stdout } = await repl.execute(bytesOf(source), { signal });
  const line = bytesOf(
    latin1(Uint8Array.from({ length: 256 }, (_, byte) => byte)).replace("\x04", ""),
  );
  assertEquals(stdout.byteLength, 1000 * line.byteLength);
  assertEquals(stdout.subarray(-255), line);
});

Deno.test({
  name:
    "RawRepl.execute() runs scripts of some length on a micro:bit, and tells of its MemoryError",
  ignore: isMissing(["micro:bit"], "what serial/ does with a micro:bit"),
  fn: async () => {
    await using board = await startMicrobit();
    await using port = await TappedPort.open(board.port, { signal });
    const repl = await RawRepl.enter(port, { signal });
    const lines = "x = 1\n".repeat(100);
    const { stdout } = await repl.execute(bytesOf(`${lines}print(x)`), { signal });
    assertEquals(latin1(stdout), "1\r\n");
    const { stderr } = await repl.execute(bytesOf(`x = b'${"y".repeat(3000)}'`), { signal });
    assertIncludes(latin1(stderr), "MemoryError");
    await repl.softReset({ signal });
    const after = await repl.execute(bytesOf("x"), { signal });
    assertIncludes(latin1(after.stderr), "NameError");
  },
});
