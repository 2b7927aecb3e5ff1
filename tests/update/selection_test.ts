/** Which boards a run is about, and what differs from board to board. */
import { assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { startNginx } from "../server/nginx.ts";
import { type Files, onBoard, packed, published } from "./firmware.ts";
import { inShort, makeGateway } from "./gateway.ts";
import { testNeeding } from "../needs.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };

function firmware(version: string): Uint8Array {
  return packed({ "main.py": `print(${version})\n`, version });
}

testNeeding(
  ["nginx"],
  "uota update takes each board's own source, pin and name",
  async (t) => {
    await using server = await startNginx({ tls: false });
    await server.publish(published("2.0", firmware("2.0")));
    const other = published("3.0", firmware("3.0"));
    await server.publish({
      "other/latest": other.latest,
      "other/firmware.tar.gz": other["firmware.tar.gz"],
    });
    await server.publish({ "bad/latest": "nonsense" });
    await using plain = await startWasmBoard({ files: onBoard(OLD), uid: "e6614103e7000011" });
    await using pinned = await startWasmBoard({ files: onBoard(OLD), uid: "e6614103e7000012" });
    await using own = await startWasmBoard({ files: onBoard(OLD), uid: "e6614103e7000013" });
    await using refused = await startWasmBoard({ files: onBoard(OLD), uid: "e6614103e7000014" });
    const everything = await makeGateway({
      url: server.url,
      ports: [plain.port, pinned.port, own.port, refused.port],
      boards: `
[[board]]
name = "pinned"
group = "quiet"
match = { uid = "${pinned.uid}" }
pin = "1.0"
[[board]]
name = "own"
group = "loud"
match = { uid = "${own.uid.toUpperCase()}" }
url = "${server.url}other"
[[board]]
name = "refused"
match = { port = "${refused.port}" }
url = "${server.url}bad"
[[board]]
name = "drawer"
match = { uid = "00" }
`,
    });
    await using gateway = everything;
    const run = async (...args: readonly string[]) => {
      const { code, stdout } = await gateway.run(...args, "--json");
      const document = JSON.parse(stdout);
      const boards: (Parameters<typeof inShort>[0] & { name: string })[] = document.boards ?? [];
      return { code, document, ended: boards.map((board) => `${board.name} ${inShort(board)}`) };
    };

    await t.step("boards --json", async () => {
      const { code, stdout } = await gateway.run("boards", "--json");
      assertEquals(code, 0);
      const boards = JSON.parse(stdout);
      assertEquals(boards.map(({ name }: { name: string }) => name), [
        `board-${plain.uid}`,
        "pinned",
        "own",
        "refused",
      ]);
      const { free_bytes: freeBytes, ...second } = boards[1];
      assertEquals(second, {
        name: "pinned",
        uid: pinned.uid,
        port: pinned.port,
        group: "quiet",
        micropython: "1.27.0",
        machine: "JS with Emscripten",
        version: "1.0",
        reason: null,
      });
      assertEquals(typeof freeBytes, "number");
    });
    await t.step("an unknown board", async () => {
      const { code, document } = await run("update", "--board", "pined");
      assertEquals([code, document.error.code], [2, "unknown_board"]);
      assertIncludes(document.error.message, "did you mean pinned?");
      assertIncludes(document.error.message, "drawer (uid 00, not attached)");
    });
    await t.step("a group", async () => {
      const { code, ended } = await run("update", "--board", "group:loud");
      assertEquals([code, ended], [0, ["own updated"]]);
      assertEquals(text(await own.files(), "/version"), "3.0");
    });
    await t.step("a uid and a port", async () => {
      const { code, ended } = await run("update", "--board", pinned.uid, own.port);
      assertEquals([code, ended], [0, ["pinned skipped pinned", "own current"]]);
    });
    await t.step("a board that is in a drawer", async () => {
      const { code, ended } = await run("update", "--board", "drawer");
      assertEquals([code, ended], [75, ["drawer unreachable not_attached"]]);
    });
    await t.step("all, one of which is offered something that is refused", async () => {
      const { code, document, ended } = await run("update", "--board", "all");
      assertEquals(ended, [
        `board-${plain.uid} updated`,
        "pinned skipped pinned",
        "own current",
        "refused failed notice_invalid",
        "drawer unreachable not_attached",
      ]);
      assertEquals([code, document.release.version], [77, "2.0"]);
      assertEquals(text(await pinned.files(), "/version"), "1.0\n");
      assertEquals(text(await plain.files(), "/version"), "2.0");
    });
    await t.step("check, which asks each source once", async () => {
      const before = (await server.log()).length;
      const { ended } = await run("check", "--board", "own", `board-${plain.uid}`);
      assertEquals(ended, [`board-${plain.uid} current`, "own current"]);
      const asked = (await server.log()).slice(before).map(({ uri }) => uri).sort();
      // The archives are kept from the update before.
      assertEquals(asked, ["/latest", "/other/latest"]);
    });
  },
);

function text(files: ReadonlyMap<string, Uint8Array>, path: string): string {
  return new TextDecoder().decode(files.get(path));
}
