/** What a board says is bounded where it is read, and so is every wait for it. */
import { parseCapabilities } from "../../serial/capabilities.ts";
import { connectBoard, script } from "../../serial/mod.ts";
import { RawRepl } from "../../serial/raw_repl.ts";
import { openTty } from "../../serial/tty.ts";
import { UotaError } from "../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertThrows } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { bytesOf, Line } from "./line.ts";
import { failure, files, onBoard } from "./on_board.ts";
import { awaitEntry } from "./raw_repl_device.ts";

const { signal } = new AbortController();

const FACTS: Readonly<Record<string, string>> = {
  implementation: "micropython",
  version: "1.27.0",
  platform: "rp2",
  hard_reset: "1",
  directories: "1",
  rename: "1",
  statvfs: "1",
  sha256: "1",
  free_heap: "100000",
};

function parse(facts: Readonly<Record<string, string>>) {
  return parseCapabilities(
    Object.entries({ ...FACTS, ...facts }).map((fact) => fact.join("\t")),
    "/dev/ttyX",
  );
}

Deno.test("parseCapabilities() keeps what a board says of itself short and printable", () => {
  const board = parse({
    machine: `\x1b[31mPico\r\n${"m".repeat(500)}`,
    version: "1".repeat(500),
    platform: "p".repeat(500),
    uid: "ab".repeat(64),
  });
  assertEquals(board.machine?.length, 200);
  assert(board.machine?.startsWith("?[31mPico??"), board.machine ?? "");
  assertEquals([board.version.length, board.platform.length, board.uid?.length], [100, 100, 128]);
});

for (
  const [what, facts] of [
    ["a uid is over 64 bytes", { uid: "ab".repeat(65) }],
    ["a uid is endless", { uid: "ab".repeat(4_000_000) }],
    ["a uid is no hex", { uid: "xy" }],
    ["all together is far too much", { noise: "x".repeat(5000) }],
  ] as const
) {
  Deno.test(`parseCapabilities() throws protocol when ${what}`, () => {
    const error = assertThrows(() => parse(facts), UotaError);
    assertEquals(error.code, "protocol");
    assert(error.message.length < 400);
  });
}

Deno.test("parseCapabilities() throws not_micropython when the board runs CircuitPython", () => {
  const error = assertThrows(() => parse({ implementation: "circuitpython" }), UotaError);
  assertEquals(error.code, "not_micropython");
});

Deno.test("connectBoard() throws protocol when the uid is longer than any", async () => {
  await using hardware = await startWasmBoard({ uid: "ab".repeat(2000) });
  assertEquals((await failure(() => connectBoard(hardware.port, { signal }))).code, "protocol");
});

const TALKERS = script(
  "def raises(n):\n    raise ValueError('x' * n)\ndef chatters(n):\n    while n:\n" +
    "        print('y' * 99)\n        n -= 1\n",
);

Deno.test("Board bounds what it takes in of", async (t) => {
  await onBoard({ files: files({ "/d/e/f": "1", "/d/g": "1" }) }, async (board) => {
    await board.load([TALKERS], { signal });
    await t.step("a traceback", async () => {
      const error = await failure(() => board.call("raises", [50_000], { signal }));
      assertEquals(error.code, "board_error");
      assertIncludes(error.message, "ValueError: xxx");
      assert(error.message.length < 500, `${error.message.length} characters`);
      const whole = error.cause instanceof Error ? error.cause.message : "";
      assert(whole.length > 8000 && whole.length < 8400, `${whole.length} characters`);
      assert(/\(4\d{4} bytes left out\)/.test(whole), "says nothing of what is missing");
    });
    await t.step("a call's output", async () => {
      const error = await failure(() => board.call("chatters", [3000], { signal }));
      assertEquals(error.code, "protocol");
      assertIncludes(error.message, "prints in the background");
    });
    await t.step("a tree", async () => {
      const entries = await board.call("walk", [bytesOf("/"), 1], { signal });
      assertEquals(entries.length, 2);
      assertEquals((await board.call("walk", [bytesOf("/"), 9], { signal })).length, 4);
    });
    await t.step("a file, which it reads in parts", async () => {
      const content = bytesOf("0123456789".repeat(15_000));
      await board.files.writeFiles([{ path: "big", content }], { signal });
      assertEquals(await board.files.readFile("big", { signal }), content);
      const start = await board.files.readFile("big", { signal, limitBytes: 70_000 });
      assertEquals(start, content.slice(0, 70_000));
    });
  });
});

Deno.test("RawRepl.restartProgram() ends when the board never stops talking", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const entering = RawRepl.enter(port, { signal, timeoutMs: 2000 });
  const device = awaitEntry(line);
  const repl = await entering;
  const chatting = (async () => {
    while (true) await line.write("tick\r\n");
  })().catch(() => {});
  const begun = performance.now();
  await repl.restartProgram({ signal: AbortSignal.timeout(20_000) });
  assert(performance.now() - begun < 10_000, "the bound was not kept");
  line.hangUp();
  await chatting;
  await device.catch(() => {});
});
