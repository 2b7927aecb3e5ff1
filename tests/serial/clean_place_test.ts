/** What boot.py or a program leaves in the interpreter does not keep anybody out. */
import { type Board, connectBoard, script, sha256Hex } from "../../serial/mod.ts";
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { scripts } from "../../serial/script.ts";
import { Probe, startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { testNeeding } from "../needs.ts";
import { bytesOf } from "./line.ts";
import { failure, files } from "./on_board.ts";

const { signal } = new AbortController();
const UID = "e6614103e7000102";

/** All that a visit does on a board, and that it is the right board. */
async function usesAll(board: Board): Promise<void> {
  assertEquals(board.capabilities.uid, UID);
  const content = bytesOf("content of a file\n".repeat(40));
  await board.files.makeDirectories(["d"], { signal });
  await board.files.writeFiles([{ path: "d/f", content }], { signal });
  await board.files.rename("d/f", "d/g", { signal });
  assertEquals(await board.files.readFile("d/g", { signal }), content);
  assertEquals(await board.files.describe(["d/g", "d/f"], { signal }), [
    { kind: "file", sizeBytes: content.byteLength, sha256: sha256Hex(content) },
    { kind: "missing" },
  ]);
  assertEquals((await board.files.walk("d", { signal })).map(({ path }) => path), ["d/g"]);
  assert(await board.files.space({ signal }) !== null);
  await board.files.removeTree("d", { signal });
  assertEquals(await board.files.stat(["d"], { signal }), [{ kind: "missing" }]);
}

const BUILTINS = "print len str bytes sum list tuple isinstance open exec eval getattr hasattr " +
  "globals range min int bytearray memoryview map dict type dir ValueError OSError ImportError " +
  "AttributeError Exception KeyboardInterrupt";

const LEFT_BEHIND: Readonly<Record<string, string>> = {
  "sum = 0": "sum = 0",
  "list = [1]": "list = [1]",
  'str = "x"': 'str = "x"',
  "a print() of its own": "def print(*a): pass",
  "exec = None": "exec = None",
  "bytes = 3": "bytes = 3",
  "names that the gateway uses": "guard = reply = os = sys = load = feed = stat = b = _uota = None",
  "every builtin replaced by name": BUILTINS.split(" ").map((name) => `${name} = None`).join("\n"),
  "every builtin replaced in builtins": "import builtins\nfor n in '" + BUILTINS +
    "'.split():\n setattr(builtins, n, 5)",
  "an __import__ of its own that works": "import builtins\nreal = builtins.__import__\n" +
    "builtins.__import__ = lambda *a: real(*a)",
  "an __import__ that lets nothing else through": "import builtins\nreal = builtins.__import__\n" +
    "def f(name, *a):\n if name != 'builtins': raise ImportError(name)\n return real(name, *a)\n" +
    "builtins.__import__ = f",
  "another module builtins": "import sys\nclass B: pass\nsys.modules['builtins'] = B",
  "other modules by the names of all": "import sys\nclass B: pass\n" +
    "for n in ('gc', 'os', 'machine', 'hashlib', 'binascii', 'time', 'sys', 'io'):\n" +
    " sys.modules[n] = B",
  "the collector off": "import gc\ngc.disable()",
  "another sys.path": "import sys\nsys.path.clear()",
  "little memory for what does not collect any": "import gc\ngc.disable()\n" +
    "while gc.mem_free() > 5000: bytearray(64)",
};
/** Of these, the ones that say most. */
const WORST = Object.entries(LEFT_BEHIND).filter(([what]) =>
  /^(names|every builtin replaced in|an __import__ that|other modules|little memory)/.test(what)
);

Deno.test("connectBoard() finds a clean place when boot.py left", async (t) => {
  await using hardware = await startWasmBoard({ uid: UID, heapBytes: 64 * 1024 });
  for (const [what, boot] of Object.entries(LEFT_BEHIND)) {
    await t.step(what, async () => {
      await hardware.writeFiles(files({ "/boot.py": boot }));
      await using board = await connectBoard(hardware.port, { signal });
      await usesAll(board);
    });
  }
});

Deno.test("Board.resynchronise() finds a clean place when the program that ended left", async (t) => {
  await using hardware = await startWasmBoard({ uid: UID, heapBytes: 64 * 1024 });
  for (const [what, main] of WORST) {
    await t.step(what, async () => {
      await hardware.writeFiles(files({ "/main.py": main }));
      await using board = await connectBoard(hardware.port, { signal });
      await board.files.stat(["f"], { signal });
      await board.restartProgram({ signal });
      await board.resynchronise({ signal });
      await usesAll(board);
    });
  }
});

Deno.test("connectBoard() reads evidence in the place that a program left", async (t) => {
  await using hardware = await startWasmBoard({ uid: UID, heapBytes: 64 * 1024 });
  for (const [what, main] of WORST) {
    await t.step(what, async () => {
      await hardware.writeFiles(files({ "/main.py": `${main}\nwhile True: pass\n` }));
      await using board = await connectBoard(hardware.port, { signal, readEvidence: true });
      assertEquals(board.evidence?.resetCause, "power_on");
    });
  }
});

Deno.test("connectBoard() says what stands in the way when nothing can be imported", async () => {
  const boot = "import builtins\ndef hook(*a):\n raise OSError(5)\nbuiltins.__import__ = hook";
  await using hardware = await startWasmBoard({ files: files({ "/boot.py": boot }) });
  const error = await failure(() => connectBoard(hardware.port, { signal }));
  assertEquals(error.code, "board_error");
  assertIncludes(error.message, "__import__");
  assertIncludes(error.message, 'File "boot.py", line 3, in hook');
  assert(!error.message.includes("cable"), error.message);
});

/** A module that tells when it is run, and has nothing of what it stands for. */
const TRAP = "open('/trapped', 'w').close()\ndef unique_id(): return b'wrong'\n";
const SHADOWED = ["os", "machine", "hashlib", "binascii", "gc", "sys", "io", "time", "builtins"]
  .concat("micropython", "errno", "usys", "uos", "umachine");

Deno.test("connectBoard() takes what is built in when the board has files by the same names", async (t) => {
  await using hardware = await startWasmBoard({ uid: UID });
  const places: Readonly<Record<string, (name: string) => string>> = {
    "at its root": (name) => `/${name}.py`,
    "as packages": (name) => `/${name}/__init__.py`,
    "below /lib": (name) => `/lib/${name}.py`,
    "below .frozen": (name) => `/.frozen/${name}.py`,
  };
  for (const [where, place] of Object.entries(places)) {
    await t.step(where, async () => {
      await hardware.writeFiles(files(Object.fromEntries(SHADOWED.map((n) => [place(n), TRAP]))));
      {
        await using board = await connectBoard(hardware.port, { signal, readEvidence: true });
        await usesAll(board);
        assertEquals(board.evidence?.resetCause === null, false);
        await board.feedWatchdog(8000, { signal });
      }
      assert(!(await hardware.files()).has("/trapped"), "a file of the board's was run");
    });
  }
  await t.step("also for the reset", async () => {
    await using board = await connectBoard(hardware.port, { signal });
    assertEquals(await board.hardReset({ signal }), true);
    await hardware.portBack();
  });
});

Deno.test("connectBoard() leaves the board's own imports as they were", async () => {
  await using hardware = await startWasmBoard({ files: files({ "/os.py": "OWN = 1" }) });
  {
    using probe = new Probe(hardware.port);
    await probe.enterRaw();
    await probe.print("import sys, os\nkept = sys.path[:]");
    await probe.send("\x02");
  }
  const board = await connectBoard(hardware.port, { signal, readEvidence: true });
  const own = "def own():\n import os\n reply(os.OWN, sys.path)\n";
  await board.load([script(own)], { signal });
  assertEquals(await board.call("own", [], { signal }), [
    "1\t['', '.frozen', '/lib', '/.builtin']",
  ]);
  await board[Symbol.asyncDispose]();
});

Deno.test("connectBoard() takes what it can get when machine is not built in", async (t) => {
  const without = "import sys\nmachine = sys.modules.pop('umachine')\n";
  const uid = `def unique_id():\n return bytes.fromhex('${UID}')\n`;
  const boards: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    "but in sys.modules": { "/boot.py": `${without}sys.modules['machine'] = machine` },
    "but a file in a library": { "/boot.py": without, "/lib/machine.py": uid },
    "and not there at all": {
      "/boot.py": `${without}sys.path.remove('/.builtin')\ndel machine`,
    },
  };
  await using hardware = await startWasmBoard({ uid: UID });
  for (const [what, tree] of Object.entries(boards)) {
    await t.step(what, async () => {
      await hardware.writeFiles(files(tree));
      await using board = await connectBoard(hardware.port, { signal });
      assertEquals(board.capabilities.uid, what.startsWith("but") ? UID : null);
      if ("/lib/machine.py" in tree) await board.files.removeTree("lib", { signal });
    });
  }
});

