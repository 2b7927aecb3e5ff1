/**
 * That an emulated board behaves as a board: what the firmware's C does around the interpreter is
 * here the harness's, so it is compared with what chips do. See `reference/boards.md`.
 */

import assert from "node:assert/strict";
import { dirname } from "node:path";
import { Probe, startWasmBoard } from "./mod.ts";

const RAW_PROMPT = "raw REPL; CTRL-B to exit\r\n>";
const BANNER = 'Type "help()" for more information.\r\n>>> ';

function files(entries: Record<string, string>): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(
    Object.entries(entries).map((
      [path, text],
    ) => [path, Uint8Array.from(text, (character) => character.charCodeAt(0))]),
  );
}

const BOTH = files({ "/boot.py": "print('BOOT')", "/main.py": "print('MAIN')" });

Deno.test("a board runs boot.py and main.py at a soft reset from the friendly REPL", async () => {
  await using board = await startWasmBoard({ files: BOTH });
  using probe = new Probe(board.port);
  await probe.send("\r");
  await probe.until(">>> ");
  await probe.send("\x04");
  assert.match(
    await probe.until(BANNER),
    /\r\nMPY: soft reboot\r\nBOOT\r\nMAIN\r\nMicroPython v1\.27\.0 on .*\r\nType/,
  );
});

Deno.test("a board skips main.py at a soft reset from the raw REPL and stays raw", async () => {
  await using board = await startWasmBoard({ files: BOTH });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.print("x = 1");
  await probe.send("\x04");
  assert.equal(await probe.until(RAW_PROMPT), `OK\r\nMPY: soft reboot\r\nBOOT\r\n${RAW_PROMPT}`);
  assert.match((await probe.run("print(x)")).stderr, /NameError/);
});

Deno.test("a board runs the main.py of the directory that boot.py has gone to", async () => {
  await using board = await startWasmBoard({
    files: files({
      "/boot.py": "import os\nos.chdir('/app')",
      "/app/main.py": "print('APP')",
    }),
  });
  using probe = new Probe(board.port);
  await probe.send("\r");
  await probe.until(">>> ");
  await probe.send("\x04");
  assert.match(await probe.until(BANNER), /soft reboot\r\nAPP\r\nMicroPython/);
});

Deno.test("a board prints the traceback of a failing main.py and goes on to its REPL", async () => {
  await using board = await startWasmBoard({
    files: files({ "/main.py": "def f():\n    raise ValueError('no')\nf()\n" }),
  });
  using probe = new Probe(board.port);
  await probe.send("\x04");
  const text = await probe.until(BANNER);
  assert.match(
    text,
    /Traceback \(most recent call last\):\r\n {2}File "main.py", line 3, in <module>\r\n {2}File "main.py", line 2, in f\r\nValueError: no\r\n/,
  );
});

Deno.test("machine.soft_reset() and sys.exit() restart a board softly", async () => {
  await using board = await startWasmBoard({ files: files({ "/boot.py": "print('BOOT')" }) });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  for (const source of ["import machine\nmachine.soft_reset()", "import sys\nsys.exit()"]) {
    await probe.send(`${source}\x04`);
    const said = await probe.until(RAW_PROMPT);
    assert(said.startsWith("OK\x04\x04MPY: soft reboot\r\nBOOT\r\nraw"), said);
  }
});

Deno.test("raw-paste opens a window for each that was consumed", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send("\x05A\x01");
  assert.equal(await probe.until("\x80\x00\x01"), "R\x01\x80\x00\x01");
  await probe.send("#".repeat(127));
  assert.equal(probe.pending, "");
  await probe.send("#");
  assert.equal(await probe.until("\x01"), "\x01");
  await probe.send("\nprint(5)\x04");
  assert.equal(await probe.until(">"), "\x045\r\n\x04\x04>");
});

