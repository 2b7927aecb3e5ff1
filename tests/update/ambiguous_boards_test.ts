/** Two ports with one unique_id, and two entries of the configuration for one board. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { inShort, makeGateway } from "./gateway.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };
const NEW: Files = {
  "main.py": "print('new')\n",
  "data.bin": new Uint8Array(60_000).fill(7),
  "version": "2.0\n",
};
const UID = "e6614103e7000001";

Deno.test("update() leaves two boards alone that say the same unique_id, and updates a third", async () => {
  await using first = await startWasmBoard({ files: onBoard(OLD), uid: UID });
  await using second = await startWasmBoard({ files: onBoard(OLD), uid: UID });
  await using third = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [first.port, second.port, third.port] });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(NEW));
  const { boards } = await gateway.update({ archive });
  assertEquals(boards.map(inShort), [
    "failed ambiguous_board",
    "failed ambiguous_board",
    "updated",
  ]);
  for (const [index, port] of [first.port, second.port].entries()) {
    assertIncludes(boards[0]?.reason?.message ?? "", port);
    assertIncludes(boards[1]?.reason?.message ?? "", port);
    assertEquals(boards[index]?.port, port);
  }
  for (const board of [first, second]) {
    assertEquals(digests(await board.files()), digests(onBoard(OLD)));
  }
  assertEquals(digests(await third.files()), digests(onBoard(NEW)));
  await second.unplug();
  const [alone] = (await gateway.update({ archive, selectors: [first.port] })).boards;
  assert(alone !== undefined);
  assertEquals(inShort(alone), "updated");
});

Deno.test("update() one after the other stops at the second board with a unique_id, and names the first", async () => {
  await using first = await startWasmBoard({ files: onBoard(OLD), uid: UID });
  await using second = await startWasmBoard({ files: onBoard(OLD), uid: UID });
  await using gateway = await makeGateway({ ports: [first.port, second.port] });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(NEW));
  const { boards } = await gateway.update({ archive, jobs: 1 });
  assertEquals(boards.map(inShort), ["updated", "failed ambiguous_board"]);
  assertIncludes(boards[1]?.reason?.message ?? "", first.port);
  assertEquals(digests(await second.files()), digests(onBoard(OLD)));
});

Deno.test("update() says which two entries of the configuration match one board", async (t) => {
  await using board = await startWasmBoard({ files: onBoard(OLD), uid: UID });
  await using gateway = await makeGateway({
    ports: [board.port],
    boards: `
[[board]]
name = "by-port"
match = { port = "${board.port}" }
[[board]]
name = "by-uid"
match = { uid = "${UID}" }
`,
  });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(NEW));
  await t.step("of all boards", async () => {
    const { boards } = await gateway.update({ archive });
    assertEquals(boards.map((one) => [one.name, inShort(one)]), [
      ["by-port", "updated"],
      ["by-uid", "failed ambiguous_board"],
    ]);
    assertIncludes(boards[1]?.reason?.message ?? "", "by-port");
  });
});
