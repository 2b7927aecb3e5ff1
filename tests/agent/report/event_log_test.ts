/** What stands on stderr and in the journal, the latter by a real socket and a real stderr. */
import { type DaemonEvent, openEventLog, outcomeEvent } from "../../../agent/report/event_log.ts";
import { MESSAGE_ID } from "../../../agent/report/message_ids.ts";
import type { Terminal } from "../../../agent/report/terminal.ts";
import { withoutUrlSecrets } from "../../../agent/report/url_secrets.ts";
import { assertEquals } from "../../assert.ts";
import { DatagramReceiver } from "../daemon/datagram_receiver.ts";
import { journalStream } from "../daemon/journal_stream.ts";
import { outcome, untouched } from "../outcomes.ts";
import { testNeeding } from "../../needs.ts";

function environment(variables: Readonly<Record<string, string>>) {
  return { get: (name: string) => variables[name] };
}

/** What was written to stderr by a terminal that could show colours. */
function recordingTerminal() {
  const record = { err: "" };
  const terminal: Terminal = {
    out() {},
    err: (text) => record.err += text,
    outColumns: 80,
    outColor: true,
    errColor: true,
    live: null,
    errSize: () => ({ columns: 80, rows: 24 }),
    release() {},
    flush() {},
  };
  return { record, terminal };
}

function written(
  events: readonly DaemonEvent[],
  { env = {}, verbose = false }: {
    readonly env?: Readonly<Record<string, string>>;
    readonly verbose?: boolean;
  } = {},
): string {
  const { record, terminal } = recordingTerminal();
  using log = openEventLog({
    env: environment(env),
    terminal,
    verbose,
    journalSocket: "/nonexistent/journal",
  });
  for (const event of events) log.write(event);
  return record.err;
}

Deno.test("openEventLog() writes a line an event, without prefixes and colours", () => {
  assertEquals(
    written([
      { priority: "info", message: "Watching 2 boards" },
      { priority: "debug", message: "not asked for" },
      outcomeEvent(outcome()),
      outcomeEvent(untouched("failed", "no_space", "Too\nlittle \x1b[31mspace")),
    ]),
    "Watching 2 boards\n" +
      "greenhouse-1: updated (2.0.0 -> 2.0.1)\n" +
      "board-no_space: failed: Too little \\u{1b}[31mspace\n",
  );
});

Deno.test("openEventLog() writes what is for debugging where it is asked to", () => {
  assertEquals(
    written([{ priority: "debug", message: "asked for" }], { verbose: true }),
    "asked for\n",
  );
});

Deno.test("openEventLog() puts sd-daemon's prefixes where stderr is the journal's", async () => {
  const JOURNAL_STREAM = await journalStream();
  assertEquals(
    written(
      [
        { priority: "err", message: "worst" },
        { priority: "warning", message: "bad" },
        { priority: "notice", message: "good" },
        { priority: "info", message: "plain" },
      ],
      { env: { JOURNAL_STREAM } },
    ),
    "<3>worst\n<4>bad\n<5>good\n<6>plain\n",
  );
});

testNeeding(
  ["python3"],
  "openEventLog() sends structured entries to the journal, and nothing to stderr",
  async () => {
    const journalSocket = await Deno.makeTempFile();
    await Deno.remove(journalSocket);
    const { record, terminal } = recordingTerminal();
    await using journald = await DatagramReceiver.bind(journalSocket);
    const env = environment({ JOURNAL_STREAM: await journalStream() });
    using log = openEventLog({ env, terminal, verbose: false, journalSocket });
    log.write(outcomeEvent(untouched("unreachable", "port_busy", "Held\nby mpremote")));
    log.write({
      priority: "warning",
      message: "Cannot reach https://user:word@example.com/a/latest?sig=abc",
      release: "2.0.1",
      messageId: MESSAGE_ID.serverUnreachable,
    });
    assertEquals((await journald.receiveText()).split("\n"), [
      "PRIORITY=4",
      "SYSLOG_IDENTIFIER=uota",
      "MESSAGE=board-port_busy: unreachable: Held by mpremote",
      `MESSAGE_ID=${MESSAGE_ID.boardUnreachable}`,
      "BOARD=board-port_busy",
      "OUTCOME=unreachable",
      "REASON=port_busy",
      "",
    ]);
    assertEquals((await journald.receiveText()).split("\n"), [
      "PRIORITY=4",
      "SYSLOG_IDENTIFIER=uota",
      "MESSAGE=Cannot reach https://example.com/a/latest?…",
      `MESSAGE_ID=${MESSAGE_ID.serverUnreachable}`,
      "RELEASE=2.0.1",
      "",
    ]);
    assertEquals(record.err, "");
    // A secret is gone before the middle of a long text is, which could leave a half of it.
    const url = "https://user:word@example.com/";
    log.write({ priority: "err", message: url.repeat(300) });
    assertEquals((await journald.receiveText()).includes("word"), false);
    await Deno.remove(journalSocket);
    log.write({ priority: "err", message: "not lost" });
    assertEquals(record.err, "<3>not lost\n");
  },
);

Deno.test("withoutUrlSecrets() takes away logins, queries and fragments, and nothing else", () => {
  for (
    const [text, kept] of [
      ["no url", "no url"],
      ["see https://example.com/a/b.", "see https://example.com/a/b."],
      ["at HTTPS://me:s3@example.com:8443/a, again", "at HTTPS://example.com:8443/a, again"],
      ["http://h/latest?sig=a,b&c=d: 404", "http://h/latest?…: 404"],
      ["(http://h/?a=1); http://me@h/x#t=2", "(http://h/?…); http://h/x#…"],
      ['"http://h/?a=1"', '"http://h/?…"'],
      ["http://a:b@c:d@host/", "http://host/"],
      ["https://h/path@2.0/x", "https://h/path@2.0/x"],
      ["mail me@example.com?", "mail me@example.com?"],
    ] as const
  ) {
    assertEquals(withoutUrlSecrets(text), kept);
  }
});

Deno.test("MESSAGE_ID holds different 128-bit ids", () => {
  const ids = Object.values(MESSAGE_ID);
  assertEquals(new Set(ids).size, ids.length);
  for (const id of ids) assertEquals(/^[0-9a-f]{32}$/.test(id), true, id);
});
