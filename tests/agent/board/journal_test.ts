import { encodeJournal, isWhole, parseJournalHeader } from "../../../agent/board/journal.ts";
import { planUpdate } from "../../../agent/board/plan.ts";
import { assertEquals } from "../../assert.ts";
import { sha256 } from "../../update/firmware.ts";
import { releaseOf } from "../release/releases.ts";
import { ModelBoard } from "./model_board.ts";

Deno.test("encodeJournal() writes the release, then one line an operation", async () => {
  const board = new ModelBoard(new Map([["old file", "old"], ["main.py", "old"]]));
  const release = await releaseOf({
    "ein Wörterbuch/d 1 x.txt": "x",
    "main.py": "new",
    "uota.cfg": "{'delete': ['old file']}",
    version: "v1.0 beta",
  });
  const plan = planUpdate(board.inspect(release, { excluded: [], deleted: [] }), release);
  const journal = encodeJournal(plan, release);
  const text = new TextDecoder().decode(journal);
  assertEquals(text.split("\n"), [
    `uota-gateway 1 ${release.sha256} v1.0 beta`,
    "d 0 old file",
    "m ein Wörterbuch",
    "p 2 ein Wörterbuch/d 1 x.txt",
    "p 3 main.py",
    "p 4 uota.cfg",
    "p 5 version",
    `end ${sha256(text.slice(0, text.indexOf("end ") + 4))}`,
    "",
  ]);
  assertEquals(parseJournalHeader(journal.subarray(0, 512)), {
    archiveSha256: release.sha256,
    version: "v1.0 beta",
  });
});

Deno.test("parseJournalHeader() reads nothing from a file that is not ours", () => {
  for (
    const text of ["", "x", "uota-gateway 1 abc 1.0\n", "uota-gateway 2 " + "0".repeat(64) + " 1\n"]
  ) {
    assertEquals(parseJournalHeader(new TextEncoder().encode(text)), null);
  }
});

Deno.test("isWhole() takes a journal as it was written, and none that was cut or changed", async () => {
  const release = await releaseOf({ "main.py": "new", version: "2.0" });
  const board = new ModelBoard(new Map());
  const plan = planUpdate(board.inspect(release, { excluded: [], deleted: [] }), release);
  const journal = encodeJournal(plan, release);
  assertEquals(isWhole(journal), true);
  for (let length = 0; length < journal.byteLength; length++) {
    assertEquals(isWhole(journal.subarray(0, length)), false, `of ${length} bytes`);
  }
  for (let at = 0; at < journal.byteLength; at++) {
    const changed = journal.map((byte, index) => index === at ? byte ^ 1 : byte);
    assertEquals(isWhole(changed), false, `changed at ${at}`);
  }
  assertEquals(isWhole(new Uint8Array(journal.byteLength)), false);
});
