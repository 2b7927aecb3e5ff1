/** People and the daemon at the same time: one job a board, whoever asks. */
import { assertEquals, assertIncludes } from "../assert.ts";
import { Transcript } from "../system/transcript.ts";
import { type Files, PROGRAM } from "../update/firmware.ts";
import { testNeeding } from "../needs.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { startOneBoard } from "./one_board.ts";
import { morePolls, polls } from "./polls.ts";

const OLD: Files = { "main.py": PROGRAM, "version": "1.0.0" };
const RELEASE: Files = {
  "main.py": PROGRAM,
  "version": "1.1.0",
  "big.bin": new Uint8Array(60_000).fill(7),
};

testNeeding(
  ["nginx"],
  "two who update at once through the daemon get the same job",
  async () => {
    await using one = await startOneBoard({
      ...{ release: RELEASE, installed: OLD, configure: () => ({ defaults: "auto = false" }) },
    });
    const { server, board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile);
    const update = () => gateway.run("update", "--board", "all", "--json");
    const first = update();
    let second: ReturnType<typeof update> | null = null;
    // The board holds still until the second one has come to the daemon, too.
    await board.atByte(20_000, async () => {
      const before = await polls(server);
      second = update();
      await morePolls(server, 1, before);
    });
    const results = await Promise.all([first, second]);
    const outcomes = results.map((result) => {
      assertEquals(result?.code, 0, result?.stderr);
      return JSON.parse(result?.stdout ?? "").boards[0];
    });
    assertEquals(outcomes[0].outcome, "updated");
    assertEquals(outcomes[1], outcomes[0]);
    assertEquals(daemon.lines.filter((line) => line.includes("1.1.0")).length >= 1, true);
    const { stdout } = await gateway.run("history", "--json");
    assertEquals(JSON.parse(stdout).length, 1);
  },
);

testNeeding(
  ["nginx"],
  "uota rollback goes through the daemon, which then leaves the board alone",
  async () => {
    await using one = await startOneBoard({
      ...{ release: RELEASE, installed: OLD },
      configure: () => ({ source: 'poll_interval = "1s"', confirm: "500ms" }),
    });
    const { server, board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/updated/);
    const status = JSON.parse((await gateway.run("status", "--json")).stdout);
    assertEquals(status.map(({ version }: { version: string }) => version), ["1.1.0"]);
    const back = await gateway.run("rollback", "--board", "all");
    assertIncludes(back.stdout, "1.0.0");
    assertEquals(new TextDecoder().decode((await board.files()).get("/version")), "1.0.0");
    // A release that somebody went back from does not come again by itself.
    await morePolls(server, 3);
    assertEquals(new TextDecoder().decode((await board.files()).get("/version")), "1.0.0");
    assertEquals(await daemon.stop(), { code: 0, signal: null });
  },
);

testNeeding(
  ["nginx"],
  "who joined a job through the daemon keeps it when the first one leaves",
  async () => {
    await using one = await startOneBoard({
      ...{ release: RELEASE, installed: OLD, configure: () => ({ defaults: "auto = false" }) },
    });
    const { board, gateway } = one;
    await using _daemon = await DaemonProcess.start(gateway.configFile);
    const update = () => gateway.start("update", "--board", "all", "--json", "--verbose");
    const first = update();
    const leaving = new Transcript(first.stdout, first.stderr);
    const joining = Promise.withResolvers<Deno.ChildProcess>();
    const told = joining.promise.then(({ stderr }) => new Transcript(stderr));
    await board.atByte(20_000, async () => {
      joining.resolve(update());
      // Who joins is told how far the job is; then the one who began it goes.
      await (await told).until(board.port, 20_000);
      first.kill("SIGINT");
      await Promise.all([first.status, leaving.ended]);
    });
    const second = await joining.promise;
    const answer = await second.stdout.text();
    const { code } = await second.status;
    const { text, ended } = await told;
    await ended;
    assertEquals(code, 0, text);
    const [outcome] = JSON.parse(answer).boards;
    assertEquals([outcome.outcome, outcome.to], ["updated", "1.1.0"]);
    const attempts = JSON.parse((await gateway.run("history", "--json")).stdout);
    assertEquals(attempts.map((attempt: { outcome: string }) => attempt.outcome), ["updated"]);
  },
);
