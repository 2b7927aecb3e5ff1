/** No publication that is refused disturbs a board: its port is not even opened. */
import { exitCodeOfError } from "../../agent/exit_code.ts";
import { UotaError } from "../../errors/mod.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { watchPort } from "../boards/port_watch.ts";
import { startNginx } from "../server/nginx.ts";
import { digests, onBoard, packed, published } from "./firmware.ts";
import { makeGateway } from "./gateway.ts";
import { testNeeding } from "../needs.ts";
import { REFUSALS } from "./refused_releases.ts";

testNeeding(["nginx"], "update() refuses a hostile or broken publication", async (t) => {
  await using server = await startNginx({ tls: false });
  await using board = await startWasmBoard({
    files: onBoard({ "main.py": "print('old')\n", "boot.py": "x = 1\n", version: "1.0" }),
  });
  const before = digests(await board.tree());
  await using gateway = await makeGateway({ url: server.url, ports: [board.port] });
  using watch = await watchPort(board.port);
  const messages = new Map<string, string>();
  for (const [what, { files, code, message }] of Object.entries(REFUSALS)) {
    await t.step(what, async () => {
      await server.publish(files);
      const error = await assertRejects(() => gateway.update(), UotaError);
      assertEquals(error.code, code, error.message);
      assert(message.test(error.message), error.message);
      assertEquals(exitCodeOfError(error), 77);
      assert(error.message.length < 500, `a message of ${error.message.length} characters`);
      assertEquals(messages.get(error.message), undefined, "the message of another refusal");
      messages.set(error.message, what);
      assertEquals(watch.seen(), { opened: false, written: false });
    });
  }
  assertEquals(digests(await board.tree()), before);
  await t.step("and takes a good one after all of them", async () => {
    const content = packed({ "main.py": "print('new')\n", version: "2.0" });
    await server.publish(published("2.0", content));
    const { boards } = await gateway.update();
    assertEquals(boards.map(({ outcome }) => outcome), ["updated"]);
    assertEquals(watch.seen(), { opened: true, written: true });
  });
});
