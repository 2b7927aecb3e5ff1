/** Connecting to a board, what it can, and how one leaves it. */
import { connectBoard, pause, sha256Hex } from "../../serial/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { Probe, startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { bytesOf } from "./line.ts";
import { ALL_BYTES, failure, files, MAIN, mainRuns, onBoard, pattern } from "./on_board.ts";
import { isMissing } from "../needs.ts";

const { signal } = new AbortController();

Deno.test("connectBoard() tells the capabilities of a board with everything", async () => {
  await onBoard({ uid: "e6614103e7000102" }, (board) => {
    const { freeHeapBytes, machine, platform, ...rest } = board.capabilities;
    assertEquals(rest, {
      implementation: "micropython",
      version: "1.27.0",
      uid: "e6614103e7000102",
      root: "",
      hardReset: true,
      directories: true,
      rename: true,
      statvfs: true,
      sha256: true,
    });
    assert(machine !== null && machine !== "" && platform !== "");
    assert(freeHeapBytes > 100_000 && freeHeapBytes < 192 * 1024);
    return Promise.resolve();
  });
});

Deno.test("connectBoard() finds main.py's file system when nothing is mounted at the root", async () => {
  // What the os module of an stm32 says: the root has no blocks, only mount points.
  const boot = "import os\nreal = os.statvfs\n" +
    "os.statvfs = lambda path: (0,) * 10 if path == '/' else real(path)\nos.chdir('/flash')";
  const tree = { "/boot.py": boot, "/flash/main.py": "pass", "/flash/lib/a.py": "" };
  await onBoard({ files: files(tree) }, async (board, hardware) => {
    assertEquals(board.capabilities.root, "/flash");
    assertEquals(
      (await board.files.walk("", { signal })).map(({ path }) => path).sort(),
      ["lib", "lib/a.py", "main.py"],
    );
    assertEquals((await board.files.walk("lib", { signal })).map(({ path }) => path), ["lib/a.py"]);
    await board.files.writeFiles([{ path: "new", content: bytesOf("1") }], { signal });
    assertEquals((await hardware.files()).get("/flash/new"), bytesOf("1"));
    assert(await board.files.space({ signal }) !== null);
  });
});

Deno.test("connectBoard() throws port_missing when there is no port", async () => {
  const error = await failure(() => connectBoard("/dev/none", { signal }));
  assertEquals(error.code, "port_missing");
});

Deno.test("connectBoard() leaves the port free when the board does not answer", async () => {
  const main = "while True:\n try:\n  while True: pass\n except KeyboardInterrupt: pass";
  await using hardware = await startWasmBoard({ files: files({ "/main.py": main }) });
  for (let attempt = 0; attempt < 2; attempt++) {
    const error = await failure(() => connectBoard(hardware.port, { signal, enterTimeoutMs: 300 }));
    assertEquals(error.code, "no_response");
  }
});

Deno.test("connectBoard() starts main.py again when it is aborted after having stopped it", async () => {
  const main = `from time import sleep_ms
with open("starts", "a") as f: f.write("x")
starts = len(open("starts").read())
try:
    while True:
        print("START", starts)
        sleep_ms(50)
except KeyboardInterrupt:
    open("stopped", "w").close()
    for i in range(60):
        try: sleep_ms(10)
        except KeyboardInterrupt: pass
`;
  await using hardware = await startWasmBoard({ files: files({ "/main.py": main }) });
  {
    using probe = new Probe(hardware.port);
    await probe.until("START 1");
  }
  const controller = new AbortController();
  const reason = new Error("enough");
  const connecting = assertRejects(
    () => connectBoard(hardware.port, { signal: controller.signal }),
    Error,
  );
  while (!(await hardware.files()).has("/stopped")) await pause(10, signal);
  // The program takes 600 ms to end, and there is no prompt before.
  controller.abort(reason);
  assertEquals(await connecting, reason);
  using probe = new Probe(hardware.port);
  await probe.until("START 2");
});

