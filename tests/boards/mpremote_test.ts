/**
 * mpremote as the judge of our test boards: what it cannot drive is not faithful. It is Debian's
 * package, installed by `.ci/install_mpremote`.
 */

import assert from "node:assert/strict";
import { MPREMOTE } from "./mpremote.ts";
import { startMicrobit, startWasmBoard } from "./mod.ts";
import { isMissing } from "../needs.ts";

const ignoreMpremote = isMissing(["mpremote"], "what mpremote does with a wasm board");
const ignoreMicrobit = isMissing(["mpremote", "micro:bit"], "what mpremote does with a micro:bit");

/** Runs `mpremote connect PORT …` and returns what it printed. */
async function mpremote(port: string, ...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await new Deno.Command(MPREMOTE, {
    args: ["connect", port, ...args],
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  assert.equal(code, 0, `mpremote ${args.join(" ")}: ${decoder.decode(stderr)}`);
  return decoder.decode(stdout);
}

/** A directory of this machine that ends with its block. */
async function temporaryDirectory(): Promise<{ path: string } & AsyncDisposable> {
  const path = await Deno.makeTempDir();
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

async function sha256(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  return new Uint8Array(await crypto.subtle.digest("SHA-256", bytes)).toHex();
}

Deno.test({
  name: "mpremote lists, makes and removes directories of a wasm board",
  ignore: ignoreMpremote,
  fn: async () => {
    await using board = await startWasmBoard({
      files: new Map([["/main.py", new TextEncoder().encode("print('MAIN')\n")]]),
    });
    await mpremote(board.port, "fs", "mkdir", "lib", "+", "fs", "touch", "lib/empty.py");
    assert.match(await mpremote(board.port, "fs", "ls"), /\b14 main\.py\n +0 lib\/\n/);
    assert.match(await mpremote(board.port, "fs", "ls", "lib"), /\b0 empty\.py\n/);
    await mpremote(board.port, "fs", "rm", "lib/empty.py", "+", "fs", "rmdir", "lib");
    assert.deepEqual([...(await board.tree()).keys()], ["/main.py"]);
  },
});

Deno.test({
  name: "mpremote copies text, every byte value and a large file to a wasm board and back",
  ignore: ignoreMpremote,
  fn: async (t) => {
    await using board = await startWasmBoard();
    await using directory = await temporaryDirectory();
    const large = new Uint8Array(20_000).map((_, index) => (index * 7919) >> 3);
    const contents: Record<string, Uint8Array<ArrayBuffer>> = {
      "text.py": new TextEncoder().encode("print('grüße')\r\n\tpass\n"),
      "bytes.bin": Uint8Array.from({ length: 256 }, (_, byte) => byte),
      "large.bin": large,
    };
    for (const [name, content] of Object.entries(contents)) {
      await t.step(name, async () => {
        const path = `${directory.path}/${name}`;
        await Deno.writeFile(path, content);
        await mpremote(board.port, "fs", "cp", path, `:${name}`);
        assert.deepEqual((await board.files()).get(`/${name}`), content);
        const printed = await mpremote(board.port, "fs", "sha256sum", name);
        assert.equal(printed.trim().split("\n").at(-1), await sha256(content));
        await mpremote(board.port, "fs", "cp", `:${name}`, `${path}.back`);
        assert.deepEqual(new Uint8Array(await Deno.readFile(`${path}.back`)), content);
      });
    }
  },
});

Deno.test({
  name: "mpremote evaluates, executes, runs and soft-resets on a wasm board",
  ignore: ignoreMpremote,
  fn: async () => {
    await using board = await startWasmBoard({ uid: "e6614103e7000102" });
    await using directory = await temporaryDirectory();
    assert.equal(await mpremote(board.port, "eval", "6 * 7"), "42\r\n");
    assert.equal(
      await mpremote(board.port, "exec", "import machine; print(machine.unique_id().hex())"),
      "e6614103e7000102\r\n",
    );
    const script = `${directory.path}/script.py`;
    await Deno.writeTextFile(script, "import sys\nfor i in range(3):\n    print(i)\n");
    assert.equal(await mpremote(board.port, "run", script), "0\r\n1\r\n2\r\n");
    await mpremote(board.port, "exec", "x = 1");
    await mpremote(board.port, "soft-reset");
    assert.equal(await mpremote(board.port, "exec", "print('x' in globals())"), "False\r\n");
  },
});

Deno.test({
  name: "mpremote lists and reads an emulated micro:bit",
  ignore: ignoreMicrobit,
  fn: async () => {
    const source = new TextEncoder().encode("print('MAIN')\n");
    await using board = await startMicrobit({ files: new Map([["main.py", source]]) });
    assert.equal(
      await mpremote(board.port, "exec", "import os; print(os.listdir(), os.size('main.py'))"),
      "['main.py'] 14\r\n",
    );
    assert.equal(
      await mpremote(board.port, "exec", "print(open('main.py').read(), end='')"),
      "print('MAIN')\r\n",
    );
  },
});