Deno.test("raw-paste keeps every byte of a literal but those that no protocol can", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const special = new Set([0x00, 0x03, 0x04, 0x0a, 0x0d, 0x27, 0x5c]);
  const all = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => !special.has(byte));
  await probe.send("\x05A\x01");
  await probe.until("\x01\x80\x00\x01");
  await probe.send(`value = b'${String.fromCharCode(...all)}'`.slice(0, 250));
  await probe.until("\x01");
  await probe.send(`value = b'${String.fromCharCode(...all)}'`.slice(250) + "\x04");
  await probe.until("\x04\x04>");
  assert.equal(await probe.print("print(list(value))"), `[${all.join(", ")}]`);
});

Deno.test("raw-paste ends early at a syntax error, and at Ctrl-C", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send("\x05A\x01");
  await probe.until("\x01\x80\x00\x01");
  await probe.send("x = = 1\nprint(1)\n");
  await probe.until("\x04");
  await probe.send("\x04");
  const refused = await probe.until("\x04>");
  assert(refused.startsWith("\x04Traceback"), refused);
  assert(refused.endsWith("SyntaxError: invalid syntax\r\n\x04>"), refused);
  await probe.send("\x05A\x01");
  await probe.until("\x01\x80\x00\x01");
  await probe.send("print(1)\n\x03");
  assert.equal(await probe.until("\x04>"), "\x04\x04KeyboardInterrupt: \r\n\x04>");
});

Deno.test("Ctrl-C interrupts a program that loops, sleeps, waits for input, or prints", async (t) => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  for (
    const [name, program] of [
      ["loops", "while True: pass"],
      ["sleeps", "import time\ntime.sleep(100)\nprint('too far')"],
      ["waits for input", "import sys\nsys.stdin.read(1)\nprint('too far')"],
      ["prints", "while True: print('.')"],
    ]
  ) {
    await t.step(`${name}`, async () => {
      await probe.enterRaw();
      await probe.send(`print('begun')\n${program}\x04`);
      await probe.until("begun\r\n");
      await probe.send("\x03");
      const text = await probe.until("\x04>");
      assert(text.endsWith("KeyboardInterrupt: \r\n\x04>"), text);
      assert.doesNotMatch(text, /too far/);
    });
  }
});

Deno.test("micropython.kbd_intr(-1) lets a program read Ctrl-C", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send(
    "import micropython, sys\nmicropython.kbd_intr(-1)\nprint('begun')\n" +
      "print(sys.stdin.buffer.read(3))\x04",
  );
  await probe.until("begun\r\n");
  await probe.send("a\x03\r");
  assert.equal(await probe.until("\x04>"), "b'a\\x03\\r'\r\n\x04\x04>");
});

Deno.test("a program reads what is sent to it, and select.poll waits for it", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.send("import sys\nprint('begun')\nprint(repr(sys.stdin.readline()))\x04");
  await probe.until("begun\r\n");
  await probe.send("a line\r");
  assert.equal(await probe.until("\x04>"), "'a line\\n'\r\n\x04\x04>");
  await probe.send("print(repr(input('? ')))\x04");
  await probe.until("? ");
  await probe.send("yes\r");
  const answer = await probe.until("\x04>");
  assert(answer.endsWith("'yes'\r\n\x04\x04>"), answer);
  await probe.send(
    "import select\np = select.poll()\np.register(sys.stdin, select.POLLIN)\n" +
      "print(p.poll(0))\nprint('begun')\nprint(len(p.poll(5000)), sys.stdin.read(1))\x04",
  );
  await probe.until("[]\r\nbegun\r\n");
  await probe.send("z");
  assert.equal(await probe.until("\x04>"), "1 z\r\n\x04\x04>");
});

Deno.test("output leaves binary streams as it is and translates line ends of text", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const { stdout } = await probe.run(
    "import sys\nsys.stdout.write('a\\nb\\n')\n" +
      "n = sys.stdout.buffer.write(bytes(b for b in range(256) if b != 4))",
  );
  const bytes = Array.from({ length: 256 }, (_, byte) => byte).filter((byte) => byte !== 4);
  assert.equal(stdout, `a\r\nb\r\n${String.fromCharCode(...bytes)}`);
});

