/** A board that dawdles costs the other boards a while at most, and is left whole itself. */
import { symlink } from "node:fs/promises";
import { UotaError } from "../../errors/mod.ts";
import { Daemon } from "../../agent/daemon/daemon.ts";
import { Claims } from "../../agent/fleet/claims.ts";
import { Turns } from "../../agent/fleet/turns.ts";
import type { ProgressEvent } from "../../agent/attempts.ts";
import { Memory } from "../../agent/memory.ts";
import { surveyBoards } from "../../agent/survey.ts";
import { pause } from "../../serial/mod.ts";
import { assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { ManualClock } from "../manual_clock.ts";
import { Line } from "../serial/line.ts";
import { awaitEntry, RAW_PASTE_REQUEST, takePaste } from "../serial/raw_repl_device.ts";
import { testNeeding } from "../needs.ts";
import { startNginx } from "../server/nginx.ts";
import { firmware, onBoard, packed, published } from "./firmware.ts";
import { type Gateway, inShort, makeGateway } from "./gateway.ts";

const OLD = firmware("1.0.0");
const NEW = firmware("2.0.0", { "a.py": "a = 2\n" });
/** More than a step is allowed, of any kind. */
const LONG_MS = 60 * 60_000;
const DRIP_MS = 50;

/** A device that is interrupted as a board is, and then says a byte now and then, for ever. */
async function dawdle(line: Line, { onSlow }: { readonly onSlow: () => void }): Promise<void> {
  await awaitEntry(line);
  await line.until("\x04");
  await line.write("OK\r\nMPY: soft reboot\r\nraw REPL; CTRL-B to exit\r\n>");
  await line.until(RAW_PASTE_REQUEST);
  await takePaste(line, 128);
  onSlow();
  while (true) {
    await line.write(".");
    await pause(DRIP_MS, new AbortController().signal);
    line.takeReceived();
  }
}

interface Pair extends AsyncDisposable {
  readonly gateway: Gateway;
  readonly archive: string;
  readonly clock: ManualClock;
  readonly slowPort: string;
  readonly healthyPort: string;
}

/** A port whose board dawdles, first by name, and another one with a board as it should be. */
async function startPair(options: { readonly url?: string } = {}): Promise<Pair> {
  await using stack = new AsyncDisposableStack();
  const directory = await Deno.makeTempDir({ prefix: "uota-slow-" });
  stack.defer(() => Deno.remove(directory, { recursive: true }));
  const [slowPort, healthyPort] = [`${directory}/ttyA`, `${directory}/ttyB`];
  const clock = new ManualClock();
  stack.use(await startWasmBoard({ files: onBoard(OLD), link: healthyPort }));
  const line = new Line();
  await symlink(line.path, slowPort);
  const device = dawdle(line, { onSlow: () => clock.advance(LONG_MS) });
  stack.defer(async () => {
    await line[Symbol.asyncDispose]();
    // It goes on until its line is closed.
    await device.catch(() => {});
  });
  const gateway = stack.use(await makeGateway({ ...options, ports: [`${directory}/tty*`] }));
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed(NEW));
  const all = stack.move();
  return {
    ...{ gateway, archive, clock, slowPort, healthyPort },
    [Symbol.asyncDispose]: () => all.disposeAsync(),
  };
}

Deno.test("update() with one job ends a visit that dawdles, and updates the next board", async () => {
  await using pair = await startPair();
  const { boards } = await pair.gateway.update(
    { archive: pair.archive, jobs: 1 },
    { clock: pair.clock },
  );
  assertEquals(boards.map(inShort), ["unreachable too_slow", "updated"]);
  assertIncludes(boards[0]?.reason?.message ?? "", `The board on ${pair.slowPort} is too slow`);
});

Deno.test("surveyBoards() with one job asks the next board after one that dawdles", async () => {
  await using pair = await startPair();
  const { config } = pair.gateway;
  const boards = await surveyBoards(
    { ...config, gateway: { ...config.gateway, jobs: 1 } },
    { signal: new AbortController().signal, clock: pair.clock },
  );
  assertEquals(boards.map(({ reason }) => reason?.code ?? null), ["too_slow", null]);
  assertEquals(boards[1]?.version, "1.0.0");
});

testNeeding(
  ["nginx"],
  "Daemon with one job updates the next board, and tells of the one that dawdles once",
  async () => {
    await using server = await startNginx({ tls: false });
    await server.publish({ ...published("2.0.0", packed(NEW)) });
    await using pair = await startPair({ url: server.url });
    const { gateway: { config }, clock, slowPort } = pair;
    const stop = new AbortController();
    const updated = Promise.withResolvers<void>();
    const told: string[] = [];
    const daemon = new Daemon({
      config: { ...config, gateway: { ...config.gateway, jobs: 1 } },
      loadConfig: () => Promise.resolve(config),
      events: {
        write({ message, outcome }) {
          told.push(message);
          if (outcome?.outcome === "updated") updated.resolve();
        },
        [Symbol.dispose]() {},
      },
      ...{ manager: null, signal: stop.signal, random: () => 0, clock },
      serve: () => Promise.resolve(new AsyncDisposableStack()),
    });
    const running = daemon.run();
    await Promise.race([updated.promise, running]);
    stop.abort(new UotaError("cancelled", "The test is over"));
    await running;
    const slow = told.filter((message) => message.includes(`${slowPort} takes longer than it may`));
    assertEquals(slow.length, 1, told.join("\n"));
  },
);

/** Two boards, the first of which is held in the middle of its commit, for as long as it takes. */
for (const where of ["in a daemon", "without a daemon"] as const) {
  Deno.test(`a board that dawdles in its commit gives its place to the next one ${where}`, async () => {
    const directory = await Deno.makeTempDir({ prefix: "uota-slow-" });
    await using slow = await startWasmBoard({ files: onBoard(OLD), link: `${directory}/ttyA` });
    await using _other = await startWasmBoard({ files: onBoard(OLD), link: `${directory}/ttyB` });
    await using gateway = await makeGateway({ ports: [`${directory}/tty*`] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(NEW));
    const clock = new ManualClock();
    using memory = Memory.open(gateway.config.gateway.stateDir, () => {});
    const overdue: string[] = [];
    const turns = new Turns({ jobs: 1, onOverdue: (key) => overdue.push(key) });
    const otherEnded = Promise.withResolvers<void>();
    const ended: string[] = [];
    let held: Promise<void> | null = null;
    const onProgress = (event: ProgressEvent) => {
      if (event.phase === "done") ended.push(event.port);
      if (event.phase === "done" && event.port === `${directory}/ttyB`) otherEnded.resolve();
      if (event.phase !== "committing" || event.port !== slow.port) return;
      held ??= slow.atChange(2, async () => {
        clock.advance(LONG_MS);
        await otherEnded.promise;
      });
    };
    const shared = where === "in a daemon" ? { turns, memory, claims: new Claims() } : undefined;
    const { boards } = await gateway.update({ archive, jobs: 1 }, { clock, onProgress, shared });
    await held;
    assertEquals(boards.map(inShort), ["updated", "updated"]);
    assertEquals(ended, [`${directory}/ttyB`, `${directory}/ttyA`]);
    assertEquals(overdue, where === "in a daemon" ? [slow.port] : []);
    await Deno.remove(directory, { recursive: true });
  });
}
