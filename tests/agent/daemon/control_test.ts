/** Commands that ask a gateway through its control socket get what they would get in its process. */
import { assert, assertEquals, assertIncludes, assertRejects } from "../../assert.ts";
import type { ProgressEvent } from "../../../agent/attempts.ts";
import type { Outcome } from "../../../agent/board/outcome.ts";
import { LocalGateway } from "../../../agent/local_gateway.ts";
import type { UpdateRequest } from "../../../agent/update.ts";
import { UotaError } from "../../../errors/mod.ts";
import { startWasmBoard } from "../../boards/mod.ts";
import { startBoardRig } from "../../update/board_rig.ts";
import {
  dataFiles,
  digests,
  type Files,
  onBoard,
  packed,
  PROGRAM,
  sha256,
} from "../../update/firmware.ts";
import { inShort, makeGateway } from "../../update/gateway.ts";
import { never, startControl } from "./control_rig.ts";

const OLD: Files = { "main.py": PROGRAM, "version": "1.0\n" };
const NEW: Files = { "main.py": `# 2.0\n${PROGRAM}`, "data.txt": "new\n", "version": "2.0\n" };

/** Some seconds of work for a board. */
const LARGE: Files = {
  ...dataFiles(12, 20_000),
  "version": "2.0\n",
};

function request(overrides: Partial<UpdateRequest> = {}): UpdateRequest {
  const whole = { selectors: ["all"], versionCheck: true, force: false, dryRun: false, jobs: null };
  return { ...whole, archive: null, ...overrides };
}

Deno.test("a control client gets what the gateway in its process gives", async (t) => {
  await using rig = await startBoardRig(OLD);
  const { config } = rig.gateway;
  const archive = await rig.pack(NEW);
  const local = new LocalGateway(config);
  await using control = await startControl(config, local);
  const { client } = control;

  await t.step("a dry run", async () => {
    const dry = request({ archive, dryRun: true });
    const [there, here] = [await client.update(dry, never()), await local.update(dry, never())];
    assertEquals(there.release, here.release);
    assertEquals(there.boards.map(measuredOnly), here.boards.map(measuredOnly));
  });

  await t.step("an update, with its progress", async () => {
    const events: ProgressEvent[] = [];
    const report = await client.update(request({ archive }), {
      ...never(),
      onProgress: (event) => events.push(event),
    });
    assertEquals(report.boards.map(inShort), ["updated"]);
    assertEquals(report.release?.archive, "firmware.tar.gz");
    assertEquals(report.release?.sha256, sha256(await Deno.readFile(archive)));
    assertEquals(await rig.files(), digests(onBoard(NEW)));
    const phases = events.map(({ phase }) => phase);
    assertEquals(
      [...new Set(phases)],
      ["opening", "inspecting", "staging", "committing", "confirming", "done"],
    );
    const last = events.at(-1);
    assertEquals(last?.phase === "done" && last.outcome, report.boards[0]);
  });

  await t.step("the boards", async () => {
    assertEquals(await client.boards(never()), await local.boards(never()));
  });

  await t.step("status and history", async () => {
    assertEquals(await client.status(never()), await local.status(never()));
    const history = await client.history([], never());
    assertEquals(history, await local.history([], never()));
    assertEquals(history.map(({ outcome }) => outcome), ["updated"]);
    const selected = await client.history([rig.board.uid, "board-*"], never());
    assertEquals(selected, history);
  });

  await t.step("a roll-back that finds nothing to go back to", async () => {
    const [outcome] = await client.rollback({ selectors: ["all"], jobs: 1 }, never());
    assertEquals(outcome && inShort(outcome), "failed no_previous");
  });

  await t.step("what concerns the whole run, as an error", async () => {
    const unknown = () => client.history(["nobody"], never());
    assertEquals((await assertRejects(unknown, UotaError)).code, "unknown_board");
    const nowhere = () => client.update(request({ archive: "/nowhere/x.tar.gz" }), never());
    assertEquals((await assertRejects(nowhere, UotaError)).code, "usage");
    await Deno.writeTextFile(`${rig.gateway.directory}/bad.tar.gz`, "no archive");
    const bad = () =>
      client.update(request({ archive: `${rig.gateway.directory}/bad.tar.gz` }), never());
    assertEquals((await assertRejects(bad, UotaError)).code, "archive_invalid");
    const lost = () =>
      client.update(request({ archive: { name: "x", sha256: "0".repeat(64) } }), never());
    assertIncludes((await assertRejects(lost, UotaError)).message, "no longer kept");
  });
});

/** An outcome without what differs from run to run. */
function measuredOnly({ seconds: _seconds, bytesOnWire: _bytes, ...rest }: Outcome) {
  return rest;
}

Deno.test("a control client hears of progress while the job runs", async () => {
  await using rig = await startBoardRig(OLD);
  let ended = false;
  class Watched extends LocalGateway {
    override async update(...given: Parameters<LocalGateway["update"]>) {
      const report = await super.update(...given);
      ended = true;
      return report;
    }
  }
  const { config } = rig.gateway;
  await using control = await startControl(config, new Watched(config));
  const whileRunning = new Set<string>();
  await control.client.update(request({ archive: await rig.pack(LARGE) }), {
    ...never(),
    onProgress: ({ phase }) => ended || whileRunning.add(phase),
  });
  for (const phase of ["opening", "inspecting", "staging"]) assert(whileRunning.has(phase), phase);
});

