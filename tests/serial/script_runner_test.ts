import { UotaError } from "../../errors/mod.ts";
import { RawRepl } from "../../serial/raw_repl.ts";
import { script, scripts } from "../../serial/script.ts";
import { ScriptRunner } from "../../serial/script_runner.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { bytesOf, latin1 } from "./line.ts";
import { type TapOptions, TappedPort } from "./tapped_port.ts";

const { signal } = new AbortController();
const SPEAK = script("def speak(a, b):\n    reply(a, b)\n");

async function onRunner(
  options: TapOptions & { readonly sha256?: boolean },
  work: (runner: ScriptRunner, port: TappedPort) => Promise<void>,
): Promise<void> {
  await using board = await startWasmBoard();
  await using port = await TappedPort.open(board.port, { ...options, signal });
  const runner = new ScriptRunner(port.path, await RawRepl.enter(port, { signal }));
  await runner.probe({ signal });
  await runner.useGuard({ signal, sha256: options.sha256 ?? true });
  await work(runner, port);
}

async function failure(run: () => Promise<unknown>): Promise<UotaError> {
  return await assertRejects(run, UotaError);
}

const DAMAGES: Readonly<Record<string, (text: string) => string>> = {
  "a flipped bit in an argument": (text) => text.replace("'hello'", "'hellp'"),
  "a lost closing bracket": (text) => text.replace("'hello')", "'hello'"),
  "a doubled byte": (text) => text.replace("hello", "helllo"),
  "another function's name": (text) => text.replace("'speak'", "'spoak'"),
};

for (const sha256 of [true, false]) {
  for (const [what, damage] of Object.entries(DAMAGES)) {
    const guard = sha256 ? "SHA-256" : "a sum";
    Deno.test(`ScriptRunner.call() with ${guard} sends again what arrived with ${what}`, async () => {
      let faults = 2;
      let sent = 0;
      const mangle = (text: string) => {
        if (!text.includes("'hello'")) return text;
        sent++;
        return faults-- > 0 ? damage(text) : text;
      };
      await onRunner({ mangle, sha256 }, async (runner) => {
        await runner.ensure(SPEAK, { signal });
        assertEquals(await runner.call("speak", [1, "hello"], { signal }), ["1\thello"]);
        assertEquals(sent, 3);
      });
    });
  }
}

Deno.test("ScriptRunner.call() gives up when the line damages every attempt", async () => {
  const mangle = (text: string) => text.replace("'hello'", "'hellp'");
  await onRunner({ mangle }, async (runner) => {
    await runner.ensure(SPEAK, { signal });
    const error = await failure(() => runner.call("speak", [1, "hello"], { signal }));
    assertEquals(error.code, "protocol");
    assertIncludes(error.message, "check the cable");
  });
});

Deno.test("ScriptRunner.ensure() sends a script once", async () => {
  await onRunner({}, async (runner, port) => {
    await runner.ensure(scripts.read, { signal });
    const before = port.bytesWritten;
    await runner.ensure(scripts.read, { signal });
    assertEquals(port.bytesWritten, before);
  });
});

Deno.test("ScriptRunner.call() answers the framed replies of the function", async () => {
  await onRunner({}, async (runner) => {
    const noisy =
      "def f(a, b):\n print('noise')\n reply(a, b)\n print('noise', end='')\n reply(b)\n";
    await runner.ensure(bytesOf(noisy), { signal });
    assertEquals(await runner.call("f", ["ä'", null], { signal }), ["ä'\tNone", "None"]);
  });
});

Deno.test("ScriptRunner.call() throws what the board's traceback says", async (t) => {
  const codes = [
    ["raise OSError(28)", "no_space"],
    ["raise OSError('ENOSPC')", "no_space"],
    ["raise MemoryError()", "board_memory"],
    ["bytearray(1000000)", "board_memory"],
    ["raise OSError(2)", "board_error"],
    ["raise ValueError('28')", "board_error"],
  ] as const;
  await onRunner({}, async (runner) => {
    for (const [source, code] of codes) {
      await t.step(`${code} for ${source}`, async () => {
        await runner.ensure(
          bytesOf(`def fail_${codes.findIndex(([s]) => s === source)}():\n ${source}\n`),
          {
            signal,
          },
        );
        const name = `fail_${codes.findIndex(([s]) => s === source)}`;
        const error = await failure(() => runner.call(name, [], { signal }));
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
