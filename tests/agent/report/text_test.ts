import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { boardsText, updateText } from "../../../agent/report/text.ts";
import { attachedBoard, outcome, untouched } from "../outcomes.ts";

const RELEASE = {
  version: "2.0.1",
  archive: "firmware.tar.gz",
  sha256: "8870f8b3bd8b54437f0a7f721cd3f3fe208e60638dcf36a9f4efe31dab58c548",
  verifiedBy: ["sha256"],
};
const PLAIN = { width: null, color: false };

Deno.test("updateText() aligns columns and puts reasons beneath their boards", () => {
  const boards = [
    outcome(),
    untouched("unreachable", "port_busy", "/dev/ttyACM1 is held by mpremote"),
  ];
  assertEquals(
    updateText({ release: RELEASE, boards }, PLAIN),
    `Release 2.0.1: firmware.tar.gz, SHA-256 8870f8b3bd8b…, verified by sha256

BOARD            PORT          OUTCOME      VERSION         FILES                                     SENT   TIME
greenhouse-1     /dev/ttyACM0  updated      2.0.0 -> 2.0.1  3 of 27 written, 1 deleted, 2 excluded  4.2 KB  1.9 s
board-port_busy  -             unreachable  -               -                                            -  0.0 s
    /dev/ttyACM1 is held by mpremote

2 boards: 1 updated, 1 unreachable
`,
  );
});

Deno.test("updateText() says of a dry run what would happen", () => {
  const board = outcome({
    outcome: "skipped",
    reason: { code: "dry_run", message: "Nothing was written" },
  });
  const text = updateText({ release: RELEASE, boards: [board] }, PLAIN);
  assertIncludes(text, "would update  2.0.0 -> 2.0.1  3 of 27 to write, 1 to delete, 2 excluded");
  assertIncludes(text, "1 board: 1 would update");
});

Deno.test("updateText() fits a narrow terminal and keeps what matters", () => {
  const boards = [untouched("failed", "no_space", "word ".repeat(40).trim()), outcome()];
  const text = updateText({ release: null, boards }, { width: 60, color: false });
  for (const line of text.split("\n")) assert(line.length <= 60, line);
  assertIncludes(text, "greenhouse-1");
  assertIncludes(text, "2.0.0 -> 2.0.1");
});

Deno.test("updateText() colours outcomes only where asked to", () => {
  const report = { release: RELEASE, boards: [outcome()] };
  assert(!updateText(report, PLAIN).includes("\x1b"));
  assertIncludes(updateText(report, { width: null, color: true }), "\x1b[32mupdated");
});

Deno.test("boardsText() shows what boards sent without control characters", () => {
  const text = boardsText([
    attachedBoard({ machine: "evil \x1b[31m", name: "温室" }),
    attachedBoard({ uid: null, freeBytes: null, version: null, group: null }),
  ], PLAIN);
  assert(!text.includes("\x1b"));
  const [title = "", wide = "", narrow = ""] = text.split("\n");
  assertEquals(title.indexOf("UID"), narrow.indexOf("-  ", "greenhouse-1".length));
  assertEquals(wide.indexOf("e66"), title.indexOf("UID") - 2, "a wide letter takes two columns");
});

Deno.test("boardsText() says that there is no board", () => {
  assertEquals(boardsText([], PLAIN), "No board is attached\n");
});
