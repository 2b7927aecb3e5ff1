/** Boards whose programs make it hard to get to a prompt, and ports that somebody else has. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { Probe, startMicrobit, startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "./gateway.ts";
import { mpremoteCommand } from "./mpremote.ts";
import { testNeeding } from "../needs.ts";

const NEW: Files = { "main.py": "print('new')\n", "version": "2.0\n" };
const IDLE = "import time\nwhile True:\n    time.sleep_ms(20)\n";

const HARD: Readonly<Record<string, Files>> = {
  "loops without a pause": { "main.py": "while True: pass\n" },
  "floods": { "main.py": "n = 0\nwhile True:\n    n += 1\n    print('flood', n, '>>> ' * 9)\n" },
  "swallows the first two Ctrl-Cs": {
    "main.py": `import time
left = 2
while left:
    try:
        time.sleep_ms(20)
    except KeyboardInterrupt:
        left -= 1
        print("not now")
while True:
    time.sleep_ms(20)
`,
  },
  "prints while it boots": {
    "main.py": IDLE,
    "boot.py": "for n in range(40):\n    print('booting', n, '\\x01\\x04>>> OK')\n",
  },
  "ends with a traceback": { "main.py": "raise ValueError('>>> raw REPL; CTRL-B to exit')\n" },
  "waits for input": { "main.py": "while True:\n    input('Name? ')\n" },
  "has an endless boot": {
    "main.py": IDLE,
    "boot.py": "import time\nwhile True:\n    time.sleep_ms(20)\n",
  },
};

/** Tells by a file that it does not hear any more. */
const DEAF = `import micropython, time
micropython.kbd_intr(-1)
open("/deaf", "w").close()
while True:
    time.sleep_ms(20)
    print("never")
`;

Deno.test("update() gets to every board that can be got to, and past the one that cannot", async () => {
  await using fleet = new AsyncDisposableStack();
  const boards = new Map<string, WasmBoard>();
  for (const [what, files] of Object.entries(HARD)) {
    const board = await startWasmBoard({ files: onBoard({ version: "1.0", ...files }) });
    boards.set(what, fleet.use(board));
  }
  const pasting = fleet.use(await startWasmBoard({ files: onBoard({ version: "1.0" }) }));
  boards.set("was left in the middle of a paste", pasting);
  await leaveInPaste(pasting.port);
  const deaf = fleet.use(
    await startWasmBoard({ files: onBoard({ version: "1.0", "main.py": DEAF }) }),
  );
  await deaf.treeBecomes((tree) => tree.has("/deaf"));
  const before = digests(await deaf.tree());
  const ports = [deaf.port, ...[...boards.values()].map(({ port }) => port)];
  await using gateway = await makeGateway({ ports });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(NEW));

  const { boards: outcomes } = await gateway.update({ archive, jobs: ports.length });

  const byPort = new Map(outcomes.map((outcome) => [outcome.port, outcome]));
  for (const [what, board] of boards) {
    const outcome = byPort.get(board.port);
    assert(outcome !== undefined);
    assertEquals(inShort(outcome), "updated", `${what}: ${outcome.reason?.message}`);
    assertIncludes(digests(await board.files()).join("\n"), digests(onBoard(NEW)).join("\n"));
  }
  const outcome = byPort.get(deaf.port);
  assert(outcome !== undefined);
  assertEquals(inShort(outcome), "unreachable no_response");
  assertIncludes(outcome.reason?.message ?? "", "Its program does not stop on Ctrl-C");
  // 12 s for getting in and 3 s for leaving, on a machine that may be busy.
  assert(outcome.seconds < 60, `took ${outcome.seconds} s`);
  assertEquals(digests(await deaf.tree()), before);
});

/** What another tool leaves that was killed: a raw-paste with half a script in it. */
async function leaveInPaste(port: string): Promise<void> {
  using probe = new Probe(port);
  await probe.enterRaw();
  await probe.send("\x05A\x01");
  await probe.until("R\x01");
  await probe.send("print('half of a scri");
}

testNeeding(
  ["micro:bit"],
  "update() interrupts a micro:bit that loops without a pause",
  async () => {
    const text = new TextEncoder();
    await using board = await startMicrobit({
      files: new Map([
        ["main.py", text.encode("while True: pass\n")],
        ["version", text.encode("1.0")],
      ]),
    });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(NEW));
    const outcome = onlyOutcome(await gateway.update({ archive }));
    assertEquals([inShort(outcome), outcome.strategy], ["updated", "in_place"]);
  },
);

testNeeding(
  ["mpremote"],
  "uota update leaves a port alone that mpremote holds, and names it",
  async () => {
    const old: Files = { "main.py": IDLE, "version": "1.0" };
    await using held = await startWasmBoard({ files: onBoard(old) });
    await using free = await startWasmBoard({ files: onBoard(old) });
    await using gateway = await makeGateway({ ports: [held.port, free.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(NEW));
    const script = "print('HOLDING')\nimport time\nwhile True: time.sleep_ms(20)";
    const mpremote = mpremoteCommand(held.port, "exec", script).spawn();
    const said = mpremote.stderr.text();
    const output = mpremote.stdout.pipeThrough(new TextDecoderStream()).getReader();
    try {
      let text = "";
      while (!text.includes("HOLDING")) {
        const { done, value } = await output.read();
        if (done) throw new Error(`mpremote has ended: ${await said}`);
        text += value;
      }
      const { code, stdout } = await gateway.run(
        ...["update", "--board", "all", "--archive", archive, "--json"],
      );
      const [first, second] = JSON.parse(stdout).boards;
      assertEquals(code, 75);
      assertEquals([first.outcome, first.reason.code], ["unreachable", "port_busy"]);
      assertIncludes(first.reason.message, "mpremote");
      assertIncludes(first.reason.message, String(mpremote.pid));
      assertEquals(second.outcome, "updated");
      assertEquals(digests(await held.files()), digests(onBoard(old)));
    } finally {
      mpremote.kill("SIGKILL");
      await output.cancel();
      await mpremote.status;
      await said;
    }
    // It left without a word; the next update has to get in all the same.
    const { boards } = await gateway.update({ archive });
    assertEquals(boards.map(inShort), ["updated", "current"]);
  },
);
