import { assertEquals } from "../../assert.ts";
import { boardsJson, errorJson, updateJson } from "../../../agent/report/json.ts";
import { UotaError } from "../../../errors/mod.ts";
import { attachedBoard, outcome, untouched } from "../outcomes.ts";

Deno.test("updateJson() prints the document of the interface, keys in its order", () => {
  const release = {
    version: "2.0.1",
    archive: "firmware.tar.gz",
    sha256: "8870",
    verifiedBy: ["sha256"],
  };
  assertEquals(
    updateJson({ release, boards: [outcome({ seconds: 1.90001 })] }),
    `{"release":{"version":"2.0.1","archive":"firmware.tar.gz","sha256":"8870",` +
      `"verified_by":["sha256"]},` +
      `"boards":[{"name":"greenhouse-1","uid":"e6614103e7","port":"/dev/ttyACM0",` +
      `"outcome":"updated","from":"2.0.0","to":"2.0.1","offered":"2.0.1","reason":null,"strategy":"staged",` +
      `"files":{"written":3,"unchanged":24,"deleted":1,"excluded":2},` +
      `"bytes_on_wire":4312,"seconds":1.9}]}\n`,
  );
});

Deno.test("updateJson() has null for what is not known", () => {
  const [board] = JSON.parse(updateJson({
    release: null,
    boards: [untouched("unreachable", "port_busy", "held by mpremote")],
  })).boards;
  assertEquals(board.uid, null);
  assertEquals(board.strategy, null);
  assertEquals(board.reason, { code: "port_busy", message: "held by mpremote" });
});

Deno.test("boardsJson() prints an array with the same names for the same things", () => {
  assertEquals(
    boardsJson([attachedBoard()]),
    `[{"name":"greenhouse-1","uid":"e6614103e7","port":"/dev/ttyACM0","group":"greenhouse",` +
      `"micropython":"1.27.0","machine":"Raspberry Pi Pico with RP2040","version":"2.0.1",` +
      `"free_bytes":868352,"reason":null}]\n`,
  );
});

Deno.test("errorJson() prints code and message", () => {
  assertEquals(
    errorJson(new UotaError("hash_mismatch", "It differs")),
    `{"error":{"code":"hash_mismatch","message":"It differs"}}\n`,
  );
});

Deno.test("boardsJson() says with escapes what cannot be seen, and means the same", () => {
  const name = "温室\u202e\u200b\u2028\u{e0041}\x1b[31m\ud800 🌱";
  const json = boardsJson([attachedBoard({ name })]);
  assertEquals(JSON.parse(json)[0].name, name);
  assertEquals(
    json.slice(0, json.indexOf(",")),
    String.raw`[{"name":"温室\u202e\u200b\u2028\udb40\udc41\u001b[31m\ud800 🌱"`,
  );
});
