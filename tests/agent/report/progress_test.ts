import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { progressLines, showProgress } from "../../../agent/report/progress.ts";
import type { LiveArea, Terminal } from "../../../agent/report/terminal.ts";
import type { ProgressEvent } from "../../../agent/update.ts";
import { outcome } from "../outcomes.ts";

const PLAIN = { columns: 80, rows: 24, color: false };

function staging(doneBytes: number, board = "a") {
  return {
    board,
    port: "/dev/ttyACM0",
    phase: "staging",
    doneBytes,
    totalBytes: 2048,
  } satisfies ProgressEvent;
}

const DONE: ProgressEvent = {
  board: "greenhouse-1",
  port: "/dev/ttyACM0",
  phase: "done",
  outcome: outcome(),
};

/** What was written where, by a terminal that can or cannot be drawn on. */
function recordingTerminal(live: boolean) {
  const record = { out: "", err: "", drawn: [] as (readonly string[])[], closed: false };
  const area: LiveArea = {
    draw: (lines) => record.drawn.push(lines),
    print: (line) => record.err += `${line}\n`,
    close: () => record.closed = true,
  };
  const terminal: Terminal = {
    out: (text) => record.out += text,
    err: (text) => record.err += text,
    outColumns: null,
    outColor: false,
    errColor: false,
    live: live ? () => area : null,
    errSize: () => ({ columns: 80, rows: 24 }),
    release() {},
    flush() {},
  };
  return { record, terminal };
}

Deno.test("progressLines() shows a bar, bytes and percent, names aligned", () => {
  assertEquals(progressLines([staging(1024), DONE], PLAIN), [
    "a             ████████████░░░░░░░░░░░░  50%  1.0 KB of 2.0 KB",
    "greenhouse-1  updated",
  ]);
});

Deno.test("progressLines() never fills a line, which would wrap", () => {
  const [line = ""] = progressLines([staging(0, "x".repeat(200))], PLAIN);
  assertEquals(line.length, 79);
  assert(line.endsWith("…"));
});

Deno.test("progressLines() shows the working boards where not all have room", () => {
  const done = Array.from({ length: 10 }, (_, index) => ({ ...DONE, board: `done-${index}` }));
  const lines = progressLines([...done, staging(0)], { ...PLAIN, rows: 5 });
  assertEquals(lines.length, 3);
  assertIncludes(lines[0] ?? "", "0 B of 2.0 KB");
  assertEquals(lines[2], "… and 9 more, 10 of 11 done");
});

Deno.test("showProgress() draws at most ten times a second, and each change of phase", () => {
  const { record, terminal } = recordingTerminal(true);
  let nowMs = 0;
  const progress = showProgress(terminal, { verbosity: "normal", now: () => nowMs });
  for (let done = 0; done <= 2000; done += 20) {
    progress.onProgress(staging(done));
    nowMs += 10;
  }
  assertEquals(record.drawn.length, 11);
  progress.onProgress({ board: "a", port: "/dev/ttyACM0", phase: "committing" });
  assertEquals(record.drawn.at(-1), ["a  committing"]);
  progress[Symbol.dispose]();
  assert(record.closed);
  assertEquals(record.out, "");
});

Deno.test("showProgress() keeps one line for a board whose name turns out at its port", () => {
  const { record, terminal } = recordingTerminal(true);
  using progress = showProgress(terminal, { verbosity: "normal", now: () => 0 });
  const port = "/dev/ttyACM0";
  progress.onProgress({ board: "ttyACM0", port, phase: "opening" });
  progress.onProgress({ board: "greenhouse-1", port, phase: "inspecting" });
  assertEquals(record.drawn.at(-1), ["greenhouse-1  inspecting"]);
  progress.onProgress({ ...DONE, board: "away-1", port: "" });
  progress.onProgress({ ...DONE, board: "away-2", port: "" });
  assertEquals(record.drawn.at(-1)?.length, 3);
});

Deno.test("showProgress() prints a line for each finished board where there is no terminal", () => {
  const { record, terminal } = recordingTerminal(false);
  using progress = showProgress(terminal, { verbosity: "normal", now: () => 0 });
  progress.log("Release 2.0.1");
  progress.onProgress(staging(0));
  progress.onProgress(DONE);
  assertEquals(record, {
    out: "",
    err: "Release 2.0.1\ngreenhouse-1: updated (2.0.0 -> 2.0.1)\n",
    drawn: [],
    closed: false,
  });
});

Deno.test("showProgress() with verbose prints every step once, on a terminal too", () => {
  const { record, terminal } = recordingTerminal(true);
  using progress = showProgress(terminal, { verbosity: "verbose", now: () => 0 });
  progress.onProgress({ board: "a", port: "/dev/ttyACM0", phase: "inspecting" });
  progress.onProgress(staging(0));
  progress.onProgress(staging(1024));
  assertEquals(record.err, "a on /dev/ttyACM0: inspecting\na on /dev/ttyACM0: staging\n");
});

Deno.test("showProgress() with quiet prints nothing", () => {
  const { record, terminal } = recordingTerminal(true);
  using progress = showProgress(terminal, { verbosity: "quiet", now: () => 0 });
  progress.log("Release 2.0.1");
  progress.onProgress(DONE);
  assertEquals(record, { out: "", err: "", drawn: [], closed: false });
});