testNeeding(
  ["micro:bit"],
  "connectBoard() finds a clean place on a micro:bit when its program left others' names",
  async () => {
    const main = "import builtins\nbuiltins.print = builtins.sum = None\nstr = bytes = len = 0\n";
    await using hardware = await startMicrobit({ files: new Map([["main.py", bytesOf(main)]]) });
    await using board = await connectBoard(hardware.port, { signal });
    await board.restartProgram({ signal });
    await board.resynchronise({ signal });
    assertEquals(await board.files.readFile("main.py", { signal }), bytesOf(main));
  },
);

Deno.test("base.py makes every built-in genuine that a script on the board uses", async () => {
  await using hardware = await startWasmBoard();
  using probe = new Probe(hardware.port);
  await probe.enterRaw();
  const builtins = (await probe.print("import builtins\nprint(' '.join(dir(builtins)))")).split(
    " ",
  );
  const own = new Set(new TextDecoder().decode(scripts.base).match(/\w+/g));
  const missing: string[] = [];
  for (const directory of ["serial/on_board", "agent/board/on_board"]) {
    const url = new URL(`../../${directory}/`, import.meta.url);
    for await (const { name } of Deno.readDir(url)) {
      const source = (await Deno.readTextFile(new URL(name, url)))
        .replaceAll(/^\s*#.*$|"[^"]*"|\.\w+/gm, "");
      const used = new Set(source.match(/\b[A-Za-z_]\w*/g));
      missing.push(...builtins.filter((builtin) => used.has(builtin) && !own.has(builtin)));
    }
  }
  assertEquals(missing, []);
});
