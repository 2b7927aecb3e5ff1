/** Which boards are asked who they are, and so disturbed, and which are left alone. */
import { chooseBoards } from "../../../agent/fleet/choose.ts";
import { UotaError } from "../../../errors/mod.ts";
import { assertEquals, assertIncludes, assertRejects } from "../../assert.ts";
import { watchPort } from "../../boards/port_watch.ts";
import { startWasmBoard } from "../../boards/mod.ts";
import { makeGateway } from "../../update/gateway.ts";

Deno.test("chooseBoards() asks boards only where nothing else tells", async (t) => {
  await using north = await startWasmBoard({ uid: "e6614103e7000001" });
  await using south = await startWasmBoard({ uid: "e6614103e7000002" });
  await using gateway = await makeGateway({
    ports: [north.port, south.port],
    boards: `
[[board]]
name = "north"
group = "field"
match = { port = "${north.port}" }
[[board]]
name = "south"
group = "by-uid"
match = { uid = "${south.uid}" }
`,
  });
  const { config } = gateway;
  using watchNorth = await watchPort(north.port);
  using watchSouth = await watchPort(south.port);
  const choose = async (...selectors: readonly string[]) => {
    const boards = await chooseBoards(config, selectors, {
      signal: new AbortController().signal,
      jobs: 8,
    });
    const asked = [
      ...(watchNorth.seen().written ? ["north"] : []),
      ...(watchSouth.seen().written ? ["south"] : []),
    ];
    return { chosen: boards.map(({ name }) => name), asked };
  };

  await t.step("not for a name that a port tells", async () => {
    assertEquals(await choose("north"), { chosen: ["north"], asked: [] });
  });
  await t.step("not for a port, whatever hangs there", async () => {
    const { chosen, asked } = await choose(north.port);
    assertEquals([chosen, asked], [["north"], []]);
    assertEquals((await choose(south.port)).asked, []);
  });
  await t.step("not for a group of boards that are known", async () => {
    assertEquals(await choose("group:field"), { chosen: ["north"], asked: [] });
  });
  await t.step("not for all", async () => {
    assertEquals((await choose("all")).asked, []);
  });
  await t.step("for a name that only a uid tells, and only those not yet known", async () => {
    assertEquals(await choose("south"), { chosen: ["south"], asked: ["south"] });
  });
  await t.step("for a uid", async () => {
    assertEquals(await choose(south.uid), { chosen: ["south"], asked: ["south"] });
  });
  await t.step("for a group that may have them", async () => {
    assertEquals(await choose("group:by-uid"), { chosen: ["south"], asked: ["south"] });
  });
  await t.step("for a pattern of names", async () => {
    assertEquals(await choose("s*"), { chosen: ["south"], asked: ["south"] });
  });
  await t.step("and says which there are when none is meant", async () => {
    const error = await assertRejects(() => choose("sooth"), UotaError);
    assertEquals(error.code, "unknown_board");
    assertIncludes(error.message, "did you mean south?");
    assertIncludes(error.message, `south (uid ${south.uid}, ${south.port}, group:by-uid)`);
  });
});

Deno.test("chooseBoards() keeps a board that cannot be asked, by its port's name", async () => {
  await using board = await startWasmBoard({ uid: "e6614103e7000003" });
  await using gateway = await makeGateway({ ports: ["/dev/null", board.port] });
  const boards = await chooseBoards(gateway.config, ["board-*", "null"], {
    signal: new AbortController().signal,
    jobs: 8,
  });
  assertEquals(boards.map(({ name }) => name), ["null", "board-e6614103e7000003"]);
});
