import { UotaError } from "../../errors/mod.ts";
import { RawRepl } from "../../serial/raw_repl.ts";
import { script, scripts } from "../../serial/script.ts";
import { ScriptRunner } from "../../serial/script_runner.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { bytesOf, latin1 } from "./line.ts";
import { type TapOptions, TappedPort } from "./tapped_port.ts";

const { signal } = new AbortController();

async function onRunner(
  options: TapOptions,
  work: (runner: ScriptRunner, port: TappedPort) => Promise<void>,
): Promise<void> {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { ...options, signal });
  await work(new ScriptRunner(port.path, await RawRepl.enter(port, { signal })), port);
}

async function failure(run: () => Promise<unknown>): Promise<UotaError> {
  return await assertRejects(run, UotaError);
}

Deno.test("ScriptRunner.run() sends a script again when the line lost a byte of it", async () => {
  let faults = 2;
  const mangle = (text: string) =>
    text.includes("print(6 * 7)") && faults-- > 0 ? text.replace(")", "") : text;
  await onRunner({ mangle }, async (runner, port) => {
    await runner.ensure(scripts.reply, { signal });
    assertEquals(await runner.run(runner.py`print(6 * 7)\nreply("ok")\n`, { signal }), ["ok"]);
    assertEquals(port.sent.split("print(6 * 7)").length - 1, 3);
  });
});

Deno.test("ScriptRunner.run() gives up with the SyntaxError when the line loses bytes every time", async () => {
  const mangle = (text: string) => text.replace("print(6 * 7)", "print(6 * 7");
  await onRunner({ mangle }, async (runner, port) => {
    const error = await failure(() => runner.run(runner.py`print(6 * 7)\n`, { signal }));
    assertEquals(error.code, "board_error");
    assertIncludes(error.message, "SyntaxError");
    assertEquals(port.sent.split("print(6 * 7)").length - 1, 3);
  });
});

Deno.test("ScriptRunner.ensure() sends a script once", async () => {
  await onRunner({}, async (runner, port) => {
    await runner.ensure(scripts.read, { signal });
    const before = port.bytesWritten;
    await runner.ensure(scripts.read, { signal });
    await runner.ensure(scripts.reply, { signal });
    assertEquals(port.bytesWritten, before);
  });
});

Deno.test("ScriptRunner.call() answers the framed replies of the function", async () => {
  await onRunner({}, async (runner) => {
    await runner.ensure(scripts.reply, { signal });
    await runner.run(
      bytesOf("def f(a, b):\n print('noise')\n reply(a, b)\n print('noise', end='')\n reply(b)\n"),
      { signal },
    );
    assertEquals(await runner.call("f", ["ä\n'", null], { signal }), ["ä\r\n'\tNone", "None"]);
  });
});

Deno.test("ScriptRunner.run() throws what the board's traceback says", async (t) => {
  const codes = [
    ["raise OSError(28)", "no_space"],
    ["raise OSError('ENOSPC')", "no_space"],
    ["raise MemoryError()", "board_memory"],
    ["bytearray(1000000)", "board_memory"],
    ["raise OSError(2)", "board_error"],
    ["raise ValueError('28')", "board_error"],
    ["raise KeyboardInterrupt", "board_error"],
  ] as const;
  await onRunner({}, async (runner) => {
    for (const [source, code] of codes) {
      await t.step(`${code} for ${source}`, async () => {
        const error = await failure(() => runner.run(bytesOf(source), { signal }));
        assertEquals(error.code, code);
        assert(error.cause instanceof Error && error.cause.message.includes("Traceback"));
      });
    }
  });
});

Deno.test("script() leaves out what the board does not need", () => {
  const source = "# why\nimport os\n\ndef f():\n    # what\n    if x:\n        return '    # x'\n";
  assertEquals(latin1(script(source)), "import os\ndef f():\n if x:\n  return '    # x'\n");
});