Deno.test("a control client that goes away leaves the board whole on the old release", async () => {
  await using rig = await startBoardRig(OLD);
  await using control = await startControl(rig.gateway.config);
  const stop = new AbortController();
  const told: string[] = [];
  const cut = control.client.update(request({ archive: await rig.pack(LARGE) }), {
    signal: stop.signal,
    log: (line) => told.push(line),
    onProgress: ({ phase }) => phase === "staging" && stop.abort(new UotaError("cancelled", "now")),
  });
  assertEquals((await assertRejects(() => cut, UotaError)).message, "now");
  assertIncludes(told.join("\n"), "The daemon was told to stop");

  // The port is free again as soon as the daemon has ended the job; until then the next one waits.
  const next = await waitFor(async () => {
    const { boards: [outcome] } = await control.client.update(
      request({ archive: await rig.pack({ ...OLD, "version": "1.0\n" }), dryRun: true }),
      never(),
    );
    return outcome?.reason?.code === "port_busy" ? null : outcome;
  });
  assertEquals(next.from, "1.0");
  const files = [...await rig.board.files()].filter(([path]) => !path.startsWith("/.uota/"));
  assertEquals(digests(new Map(files)), digests(onBoard(OLD)));
  const history = await control.client.history([], never());
  assertEquals(history.map(({ reason_code: code }) => code), ["cancelled"]);
});

async function waitFor<Value>(look: () => Promise<Value | null | undefined>): Promise<Value> {
  const deadline = performance.now() + 30_000;
  for (;;) {
    const value = await look();
    if (value) return value;
    assert(performance.now() < deadline, "waited for nothing");
  }
}

Deno.test("a daemon that is stopped tells its clients and waits for its jobs", async () => {
  await using rig = await startBoardRig(OLD);
  const control = await startControl(rig.gateway.config);
  const archive = await rig.pack(LARGE);
  const stopped = control.client.update(request({ archive }), {
    ...never(),
    onProgress: ({ phase }) =>
      phase === "staging" && control.root.abort(new UotaError("cancelled", "Stopped by SIGTERM")),
  });
  const error = await assertRejects(() => stopped, UotaError);
  assertEquals(error.code, "daemon_gone");
  assertIncludes(error.message, "Stopped by SIGTERM");
  await control[Symbol.asyncDispose]();
  await assertRejects(() => Deno.lstat(control.path), Deno.errors.NotFound);
  const report = await rig.gateway.update({ archive });
  assertEquals(report.boards.map(inShort), ["updated"]);
});

for (const [signal, code] of [["SIGINT", 130], ["SIGHUP", 129]] as const) {
  Deno.test(`uota update through a daemon stops at ${signal} and says what the daemon does`, async () => {
    await using rig = await startBoardRig(OLD);
    await using control = await startControl(rig.gateway.config);
    const archive = await rig.pack(LARGE);
    const child = rig.gateway.start("update", "--board", "all", "--archive", archive, "--verbose");
    const stdout = child.stdout.text();
    let told = "";
    for await (const part of child.stderr.pipeThrough(new TextDecoderStream())) {
      const before = told;
      told += part;
      if (!/staging/.test(before) && /staging/.test(told)) child.kill(signal);
    }
    assertEquals((await child.status).code, code, told);
    assertEquals(await stdout, "");
    assertIncludes(told, "The daemon was told to stop");
    const [ended] = await waitFor(async () => {
      const history = await control.client.history([], never());
      return history.every(({ outcome }) => outcome !== null) ? history : null;
    });
    assertEquals(ended?.reason_code, "cancelled");
  });
}

Deno.test("uota asks the daemon where one listens, also without rights to its state", async (t) => {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port] });
  const { config } = gateway;
  // The daemon keeps its state elsewhere, so that it shows who did the work.
  const stateDir = `${gateway.directory}/state-of-daemon`;
  await using _control = await startControl({
    ...config,
    gateway: { ...config.gateway, stateDir },
  });
  await Deno.writeTextFile(config.gateway.stateDir, "in the way of a store in any other process");

  await t.step("check", async () => {
    const { code, stdout } = await gateway.run("check", "--json");
    assertEquals([code, JSON.parse(stdout).error.code], [69, "server_unreachable"]);
  });

  await t.step("boards, with progress on stderr", async () => {
    const { code, stdout, stderr } = await gateway.run("boards", "--json", "--verbose");
    assertEquals(code, 0, stderr);
    assertEquals(JSON.parse(stdout)[0].uid, board.uid);
    assertIncludes(stderr, `on ${board.port}: opening`);
  });

  await t.step("update, silently", async () => {
    const archive = `${gateway.directory}/new.tar.gz`;
    await Deno.writeFile(archive, packed(NEW));
    const { code, stdout, stderr } = await gateway.run(
      ...["update", "--board", board.port, "--archive", archive, "--json", "--quiet"],
    );
    assertEquals([code, stderr], [0, ""]);
    assertEquals(JSON.parse(stdout).boards.map(inShort), ["updated"]);
  });

  await t.step("status and history", async () => {
    for (const command of ["status", "history"]) {
      const { code, stdout, stderr } = await gateway.run(command, "--json");
      assertEquals([code, stderr], [0, ""]);
      assertEquals(JSON.parse(stdout)[0].outcome, "updated");
    }
  });
});
