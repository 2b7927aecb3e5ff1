/** An update that is cut short leaves the old release running, and the next one goes on from there. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { Probe } from "../boards/mod.ts";
import { startBoardRig } from "./board_rig.ts";
import { dataFiles, digests, type Files, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const PROGRAM = `import time
print("OLD PROGRAM")
while True:
    time.sleep_ms(20)
`;
const OLD: Files = { "main.py": PROGRAM, "version": "1.0\n" };

/** Some seconds of work for a board, in files that are done one after the other. */
const NEW: Files = {
  ...dataFiles(12, 20_000),
  "version": "2.0\n",
};
const EXPECTED = digests(onBoard({ ...OLD, ...NEW }));
const ALL_BYTES = 12 * 20_000;

Deno.test("uota update stopped by SIGINT leaves the old release, which runs again", async () => {
  await using rig = await startBoardRig(OLD);
  const archive = await rig.pack(NEW);
  const child = rig.gateway.start(
    ...["update", "--board", "all", "--archive", archive, "--verbose", "--json"],
  );
  const stdout = child.stdout.text();
  let told = "";
  for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
    const before = told;
    told += part;
    if (!/staging/.test(before) && /staging/.test(told)) child.kill("SIGINT");
  }
  assertEquals((await child.status).code, 130, told);
  assertEquals(JSON.parse(await stdout).error.code, "cancelled");
  const files = [...await rig.board.files()].filter(([path]) => !path.startsWith("/.uota/"));
  assertEquals(digests(new Map(files)), digests(onBoard(OLD)));
  {
    using probe = new Probe(rig.board.port);
    await probe.send("\x03");
    await probe.until("KeyboardInterrupt");
  }
  assertEquals(inShort(await rig.install(NEW)), "updated");
  assertEquals(await rig.files(), EXPECTED);
});

Deno.test("update() sends nothing again that an earlier attempt staged", async () => {
  await using rig = await startBoardRig(OLD);
  const stop = new AbortController();
  const half = rig.install(NEW, {}, {
    signal: stop.signal,
    onProgress: (event) => {
      if (event.phase === "staging" && event.doneBytes > ALL_BYTES / 2) stop.abort();
    },
  });
  await half.then(() => assert(false, "was not stopped"), (error) => {
    assertEquals(error, stop.signal.reason);
  });
  const done: number[] = [];
  const outcome = await rig.install(NEW, {}, {
    onProgress: (event) => {
      if (event.phase === "staging") done.push(event.doneBytes);
    },
  });
  assertEquals(inShort(outcome), "updated");
  assertEquals(await rig.files(), EXPECTED);
  assert((done[0] ?? 0) >= ALL_BYTES / 2 - 20_000, `began with ${done[0]} bytes there`);
  assert(outcome.bytesOnWire < ALL_BYTES * 0.65, `${outcome.bytesOnWire} bytes were sent`);
});

Deno.test("update() of a board whose cable is pulled ends, and the next one completes it", async () => {
  await using rig = await startBoardRig(OLD);
  let pulled: Promise<void> | null = null;
  const outcome = await rig.install(NEW, {}, {
    onProgress: (event) => {
      if (event.phase === "staging" && event.doneBytes > ALL_BYTES / 3) {
        pulled ??= rig.board.unplug();
      }
    },
  });
  await pulled;
  assertEquals(inShort(outcome), "unreachable port_lost");
  assertIncludes(outcome.reason?.message ?? "", "check the cable");
  await rig.board.plug();
  const again = await rig.install(NEW);
  assertEquals([inShort(again), again.from], ["updated", "1.0"]);
  assert(again.bytesOnWire < ALL_BYTES * 0.85, `${again.bytesOnWire} bytes were sent`);
  assertEquals(await rig.files(), EXPECTED);
});
