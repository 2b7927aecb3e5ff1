/** Text from boards and servers, as it reaches terminals and journals. */
import { LONGEST_TEXT, shortened } from "../../../errors/shown_text.ts";
import { checksText } from "../../../agent/report/checks_text.ts";
import { openEventLog, outcomeEvent } from "../../../agent/report/event_log.ts";
import { showProgress } from "../../../agent/report/progress.ts";
import type { Terminal } from "../../../agent/report/terminal.ts";
import { boardsText, updateText } from "../../../agent/report/text.ts";
import { shown, shownLines } from "../../../agent/report/words.ts";
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { attachedBoard, outcome, untouched } from "../outcomes.ts";

/** Each of them turns, breaks, hides or moves something, or is no character at all. */
const UNSHOWABLE = [0x00, 0x07, 0x09, 0x0d, 0x1b, 0x7f, 0x85, 0x9b, 0xad, 0x34f, 0x61c, 0x115f]
  .concat(0x180e, 0x200b, 0x200c, 0x200d, 0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202b, 0x202c)
  .concat(0x202d, 0x202e, 0x2060, 0x2066, 0x2067, 0x2068, 0x2069, 0x206f, 0x3164, 0xd800, 0xdfff)
  .concat(0xfe0f, 0xfeff, 0xfff9, 0xe0001, 0xe0041, 0xe0100);
const PLAIN = { width: null, color: false };
const EVIL = "evil\u202egnp.\u2066\u{e0041}\ud800\x1b[31m\u2028x";
const ESCAPED = String.raw`evil\u{202e}gnp.\u{2066}\u{e0041}\u{d800}\u{1b}[31m\u{2028}x`;

Deno.test("shown() escapes what cannot be seen, and leaves letters of all scripts alone", () => {
  for (const code of UNSHOWABLE) {
    assertEquals(shown(`a${String.fromCodePoint(code)}b`), `a\\u{${code.toString(16)}}b`);
  }
  assertEquals(shown("Größe 温室 حديقة 🌱"), "Größe 温室 حديقة 🌱");
});

Deno.test("shown() keeps different names different", () => {
  const names = [
    "a",
    "a\u200b",
    "a\u200d",
    "a\\u{200b}",
    "a\\u{5c}u{200b}",
    "a?",
    "a\x07",
    "a\x08",
  ];
  assertEquals(new Set(names.map(shown)).size, names.length);
});

Deno.test("shownLines() breaks lines where the text does, and nowhere else", () => {
  assertEquals(shownLines("a\r\nb\n\u2028c\u0085d\re"), [
    "a",
    "b",
    String.raw`\u{2028}c\u{85}d\u{d}e`,
  ]);
});

Deno.test("shortened() keeps the beginning and the end, and says how much is left out", () => {
  assertEquals(shortened("x".repeat(LONGEST_TEXT)), "x".repeat(LONGEST_TEXT));
  const text = `begin${"🌱".repeat(50_000)}end`;
  const short = shortened(text, 9);
  assertEquals(short, "begin🌱… (49999 characters left out) …end");
  assert(new TextEncoder().encode(shortened(text)).length <= 8192);
});

function recordingTerminal(): { readonly terminal: Terminal; readonly err: () => string } {
  let err = "";
  const terminal: Terminal = {
    out() {},
    err: (text) => err += text,
    outColumns: null,
    outColor: false,
    errColor: false,
    live: null,
    errSize: () => ({ columns: 80, rows: 24 }),
    release() {},
    flush() {},
  };
  return { terminal, err: () => err };
}

/** What each way of showing makes of a text in every place that boards and servers can fill. */
const WAYS: Readonly<Record<string, (text: string) => string>> = {
  "updateText()": (text) =>
    updateText({
      release: { version: text, archive: text, sha256: "0".repeat(64), verifiedBy: [] },
      boards: [untouched("failed", "no_space", text), outcome({ name: text, from: text })],
    }, PLAIN),
  "boardsText()": (text) =>
    boardsText([attachedBoard({ name: text, machine: text, version: text })], PLAIN),
  "checksText()": (text) =>
    checksText([{ check: "server", state: "problem", message: text, mend: text }], PLAIN),
  "openEventLog()": (text) => {
    const { terminal, err } = recordingTerminal();
    using log = openEventLog({ env: { get: () => undefined }, terminal, verbose: true });
    log.write(outcomeEvent(untouched("failed", "no_space", text)));
    return err();
  },
  "showProgress()": (text) => {
    const { terminal, err } = recordingTerminal();
    using progress = showProgress(terminal, { verbosity: "verbose", now: () => 0 });
    progress.log(text);
    progress.onProgress({ board: text, port: text, phase: "opening" });
    return err();
  },
};

for (const [way, show] of Object.entries(WAYS)) {
  Deno.test(`${way} shows nothing that turns, breaks or hides its lines`, () => {
    const text = show(EVIL);
    const visible = text.replaceAll("\n", "");
    assert(!UNSHOWABLE.some((code) => visible.includes(String.fromCodePoint(code))));
    assert(text.isWellFormed());
    assertIncludes(text, ESCAPED);
    const lines = text.split("\n").length;
    assertEquals(lines, show("evil").split("\n").length);
  });

  Deno.test(`${way} shows some of a text of many KB`, () => {
    const text = show(`${"x".repeat(100_000)} the end`);
    assert(text.length < 20_000, `${text.length} characters`);
    assertIncludes(text, "the end");
  });
}
