/** Files on a board: content, names, space, memory. */
import { sha256Hex } from "../../serial/mod.ts";
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { bytesOf } from "./line.ts";
import { ALL_BYTES, failure, files, onBoard, pattern } from "./on_board.ts";

const { signal } = new AbortController();

Deno.test("Board.files.writeFiles() and Board.files.readFile() keep every content", async () => {
  await onBoard({}, async (board, hardware) => {
    const contents = {
      "empty": new Uint8Array(),
      "all.bin": ALL_BYTES,
      "page.bin": pattern(4096),
      "page and a byte": pattern(4097),
      "traps.bin": bytesOf("\x03\x04\x01\x02\r\n'\"\\b'\\x00\x037"),
    };
    const entries = Object.entries(contents).map(([path, content]) => ({ path, content }));
    let written = 0;
    await board.files.writeFiles(entries, { signal, onProgress: (bytes) => written += bytes });
    assertEquals(written, entries.reduce((sum, { content }) => sum + content.byteLength, 0));
    for (const { path, content } of entries) {
      assertEquals(await board.files.readFile(path, { signal }), content);
      assertEquals((await hardware.files()).get(`/${path}`), content);
    }
    assertEquals(
      await board.files.describe(entries.map(({ path }) => path), { signal }),
      entries.map(({ content }) => ({
        kind: "file" as const,
        sizeBytes: content.byteLength,
        sha256: sha256Hex(content),
      })),
    );
  });
});

Deno.test("Board.files.writeFiles() writes 300 KB and replaces what was there", async () => {
  await onBoard({ files: files({ "/big": "old" }) }, async (board) => {
    const content = pattern(300 * 1024);
    await board.files.writeFiles([{ path: "big", content }], { signal });
    assertEquals(await board.files.describe(["big"], { signal }), [
      { kind: "file", sizeBytes: content.byteLength, sha256: sha256Hex(content) },
    ]);
  });
});

Deno.test("Board takes any name for files and directories", async () => {
  const names = ["with space", "it's", 'say "no"', `both '"`, "back\\slash", "grüße 🐍", "{}%s"]
    .concat("n".repeat(255));
  await onBoard({}, async (board, hardware) => {
    const directories = names.map((name) => `d-${name}`.slice(0, 255));
    const paths = names.map((name, index) => `${directories[index]}/${name}`);
    await board.files.makeDirectories(directories, { signal });
    await board.files.writeFiles(paths.map((path) => ({ path, content: bytesOf("1") })), {
      signal,
    });
    assertEquals([...(await hardware.files()).keys()].sort(), paths.map((p) => `/${p}`).sort());
    assertEquals(
      (await board.files.stat([...paths, ...directories], { signal })).map(({ kind }) => kind),
      [...paths.map(() => "file" as const), ...directories.map(() => "directory" as const)],
    );
    assertEquals(
      (await board.files.walk("", { signal })).map(({ path }) => path).sort(),
      [...paths, ...directories].sort(),
    );
    for (const path of paths) {
      assertEquals(await board.files.readFile(path, { signal }), bytesOf("1"));
      await board.files.rename(path, "moved", { signal });
      assertEquals(await board.files.stat([path, "moved"], { signal }), [
        { kind: "missing" },
        { kind: "file", sizeBytes: 1 },
      ]);
      await board.files.removeTree("moved", { signal });
    }
    for (const directory of directories) await board.files.removeTree(directory, { signal });
    assertEquals([...(await hardware.tree()).keys()], []);
  });
});

Deno.test("Board.files.walk() and Board.files.removeTree() take whole trees", async () => {
  const tree = { "/a/b/c.py": "1", "/a/d.py": "2", "/e.py": "3" };
  await onBoard({ files: files(tree) }, async (board) => {
    const entries = await board.files.walk("", { signal });
    assertEquals(
      entries.map(({ kind, path }) => `${kind} ${path}`).sort(),
      ["directory a", "directory a/b", "file a/b/c.py", "file a/d.py", "file e.py"],
    );
    const at = (path: string) => entries.findIndex((entry) => entry.path === path);
    assert(at("a") < at("a/b") && at("a/b") < at("a/b/c.py"), "a child before its parent");
    assertEquals((await board.files.walk("a/b", { signal })).map(({ path }) => path), ["a/b/c.py"]);
    await board.files.removeTree("a", { signal });
    await board.files.removeTree("a", { signal });
    await board.files.removeTree("e.py", { signal });
    assertEquals(await board.files.walk("", { signal }), []);
  });
});

Deno.test("Board.files.describe() tells missing, directories and files apart", async () => {
  await onBoard({ files: files({ "/a/f": "1", "/f": "" }) }, async (board) => {
    const paths = ["a", "a/f", "a/none", "f", "f/below a file", "none", "none/none"];
    assertEquals(
      (await board.files.describe(paths, { signal })).map(({ kind }) => kind),
      ["directory", "file", "missing", "file", "missing", "missing", "missing"],
    );
    assertEquals(await board.files.describe([], { signal }), []);
    const many = Array.from({ length: 300 }, (_, index) => `missing-${index}`);
    assertEquals((await board.files.stat(many, { signal })).length, 300);
  });
});

