/** The way of boards without directories and rename, when it does not go well. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { Probe, startMicrobit } from "../boards/mod.ts";
import { type Files, onBoard, packed } from "./firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "./gateway.ts";
import { mpremoteCommand } from "./mpremote.ts";
import { testNeeding } from "../needs.ts";

const OLD: Files = {
  "main.py": "print('old')\n",
  "a.py": "a = 1\n".repeat(20),
  "b.py": "b = 1\n",
  "version": "1.0\n",
};
const NEW: Files = {
  "main.py": "print('new')\n",
  "a.py": "a = 2\n".repeat(60),
  "b.py": "b = 2\n".repeat(60),
  "c.py": "c = 2\n".repeat(30),
  "version": "2.0\n",
};

const PRINT_SIZES = "import os\nfor f in sorted(os.listdir()): print('SIZE', f, os.size(f))";

async function sizesOnBoard(port: string): Promise<readonly string[]> {
  const { stdout } = await mpremoteCommand(port, "exec", PRINT_SIZES).output();
  const lines = new TextDecoder().decode(stdout).split("\r\n");
  return lines.filter((line) => line.startsWith("SIZE ")).map((line) => line.slice(5));
}

function sizesOf(files: Files): readonly string[] {
  return Object.entries(files).map(([path, { length }]) => `${path} ${length}`).sort();
}

testNeeding(
  ["micro:bit", "mpremote"],
  "update() puts the old files back when it is stopped in the middle of a micro:bit",
  async () => {
    await using board = await startMicrobit({ files: onMicrobit(OLD) });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(NEW));
    const stop = new AbortController();
    const stopped = gateway.update({ archive }, {
      signal: stop.signal,
      // Something has changed by then, and in the next turn a script for the next file is under way.
      onProgress: ({ phase }) => {
        if (phase === "staging") setTimeout(() => stop.abort(), 0);
      },
    });
    await stopped.then(() => assert(false, "was not stopped"), (error) => {
      assertEquals(error, stop.signal.reason);
    });
    assertEquals(await sizesOnBoard(board.port), sizesOf(OLD));
    const outcome = onlyOutcome(await gateway.update({ archive }));
    assertEquals([inShort(outcome), outcome.from], ["updated", "1.0"]);
    assertEquals(await sizesOnBoard(board.port), sizesOf(NEW));
  },
);

const RUNNING: Files = {
  ...OLD,
  "main.py": "from microbit import sleep\nprint('old runs')\nwhile True: sleep(20)\n",
};
const WATCHED: Files = {
  ...NEW,
  "main.py": "from microbit import sleep\nprint('new runs')\nwhile True: sleep(20)\n",
};

testNeeding(
  ["micro:bit", "mpremote"],
  "update() goes back in place when main.py raises on a micro:bit, and the old program runs again",
  async () => {
    await using board = await startMicrobit({ files: onMicrobit(RUNNING) });
    await using gateway = await makeGateway({ ports: [board.port], confirm: "3s" });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed({ ...NEW, "main.py": "print('new')\n1/0\n" }));
    const outcome = onlyOutcome(await gateway.update({ archive }));
    assertEquals([inShort(outcome), outcome.strategy], ["rolled_back app_failed", "in_place"]);
    assertIncludes(outcome.reason?.message ?? "", "ZeroDivisionError");
    await runsAgain(board.port);
    assertEquals(await sizesOnBoard(board.port), sizesOf(RUNNING));
    const again = onlyOutcome(await gateway.update({ archive }));
    assertEquals(inShort(again), "skipped known_bad");
  },
);

testNeeding(
  ["micro:bit", "mpremote"],
  "rollback() takes a micro:bit back to the release that the gateway installed before",
  async () => {
    await using board = await startMicrobit({ files: onMicrobit(RUNNING) });
    await using gateway = await makeGateway({ ports: [board.port], confirm: "500ms" });
    const install = async (files: Files) => {
      const archive = `${gateway.directory}/firmware.tar.gz`;
      await Deno.writeFile(archive, packed(files));
      return inShort(onlyOutcome(await gateway.update({ archive })));
    };
    assertEquals(await install({ ...RUNNING, "version": "1.5\n" }), "updated");
    assertEquals(await install(WATCHED), "updated");
    const { code, stdout, stderr } = await gateway.run("rollback", "--board", "all", "--json");
    assertEquals(code, 0, stdout + stderr);
    const [outcome] = JSON.parse(stdout).boards;
    assertEquals([outcome.outcome, outcome.from, outcome.to], ["updated", "2.0", "1.5"]);
    await runsAgain(board.port);
    assertEquals(await sizesOnBoard(board.port), sizesOf({ ...RUNNING, "version": "1.5\n" }));
  },
);

function onMicrobit(files: Files): Map<string, Uint8Array> {
  return new Map([...onBoard(files)].map(([path, content]) => [path.slice(1), content]));
}

/** A program that runs is one that a Ctrl-C stops. */
async function runsAgain(port: string): Promise<void> {
  using probe = new Probe(port);
  await probe.send("\x03");
  await probe.until("KeyboardInterrupt");
}
