/** Which directory of a board an update is about. */
import { connectBoard } from "../../serial/mod.ts";
import { scripts } from "../../serial/script.ts";
import { assertEquals } from "../assert.ts";
import { Probe, startWasmBoard } from "../boards/mod.ts";
import { bytesOf } from "./line.ts";
import { files } from "./on_board.ts";

const { signal } = new AbortController();
const BOOT = "import os\nos.chdir('/app')";

/** What is on the board besides boot.py, and the root that follows. */
const ROWS: readonly (readonly [string, readonly string[], string])[] = [
  ["has its program there", ["/app/main.py"], "/app"],
  ["has nothing there", ["/app/data"], "/app"],
  ["has an open transaction there", ["/app/.uota/journal", "/version"], "/app"],
  ["has an open transaction at the root", ["/.uota/journal", "/app/version"], ""],
  ["has open transactions in both", ["/.uota/journal", "/app/.uota/journal", "/version"], "/app"],
  ["has a version there", ["/app/version", "/version"], "/app"],
  ["has a release from the root on", ["/version", "/app/main.py"], ""],
  ["has a compiled release from the root on", ["/version", "/app/main.mpy"], ""],
  ["has programs in both", ["/version", "/main.py", "/app/main.py"], "/app"],
  ["has a version at the root and no program", ["/version", "/app/data"], "/app"],
];

Deno.test("connectBoard() follows boot.py to the directory of its program when the board", async (t) => {
  for (const [what, paths, root] of ROWS) {
    await t.step(what, async () => {
      const tree = Object.fromEntries(paths.map((path) => [path, "x = 1"]));
      await using hardware = await startWasmBoard({ files: files({ ...tree, "/boot.py": BOOT }) });
      await using board = await connectBoard(hardware.port, { signal });
      assertEquals(board.capabilities.root, root);
      await board.files.writeFiles([{ path: "new", content: bytesOf("1") }], { signal });
      assertEquals((await hardware.files()).get(`${root}/new`), bytesOf("1"));
    });
  }
});

Deno.test("connectBoard() keeps the root that it is given when boot.py goes elsewhere", async () => {
  const tree = { "/boot.py": BOOT, "/app/main.py": "x = 1" };
  await using hardware = await startWasmBoard({ files: files(tree) });
  {
    await using board = await connectBoard(hardware.port, { signal, root: "" });
    assertEquals(board.capabilities.root, "");
  }
  await using board = await connectBoard(hardware.port, { signal, root: undefined });
  assertEquals(board.capabilities.root, "/app");
});

/** What the os module of other ports says; this board's own cannot be made to say it. */
const PORTS: readonly (readonly [string, string, string])[] = [
  ["an stm32", "cwd = '/flash'\nblocks = {'/': 0, '/flash': 9}\nnames = ['flash']", "/flash"],
  [
    "an stm32 with an SD card",
    "cwd = '/sd'\nblocks = {'/': 0, '/sd': 8}\nnames = ['flash', 'sd']",
    "/sd",
  ],
  ["an stm32 whose boot.py went up", "cwd = '/'\nblocks = {'/': 0}\nnames = ['flash']", "/flash"],
  ["an rp2 with a directory flash", "cwd = '/'\nblocks = {'/': 9}\nnames = ['flash']", "/"],
];

Deno.test("probe_root.py tells where the file system is mounted on", async (t) => {
  await using hardware = await startWasmBoard();
  using probe = new Probe(hardware.port);
  await probe.enterRaw();
  const source = new TextDecoder().decode(scripts.probeRoot);
  for (const [what, state, root] of PORTS) {
    await t.step(what, async () => {
      const os = `class OS:\n def getcwd(self): return cwd\n def statvfs(self, p):` +
        ` return (p and 0, 0, blocks[p])\n def listdir(self, p): return names\n`;
      const script = `${state}\n${os}def load(n): return OS()\nreply = print\n${source}`;
      assertEquals(await probe.print(script), `root ${root}\r\nhere ${root}`);
    });
  }
});