Deno.test("Board.files.makeDirectories() leaves those that exist", async () => {
  await onBoard({ files: files({ "/a/f": "1" }) }, async (board, hardware) => {
    await board.files.makeDirectories(["a", "a/b", "a/b/c"], { signal });
    assertEquals([...(await hardware.tree()).keys()].sort(), ["/a/", "/a/b/", "/a/b/c/", "/a/f"]);
  });
});

Deno.test("Board.files.space() tells the flash's blocks", async () => {
  await onBoard({ flashBytes: 64 * 1024 }, async (board) => {
    assertEquals(await board.files.space({ signal }), {
      blockBytes: 4096,
      totalBlocks: 16,
      freeBlocks: 14,
    });
  });
});

Deno.test("Board.files.readFile() throws board_error with the board's own words when nothing is there", async () => {
  await onBoard({}, async (board) => {
    const error = await failure(() => board.files.readFile("none", { signal }));
    assertEquals(error.code, "board_error");
    assertIncludes(error.message, "ENOENT");
    assertIncludes(error.message, board.path);
  });
});

Deno.test("Board.files.writeFiles() throws no_space when the flash is full, and the board works on", async () => {
  await onBoard({ flashBytes: 64 * 1024 }, async (board) => {
    const big = { path: "big", content: pattern(100_000) };
    assertEquals((await failure(() => board.files.writeFiles([big], { signal }))).code, "no_space");
    await board.files.removeTree("big", { signal });
    await board.files.writeFiles([{ path: "small", content: pattern(1000) }], { signal });
    assertEquals(await board.files.readFile("small", { signal }), pattern(1000));
  });
});

Deno.test("Board.files.writeFiles() writes 100 KB when the board has 24 KB of heap", async () => {
  await onBoard({ heapBytes: 28 * 1024 }, async (board) => {
    const { freeHeapBytes } = board.capabilities;
    assert(freeHeapBytes < 25 * 1024, `${freeHeapBytes} bytes of heap`);
    const content = pattern(100 * 1024);
    await board.files.writeFiles([{ path: "big", content }], { signal });
    assertEquals(await board.files.readFile("big", { signal }), content);
  });
});

Deno.test("Board.files.writeFiles() makes its chunks smaller when the heap is in pieces", async () => {
  // Half of the heap is free, in pieces of 1 KB: a chunk of the size that their sum suggests fits
  // nowhere.
  const boot = "import gc\nhog = []\ntry:\n while True: hog.append(bytearray(1024))\n" +
    "except MemoryError: pass\nfor i in range(0, len(hog), 2): hog[i] = None\ngc.collect()";
  await onBoard({ files: files({ "/boot.py": boot }) }, async (board) => {
    const before = board.files.chunkBytes;
    const content = pattern(10_000);
    let written = 0;
    const onProgress = (bytes: number) => void (written += bytes);
    await board.files.writeFiles([{ path: "f", content }], { signal, onProgress });
    assert(board.files.chunkBytes < before, `${board.files.chunkBytes} of ${before}`);
    assertEquals(await board.files.readFile("f", { signal }), content);
    assertEquals(written, content.byteLength);
  });
});

Deno.test("Board.files.writeFiles() tells each byte once when memory runs out in the middle of a file", async () => {
  const boot = "import builtins\nreal = open\nleft = 5\n" +
    "class Scarce:\n def __init__(self, *a): self.f = real(*a)\n" +
    " def __enter__(self): return self\n def __exit__(self, *a): self.f.close()\n" +
    " def seek(self, *a): return self.f.seek(*a)\n def write(self, data):\n  global left\n  left -= 1\n" +
    "  if left == 0: raise MemoryError()\n  return self.f.write(data)\nbuiltins.open = Scarce";
  await onBoard({ files: files({ "/boot.py": boot }) }, async (board, hardware) => {
    const content = pattern(10 * board.files.chunkBytes);
    const steps: number[] = [];
    const onProgress = (bytes: number) => void steps.push(bytes);
    const entries = [{ path: "small", content: pattern(10) }, { path: "f", content }];
    await board.files.writeFiles(entries, { signal, onProgress });
    assertEquals((await hardware.files()).get("/f"), content);
    assertEquals(steps.reduce((sum, bytes) => sum + bytes), content.byteLength + 10);
    assert(steps.every((bytes) => bytes > 0));
  });
});

Deno.test("Board's replies are its own when the program prints in the background", async () => {
  const boot = "import os\nreal = os.stat\n" +
    "def noisy(path):\n print('tick', end='')\n print('f\\t1\\t2')\n return real(path)\nos.stat = noisy";
  await onBoard({ files: files({ "/boot.py": boot, "/f": "123" }) }, async (board) => {
    assertEquals(await board.files.stat(["f", "none"], { signal }), [
      { kind: "file", sizeBytes: 3 },
      { kind: "missing" },
    ]);
  });
});
