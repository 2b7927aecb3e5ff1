/** What a board says of its last start. */
import { connectBoard, type Evidence } from "../../serial/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { Probe, startMicrobit, startWasmBoard } from "../boards/mod.ts";
import { testNeeding } from "../needs.ts";
import { failure, files, MAIN, mainRuns } from "./on_board.ts";

const { signal } = new AbortController();

/** Connects, and says how the board started. */
async function evidenceOf(port: string): Promise<Evidence | null> {
  await using board = await connectBoard(port, { signal, readEvidence: true });
  assert(board.capabilities.version !== "");
  return board.evidence;
}

Deno.test("connectBoard() tells why and when a board started", async (t) => {
  await using hardware = await startWasmBoard();
  await t.step("when it was switched on", async () => {
    const evidence = await evidenceOf(hardware.port);
    assertEquals(evidence?.resetCause, "power_on");
    assert(evidence?.uptimeMs !== null && (evidence?.uptimeMs ?? Infinity) < 60_000);
  });
  await t.step("when its program reset it", async () => {
    {
      using probe = new Probe(hardware.port);
      await probe.enterRaw();
      await probe.send("import machine\nmachine.reset()\x04");
      await probe.untilGone();
    }
    await hardware.portBack();
    assertEquals((await evidenceOf(hardware.port))?.resetCause, "hard");
  });
  await t.step("when its watchdog reset it", async () => {
    {
      using probe = new Probe(hardware.port);
      await probe.enterRaw();
      await probe.send("import machine\nmachine.WDT(timeout=50)\nwhile True: pass\x04");
      await probe.untilGone();
    }
    await hardware.portBack();
    assertEquals((await evidenceOf(hardware.port))?.resetCause, "watchdog");
  });
  await t.step("only where asked to", async () => {
    await using board = await connectBoard(hardware.port, { signal });
    assertEquals(board.evidence, null);
  });
});

Deno.test("connectBoard() goes on without evidence when the program left no way to ask", async (t) => {
  const replaced = (body: string) =>
    `import umachine\ndef f():\n ${body}\numachine.reset_cause = f`;
  const spoilt: Readonly<Record<string, string>> = {
    "it hangs": replaced("while True: pass"),
    "it raises": replaced("raise ValueError"),
    "it is no module": "import sys\nsys.modules['umachine'] = 1",
  };
  await using hardware = await startWasmBoard();
  for (const [what, main] of Object.entries(spoilt)) {
    await t.step(`since ${what}`, async () => {
      await hardware.writeFiles(files({ "/main.py": main }));
      await using board = await connectBoard(hardware.port, { signal, readEvidence: true });
      assertEquals(board.evidence?.resetCause ?? null, null);
      assertEquals(board.capabilities.uid, hardware.uid);
    });
  }
});

Deno.test("connectBoard() throws when the cable is pulled while it asks for evidence", async () => {
  await using hardware = await startWasmBoard();
  const connecting = failure(() => connectBoard(hardware.port, { signal, readEvidence: true }));
  await hardware.unplugAfterBytes(300);
  assertEquals((await connecting).code, "port_lost");
});

testNeeding(
  ["micro:bit"],
  "connectBoard() tells when a micro:bit started, which knows no causes",
  async () => {
    await using hardware = await startMicrobit({ files: new Map([["main.py", MAIN]]) });
    const evidence = await evidenceOf(hardware.port);
    assertEquals(evidence?.resetCause, null);
    assert((evidence?.uptimeMs ?? 0) > 0);
    await mainRuns(hardware.port);
  },
);