Deno.test("machine.unique_id() is the board's uid", async () => {
  await using board = await startWasmBoard({ uid: "e6614103e7000102" });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(
    await probe.print("import machine\nprint(machine.unique_id().hex(), machine.reset_cause())"),
    "e6614103e7000102 1",
  );
});

Deno.test("machine.reset() takes the port away and brings a new one", async () => {
  await using board = await startWasmBoard({ files: files({ "/main.py": "print('MAIN')" }) });
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send("import machine\nmachine.reset()\x04");
    await probe.untilGone();
  }
  await board.portBack();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(await probe.print("import machine\nprint(machine.reset_cause())"), "2");
});

Deno.test("a watchdog that is not fed resets the board, even out of an endless loop", async () => {
  await using board = await startWasmBoard();
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send("import machine\nmachine.WDT(timeout=50)\nwhile True: pass\x04");
    await probe.untilGone();
  }
  await board.portBack();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(await probe.print("import machine\nprint(machine.reset_cause())"), "3");
});

Deno.test("a full flash raises ENOSPC, and statvfs tells what is free", async () => {
  await using board = await startWasmBoard({ flashBytes: 64 * 1024 });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(
    await probe.print("import os\ns = os.statvfs('/')\nprint(s[0], s[2], s[3])"),
    "4096 16 14",
  );
  assert.match(
    (await probe.run("f = open('big', 'wb')\nwhile True: f.write(bytes(1000))")).stderr,
    /OSError: (\[Errno )?28/,
  );
  assert.equal(await probe.print("f.close()\nprint(os.statvfs('/')[3])"), "0");
  assert.equal(await probe.print("os.remove('big')\nprint(os.statvfs('/')[3])"), "14");
});

Deno.test("a heap of a limited size collects its garbage and then raises MemoryError", async () => {
  await using board = await startWasmBoard({ heapBytes: 28 * 1024 });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const free = Number(await probe.print("import gc\ngc.collect()\nprint(gc.mem_free())"));
  assert.ok(free > 23 * 1024 && free < 25 * 1024, `${free} bytes free`);
  assert.match((await probe.run("bytearray(30000)")).stderr, /^Traceback[^]*MemoryError: memory/);
  assert.equal(
    await probe.print("total = 0\nfor i in range(1000): total += len(bytes(1000))\nprint(total)"),
    "1000000",
  );
  assert.match(
    (await probe.run(
      "kept = []\ntry:\n    while True: kept.append(bytes(100))\nfinally: kept = None",
    ))
      .stderr,
    /MemoryError/,
  );
  assert.equal(
    await probe.print("import hashlib\nprint(len(hashlib.sha256(b'x').digest()))"),
    "32",
  );
});

Deno.test("the file system answers with a board's error numbers", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.print(`
import os
def errno(action, *arguments):
    try:
        action(*arguments)
    except OSError as error:
        print(error.errno, end=" ")
os.mkdir("d")
open("d/f", "w").close()
`);
  assert.equal(
    await probe.print(`
errno(open, "none"); errno(os.mkdir, "d"); errno(os.rmdir, "d"); errno(os.remove, "none")
errno(open, "x" * 256, "w"); errno(os.listdir, "none")
os.rename("d", "e"); print(os.listdir("/"), os.listdir("e"), os.stat("e/f")[6])
`),
    "2 17 39 2 36 2 ['e'] ['f'] 0",
  );
});

Deno.test("WasmBoard.files() shows what the board has, and cutPower() keeps it", async () => {
  await using board = await startWasmBoard();
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.print("f = open('a.txt', 'w')\nf.write('one')\nf.flush()");
    assert.deepEqual(await board.files(), files({ "/a.txt": "one" }));
    await probe.send("while True: pass\x04");
    await probe.until("OK");
    await board.cutPower();
    await probe.untilGone();
  }
  await board.writeFiles(files({ "/lib/b.txt": "two" }));
  await board.powerOn();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(
    await probe.print("print(open('a.txt').read(), open('/lib/b.txt').read())"),
    "one two",
  );
});

