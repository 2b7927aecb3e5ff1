/** File systems of emulated boards under power cuts, and faults of the line. */
import { assertEquals } from "../assert.ts";
import { Faults } from "./faults.ts";
import {
  type Corruption,
  FILE_SYSTEM_KINDS,
  type FileSystemKind,
  Probe,
  startWasmBoard,
} from "./mod.ts";

const OLD = new TextEncoder().encode("old");

/** What `/f` and `/g` are after power went so many changes into the program; null for missing. */
async function afterCut(
  fileSystem: FileSystemKind,
  program: string,
  changes: number,
): Promise<readonly (string | null)[]> {
  await using board = await startWasmBoard({ fileSystem, files: new Map([["/f", OLD]]) });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const lost = board.cutPowerAfter(changes);
  await probe.send(`import os\n${program}\nos.mkdir('end')\x04`);
  await lost;
  const files = await board.files();
  return ["/f", "/g"].map((path) => {
    const content = files.get(path);
    return content === undefined ? null : new TextDecoder().decode(content);
  });
}

const REWRITE = "f = open('f', 'wb')\nf.write(b'new')\nf.close()";
const CREATE = "f = open('g', 'wb')\nf.write(b'new')\nf.close()";
const RENAME = "open('g', 'wb').close()\nos.rename('g', 'f')";

/** By file system: what is there after so many changes, before the next one. */
const CASES: Readonly<
  Record<FileSystemKind, readonly (readonly [string, number, readonly (string | null)[]])[]>
> = {
  write_through: [
    [REWRITE, 1, ["", null]],
    [REWRITE, 2, ["new", null]],
    [CREATE, 1, ["old", ""]],
    [CREATE, 2, ["old", "new"]],
    [RENAME, 1, ["old", ""]],
    [RENAME, 2, ["", null]],
  ],
  littlefs: [
    [REWRITE, 0, ["old", null]],
    [REWRITE, 1, ["old", null]],
    [REWRITE, 2, ["new", null]],
    [CREATE, 2, ["old", ""]],
    [CREATE, 3, ["old", "new"]],
    [RENAME, 2, ["", null]],
  ],
  fat: [
    [REWRITE, 1, ["", null]],
    [REWRITE, 2, ["", null]],
    [REWRITE, 3, ["new", null]],
    [CREATE, 2, ["old", ""]],
    [CREATE, 3, ["old", "new"]],
    [RENAME, 2, [null, ""]],
    [RENAME, 3, ["", null]],
  ],
};

for (const kind of FILE_SYSTEM_KINDS) {
  Deno.test(`a board with ${kind} keeps of a cut operation what that file system keeps`, async () => {
    for (const [program, changes, expected] of CASES[kind]) {
      assertEquals(
        await afterCut(kind, program, changes),
        expected,
        `${changes} changes into ${program}`,
      );
    }
  });
}

Deno.test("a board with littlefs closes at a soft reset what a program left open", async () => {
  await using board = await startWasmBoard({ fileSystem: "littlefs" });
  using probe = new Probe(board.port);
  await probe.enterRaw();
  await probe.print("f = open('f', 'wb')\nf.write(b'half')");
  assertEquals((await board.files()).get("/f")?.length, 0);
  await probe.send("\x04");
  await probe.until("raw REPL; CTRL-B to exit\r\n>");
  assertEquals((await board.files()).get("/f")?.length, 4);
});

Deno.test("unplugAfterBytes() takes the cable after a byte and lets the program run on", async () => {
  await using board = await startWasmBoard();
  const program = "import os\nos.mkdir('a')\x04";
  {
    using probe = new Probe(board.port);
    await probe.enterRaw();
    const unplugged = board.unplugAfterBytes(program.length);
    await probe.send(`${program}import os\nos.mkdir('b')\x04`);
    await unplugged;
    await probe.untilGone();
  }
  await board.treeBecomes((tree) => tree.has("/a/"));
  await board.plug();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  assertEquals(await probe.print("import os\nprint(os.listdir())"), "['a']");
});

Deno.test("atChange() and atByte() hold the board until the action is over", async () => {
  await using board = await startWasmBoard();
  using probe = new Probe(board.port);
  await probe.enterRaw();
  const atChange = board.atChange(1, async () => {
    assertEquals([...(await board.tree()).keys()], ["/a/"]);
  });
  await probe.run("import os\nfor name in 'abc': os.mkdir(name)");
  await atChange;
  assertEquals([...(await board.tree()).keys()], ["/a/", "/b/", "/c/"]);
  const program = "os.mkdir('d')\x04";
  const atByte = board.atByte(program.length, async () => {
    assertEquals((await board.tree()).has("/d/"), false);
  });
  await probe.send(program);
  await atByte;
  await probe.until("\x04\x04>");
  assertEquals((await board.tree()).has("/d/"), true);
});

Deno.test("Faults.arriving() damages one byte of each stretch, the same for the same seed", () => {
  const sent = new Uint8Array(60).fill(0x41);
  const arriving = (kind: Corruption, seed: number, pieces: number) => {
    const faults = new Faults();
    faults.corruptLine({ everyBytes: 20, kind, seed });
    const size = sent.length / pieces;
    const arrived = Array.from({ length: pieces }, (_, piece) => [
      ...faults.arriving(sent.slice(piece * size, (piece + 1) * size), piece * size),
    ]).flat();
    assertEquals(faults.corrupted, 3);
    return arrived;
  };
  for (const [kind, length] of [["flip", 60], ["lose", 57], ["double", 63]] as const) {
    assertEquals(arriving(kind, 1, 1).length, length);
    assertEquals(arriving(kind, 1, 1), arriving(kind, 1, 12));
  }
  const flipped = arriving("flip", 1, 1);
  for (const start of [0, 20, 40]) {
    const damaged = flipped.slice(start, start + 20).filter((byte) => byte !== 0x41);
    assertEquals(damaged.length, 1);
    assertEquals(Math.log2((damaged[0] ?? 0) ^ 0x41) % 1, 0);
  }
  assertEquals(arriving("flip", 1, 1).join() === arriving("flip", 2, 1).join(), false);
});