Deno.test("Board's disposal starts main.py again", async (t) => {
  await using hardware = await startWasmBoard({ files: files({ "/main.py": MAIN }) });
  await t.step("when nothing was done", async () => {
    {
      await using _board = await connectBoard(hardware.port, { signal });
    }
    await mainRuns(hardware.port);
  });
  await t.step("when a request failed", async () => {
    await failure(async () => {
      await using board = await connectBoard(hardware.port, { signal });
      await board.files.readFile("none", { signal });
    });
    await mainRuns(hardware.port);
  });
  await t.step("when writing was aborted", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const error = await assertRejects(async () => {
      await using board = await connectBoard(hardware.port, { signal });
      await board.files.writeFiles([{ path: "big", content: pattern(200_000) }], {
        signal: controller.signal,
        // When the next chunk has begun with its request for raw-paste.
        onProgress: () => void queueMicrotask(() => controller.abort(reason)),
      });
    }, Error);
    assertEquals(error, reason);
    await mainRuns(hardware.port);
  });
  await t.step("when it was restarted by hand, not once more", async () => {
    {
      await using board = await connectBoard(hardware.port, { signal });
      await board.restartProgram({ signal });
    }
    await mainRuns(hardware.port);
  });
});

Deno.test("Board's disposal does not wait when the cable was pulled", async () => {
  await using hardware = await startWasmBoard();
  const board = await connectBoard(hardware.port, { signal });
  await hardware.unplug();
  assertEquals((await failure(() => board.files.stat(["f"], { signal }))).code, "port_lost");
  const begun = performance.now();
  await board[Symbol.asyncDispose]();
  assert(performance.now() - begun < 2500, "waited for a board that is gone");
});

Deno.test("Board.hardReset() tells that the port went away when USB starts anew", async () => {
  await using hardware = await startWasmBoard({ files: files({ "/main.py": MAIN }) });
  {
    await using board = await connectBoard(hardware.port, { signal });
    assertEquals(await board.hardReset({ signal }), true);
  }
  await hardware.portBack();
  await mainRuns(hardware.port);
});

Deno.test({
  name: "Board does on a micro:bit what its 1.9 and 9 KB allow",
  ignore: isMissing(["micro:bit"], "what serial/ does with a micro:bit"),
  fn: async (t) => {
    await using hardware = await startMicrobit({ files: new Map([["main.py", MAIN]]) });
    {
      await using board = await connectBoard(hardware.port, { signal });
      await t.step("capabilities", () => {
        const { uid, freeHeapBytes, machine, ...rest } = board.capabilities;
        assertEquals(rest, {
          implementation: "micropython",
          version: "1.9.2",
          platform: "microbit",
          root: null,
          hardReset: true,
          directories: false,
          rename: false,
          statvfs: false,
          sha256: false,
        });
        assert(uid !== null && machine !== null && freeHeapBytes < 9500);
      });
      await t.step("files", async () => {
        const contents = {
          "all.bin": ALL_BYTES,
          "it's.txt": bytesOf("1"),
          "empty": new Uint8Array(),
          "long.bin": pattern(2000),
        };
        const entries = Object.entries(contents).map(([path, content]) => ({ path, content }));
        await board.files.writeFiles(entries, { signal });
        assertEquals(
          await board.files.describe([...Object.keys(contents), "none"], { signal }),
          [
            ...entries.map(({ content }) => ({
              kind: "file" as const,
              sizeBytes: content.byteLength,
              sha256: sha256Hex(content),
            })),
            { kind: "missing" },
          ],
        );
        assertEquals(
          (await board.files.walk("", { signal })).map(({ path }) => path).sort(),
          ["main.py", ...Object.keys(contents)].sort(),
        );
        for (const path of Object.keys(contents)) await board.files.removeTree(path, { signal });
        assertEquals(await board.files.stat(["all.bin"], { signal }), [{ kind: "missing" }]);
        assertEquals(await board.files.space({ signal }), null);
      });
    }
    await t.step("its program runs again", () => mainRuns(hardware.port));
    await t.step("a hard reset leaves the port", async () => {
      {
        await using board = await connectBoard(hardware.port, { signal });
        assertEquals(await board.hardReset({ signal }), false);
      }
      await mainRuns(hardware.port);
    });
  },
});