Deno.test("cutPowerAfter() takes the power away between two changes of the flash", async () => {
  await using board = await startWasmBoard();
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    const lost = board.cutPowerAfter(2);
    await probe.send("import os\nfor name in 'abcd': os.mkdir(name)\x04");
    await lost;
    await probe.untilGone();
  }
  assert.deepEqual([...(await board.tree()).keys()], ["/a/", "/b/"]);
  await board.powerOn();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assert.equal(await probe.print("import os\nprint(os.listdir())"), "['a', 'b']");
});

/** Waits until a port can be opened, looking whenever its link changes. */
async function untilOpens(link: string): Promise<void> {
  using watcher = Deno.watchFs(dirname(link));
  const opens = () => {
    try {
      using _probe = new Probe(link);
      return true;
    } catch {
      return false;
    }
  };
  if (opens()) return;
  for await (const _ of watcher) if (opens()) return;
}

Deno.test("a port that a host left with TIOCEXCL set can be opened again", async () => {
  await using board = await startWasmBoard();
  {
    using probe = new Probe(board.port);
    probe.exclude();
    await probe.enterRaw();
  }
  // Only root can clean such a port; for others the board gets a new one.
  await untilOpens(board.port);
  using probe = new Probe(board.port);
  await probe.enterRaw();
});

Deno.test("unplug() takes the port away while the program runs on", async () => {
  await using board = await startWasmBoard();
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    await probe.send("import sys\nsys.stdin.read(1)\nprint('on')\x04");
    await probe.until("OK");
    await board.unplug();
    await probe.untilGone();
  }
  await board.plug();
  using probe = new Probe(board.port);
  await probe.send("x");
  assert.equal(await probe.until("\x04>"), "on\r\n\x04\x04>");
});

Deno.test("a board serves one host after the other and none in between", async () => {
  await using board = await startWasmBoard();
  for (let round = 0; round < 50; round++) {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    assert.equal(await probe.print(`print(${round})`), String(round));
    await probe.send("\x02print('nobody reads this')\r");
  }
});

Deno.test("boards side by side do not disturb one another", async () => {
  await using first = await startWasmBoard({ uid: "01" });
  await using second = await startWasmBoard({ uid: "02" });
  using one = new Probe(first.port);
  using two = new Probe(second.port);
  await Promise.all([one.enterRaw(), two.enterRaw()]);
  const source = "import machine\nfor i in range(2000): print(machine.unique_id())";
  const [left, right] = await Promise.all([one.print(source), two.print(source)]);
  assert.equal(left, Array(2000).fill("b'\\x01'").join("\r\n"));
  assert.equal(right, Array(2000).fill("b'\\x02'").join("\r\n"));
});

Deno.test("deno task board writes the file system back when it is told to end", async () => {
  const root = await Deno.makeTempDir();
  const link = `${root}.tty`;
  await Deno.writeTextFile(`${root}/gone.txt`, "gone");
  await Deno.writeTextFile(`${root}/kept.txt`, "kept");
  await using process = new Deno.Command(Deno.execPath(), {
    args: ["task", "--quiet", "board", "--link", link, "--root", root],
    stdout: "piped",
  }).spawn();
  const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
  assert.equal((await reader.read()).value, `${link}\n`);
  {
    using probe = new Probe(link);
    await probe.enterRaw();
    await probe.print(
      "import os\nos.remove('gone.txt')\nos.mkdir('d')\nopen('d/new', 'w').write('n')",
    );
  }
  process.kill("SIGTERM");
  assert.equal((await process.status).code, 0);
  await reader.cancel();
  assert.deepEqual([...Deno.readDirSync(root)].map(({ name }) => name).sort(), ["d", "kept.txt"]);
  assert.equal(await Deno.readTextFile(`${root}/d/new`), "n");
  await assert.rejects(Deno.lstat(link), Deno.errors.NotFound);
  await Deno.remove(root, { recursive: true });
});
