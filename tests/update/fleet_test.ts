/** The main job: a release from a web server, on every board of a gateway, by one command. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { startNginx } from "../server/nginx.ts";
import { digests, type Files, onBoard, packedByTar, PROGRAM, sha256 } from "./firmware.ts";
import { makeGateway } from "./gateway.ts";
import { mpremoteCommand, readBack } from "./mpremote.ts";
import { testNeeding } from "../needs.ts";

const RELEASE: Files = {
  "main.py": `# Release 2.0.1\n${PROGRAM}`,
  "greeting.py": "GREETING = 'Grüß Gott'\n",
  "version": "2.0.1\n",
};

testNeeding(
  ["nginx", "micro:bit", "mpremote", "tar", "gzip"],
  "uota update brings two boards and a micro:bit to what tar packed and a hand wrote",
  async (t) => {
    await using server = await startNginx({ tls: false });
    const archive = await packedByTar(RELEASE);
    await server.publish({
      "firmware.tar.gz": archive,
      "latest": `2.0.1;firmware.tar.gz;0;${sha256(archive)}\n`,
    });
    const old: Files = { "main.py": PROGRAM, "version": "2.0.0\n", "own.txt": "stays\n" };
    await using north = await startWasmBoard({ files: onBoard(old), uid: "e6614103e7000001" });
    await using south = await startWasmBoard({ files: onBoard(old), uid: "e6614103e7000002" });
    await using microbit = await startMicrobit({
      files: new Map([
        ["main.py", new TextEncoder().encode("while True: pass\n")],
        ["version", new TextEncoder().encode("2.0.0")],
      ]),
    });
    await using gateway = await makeGateway({
      url: server.url,
      ports: [north.port, south.port, microbit.port],
      boards: `
[[board]]
name = "north"
match = { uid = "${north.uid}" }
[[board]]
name = "pocket"
match = { port = "${microbit.port}" }
`,
    });

    await t.step("the first run updates all three", async () => {
      const { code, stdout, stderr } = await gateway.run("update", "--board", "all", "--json");
      assertEquals(code, 0, stderr);
      const document = JSON.parse(stdout);
      assertEquals(Object.keys(document), ["release", "boards"]);
      assertEquals(document.release, {
        version: "2.0.1",
        archive: "firmware.tar.gz",
        sha256: sha256(archive),
        verified_by: ["sha256"],
      });
      const versions = { from: "2.0.0", to: "2.0.1", offered: "2.0.1" };
      const expected = { outcome: "updated", ...versions, reason: null };
      const files = { written: 3, unchanged: 0, deleted: 0, excluded: 0 };
      assertEquals(document.boards.map(withoutMeasurements), [
        { name: "north", uid: north.uid, port: north.port, ...expected, strategy: "staged", files },
        {
          name: `board-${south.uid}`,
          uid: south.uid,
          port: south.port,
          ...expected,
          strategy: "staged",
          files,
        },
        {
          name: "pocket",
          uid: document.boards[2].uid,
          port: microbit.port,
          ...expected,
          strategy: "in_place",
          files,
        },
      ]);
      assert(/^[0-9a-f]+$/.test(document.boards[2].uid));
    });

    await t.step("mpremote reads back the release and what was there besides", async () => {
      const expected = digests(onBoard({ ...old, ...RELEASE }));
      assertEquals(await readBack(north.port), expected);
      assertEquals(await readBack(south.port), expected);
      const script = "print(open('version').read(), open('greeting.py').read())";
      const { stdout } = await mpremoteCommand(microbit.port, "exec", script).output();
      assertIncludes(new TextDecoder().decode(stdout), "2.0.1\r\n GREETING = 'Grüß Gott'\r\n");
    });

    await t.step("the second run finds all three current", async () => {
      const { code, stdout } = await gateway.run("--json", "update", "--board", "all");
      assertEquals(code, 0);
      const { boards } = JSON.parse(stdout);
      assertEquals(
        boards.map((board: Record<string, unknown>) => [board.outcome, board.from, board.strategy]),
        Array.from({ length: 3 }, () => ["current", "2.0.1", null]),
      );
    });
  },
);

/** A board of the document without what differs from run to run, which has to be plausible. */
function withoutMeasurements(board: Record<string, unknown>): Record<string, unknown> {
  const { bytes_on_wire: bytesOnWire, seconds, ...rest } = board;
  assert(typeof bytesOnWire === "number" && bytesOnWire > 500 && bytesOnWire < 20_000);
  assert(typeof seconds === "number" && seconds > 0 && seconds < 60);
  assertEquals(Object.keys(board).slice(-3), ["files", "bytes_on_wire", "seconds"]);
  return rest;
}

testNeeding(
  ["mpremote", "tar", "gzip"],
  "uota update leaves exactly the archive less the excluded and the deleted",
  async () => {
    const before: Files = {
      "main.py": PROGRAM,
      "version": "1.0",
      "wifi/secrets.py": "KEY = 'mine'\n",
      "wifi/certs/ca.pem": "mine\n",
      "old/a.py": "a = 1\n",
      "old/deep/b.py": "b = 1\n",
      "lib/gone.py": "g = 1\n",
      "uota.cfg": "{'excluded_files': ['wifi/certs', 'local.json']}",
      "local.json": "{}",
    };
    const release: Files = {
      "main.py": PROGRAM + "# 2\n",
      "version": "2.0",
      "wifi/secrets.py": "KEY = 'default'\n",
      "wifi/certs/ca.pem": "default\n",
      "wifi/connect.py": "c = 1\n",
      "lib/new/deep/er.py": "n = 1\n",
      "lib/unwanted.py": "installed and deleted by the same release\n",
      "local.json": "{'default': 1}",
      "uota.cfg": "{'delete': ['old', '/lib/gone.py', b'lib/unwanted.py', 'never/was']}",
    };
    await using board = await startWasmBoard({ files: onBoard(before) });
    await using gateway = await makeGateway({
      ports: [board.port],
      defaults: `exclude = ["wifi/secrets.py"]`,
    });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, await packedByTar(release));
    const { code, stdout } = await gateway.run(
      ...["update", "--board", "all", "--archive", archive, "--json"],
    );
    assertEquals(code, 0, stdout);
    assertEquals(JSON.parse(stdout).boards[0].files, {
      written: 5,
      unchanged: 0,
      deleted: 3,
      excluded: 3,
    });
    const { "lib/unwanted.py": _, ...installed } = release;
    const expected = digests(onBoard({
      ...installed,
      "wifi/secrets.py": "KEY = 'mine'\n",
      "wifi/certs/ca.pem": "mine\n",
      "local.json": "{}",
    }));
    const directories = ["/lib/", "/lib/new/", "/lib/new/deep/", "/wifi/", "/wifi/certs/"];
    assertEquals(await readBack(board.port), [...expected, ...directories].sort());
  },
);
