/** The daemon under a real systemd: installed by install.sh, with emulated boards and a web server. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { CHECKOUT } from "../install/installer.ts";
import { type Nginx, startNginx } from "../server/nginx.ts";
import {
  digests,
  type Files,
  firmware,
  onBoard,
  packed,
  published,
  versionOn,
} from "../update/firmware.ts";
import { testNeeding } from "../needs.ts";
import { Machine } from "./nspawn.ts";

const INSTALL = "/srv/uota-gateway/install.sh";
const UNIT = "uota-gateway.service";
const CONFIG = "/etc/uota-gateway/gateway.toml";

function publish(server: Nginx, release: Files): Promise<void> {
  return server.publish({ ...published(String(release["version"]), packed(release)) });
}

testNeeding(["machine", "nginx"], "the daemon as a service of a real systemd", async (t) => {
  await using server = await startNginx({ tls: false });
  await publish(server, firmware("1.1.0"));
  await using machine = await Machine.start({ directories: { "/srv/uota-gateway": CHECKOUT } });
  await Deno.mkdir(`${machine.root}/srv/boards`);
  await using board = await startWasmBoard({
    files: onBoard(firmware("1.0.0")),
    link: `${machine.root}/srv/boards/ttyACM0`,
    publish: Machine.publish,
  });
  const configure = (source: string) =>
    Deno.writeTextFile(
      `${machine.root}${CONFIG}`,
      `[source]\nurl = "${source}"\npoll_interval = "1s"\n` +
        `[gateway]\nports = ["/srv/boards/tty*"]\n[defaults]\nconfirm = "500ms"\n`,
    );
  const run = async (...command: readonly string[]): Promise<string> => {
    const { code, stdout, stderr } = await machine.run(command);
    if (code !== 0) {
      const journal = await machine.run(["journalctl", "--output=cat", `--unit=${UNIT}`]);
      throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}\n${journal.stdout}`);
    }
    return stdout;
  };
  const property = async (name: string): Promise<string> =>
    (await run("systemctl", "show", "--value", `--property=${name}`, UNIT)).trim();

  // Each step goes on from where the one before has come to.
  const step = async (name: string, fn: () => Promise<void>) => {
    assert(await t.step(name, fn), `The step failed: ${name}`);
  };

  await step("install.sh starts it, and it is active once it can serve", async () => {
    await Deno.mkdir(`${machine.root}/etc/uota-gateway`);
    await configure(server.url);
    await run(INSTALL);
    assertEquals(await property("ActiveState"), "active");
    assertIncludes(await property("StatusText"), "attached");
    // Whoever is in the group uota may ask; no rights to ports or to the state are needed.
    const status = await run(
      ...["setpriv", "--reuid=nobody", "--regid=uota", "--clear-groups"],
      ...["uota", "status", "--json"],
    );
    assert(Array.isArray(JSON.parse(status)));
  });

  await step("it updates a board without a hand, and each release that follows", async () => {
    await machine.journalShows(UNIT, /1\.0\.0 .*1\.1\.0/);
    assertEquals(await versionOn(board), "1.1.0");
    await publish(server, firmware("1.2.0"));
    await machine.journalShows(UNIT, /1\.1\.0 .*1\.2\.0/);
    assertEquals(await versionOn(board), "1.2.0");
    const fields = await run("journalctl", `--unit=${UNIT}`, "--output=json", "OUTCOME=updated");
    const [first = ""] = fields.split("\n");
    assertEquals(JSON.parse(first).RELEASE, "1.1.0");
    assertEquals(JSON.parse(first).PRIORITY, "5");
  });

  await step("uota update from another shell goes through it", async () => {
    const result = await run(
      ...["setpriv", "--reuid=nobody", "--regid=uota", "--clear-groups"],
      ...["uota", "update", "--board", "all", "--json"],
    );
    const { boards: [outcome] } = JSON.parse(result);
    assertEquals([outcome.outcome, outcome.to], ["current", "1.2.0"]);
  });

  await step("doctor finds it well", async () => {
    const { stdout } = await machine.run(["uota", "doctor", "--json"]);
    const problems = JSON.parse(stdout).filter(({ state }: { state: string }) =>
      state === "problem"
    );
    assertEquals(problems, []);
  });

  await step(
    "killed in the middle of a push, it comes back and the board ends whole",
    async () => {
      const release = firmware("1.3.0", { "big.bin": new Uint8Array(150_000).fill(7) });
      const killed = board.atByte(60_000, async () => {
        await run("systemctl", "kill", "--signal=KILL", UNIT);
      });
      await publish(server, release);
      await killed;
      assertEquals(await versionOn(board), "1.2.0");
      await machine.journalShows(UNIT, /1\.2\.0 .*1\.3\.0/);
      assertEquals(await versionOn(board), "1.3.0");
      const installed = [...await board.files()].filter(([path]) => !path.startsWith("/.uota/"));
      assertEquals(digests(new Map(installed)), digests(onBoard(release)));
      assertEquals(await property("NRestarts"), "1");
    },
  );

  await step("a reload takes another configuration, and leaves a wrong one", async () => {
    const right = await Deno.readTextFile(`${machine.root}${CONFIG}`);
    await Deno.writeTextFile(`${machine.root}${CONFIG}`, right.replace("[source]", "[sauce]"));
    await run("systemctl", "reload", UNIT);
    await machine.journalShows(UNIT, /not used.*sauce/);
    await Deno.writeTextFile(`${machine.root}${CONFIG}`, right);
    await run("systemctl", "reload", UNIT);
    await machine.journalShows(UNIT, /read anew/);
    assertEquals(await property("ActiveState"), "active");
  });

  await step("one that hangs is killed by the watchdog and comes back", async () => {
    await Deno.mkdir(`${machine.root}/etc/systemd/system/${UNIT}.d`, { recursive: true });
    await Deno.writeTextFile(
      `${machine.root}/etc/systemd/system/${UNIT}.d/test.conf`,
      "[Service]\nWatchdogSec=3\nRestartSec=1\n",
    );
    await run("systemctl", "daemon-reload");
    await run("systemctl", "restart", UNIT);
    const before = await property("MainPID");
    await run("kill", "-STOP", before);
    await machine.journalShows(UNIT, /Watchdog timeout[^]*Ready/);
    assert(await property("MainPID") !== before);
    assertEquals(await property("ActiveState"), "active");
  });

  await step("a wrong configuration stops it with 78, for good", async () => {
    await Deno.writeTextFile(`${machine.root}${CONFIG}`, "wrong");
    const { code } = await machine.run(["systemctl", "restart", UNIT]);
    assert(code !== 0);
    assertEquals(
      [await property("ActiveState"), await property("ExecMainStatus")],
      ["failed", "78"],
    );
  });
});
