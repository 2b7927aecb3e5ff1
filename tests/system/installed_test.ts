/** `sudo ./install.sh` under a real systemd: what it sets up, starts, leaves alone and takes away. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { CHECKOUT } from "../install/installer.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { testNeeding } from "../needs.ts";
import { Machine } from "./nspawn.ts";

const INSTALL = "/srv/uota-gateway/install.sh";
const UNIT = "uota-gateway.service";
const CONFIGURATION = '[source]\nurl = "http://127.0.0.1:9/"\n';
/** Runs another command of uota in the daemon's place, with all that the unit forbids. */
const ONE_COMMAND = ["[Service]", "Type=oneshot", "ExecStart=", "Restart=no"];

testNeeding(["machine", "systemd-analyze"], "install.sh under a real systemd", async (t) => {
  await using machine = await Machine.start({
    directories: { "/srv/uota-gateway": CHECKOUT },
  });
  const untouched = await allFiles(machine);
  // Each step goes on from where the one before has come to.
  const step = async (name: string, fn: (machine: Machine) => Promise<void>) => {
    assert(await t.step(name, () => fn(machine)), `The step failed: ${name}`);
  };
  await step("sets up a system that has no source yet", setsUp);
  await step("has a unit that lets uota at its boards", letsAtBoards);
  await step("has a unit that gives up on a wrong configuration", givesUp);
  await step(
    "--uninstall leaves configuration and state, and their user's to root",
    () => uninstalls(machine, untouched),
  );
});

async function setsUp(machine: Machine): Promise<void> {
  const installed = await machine.run([INSTALL]);
  assertEquals(installed.code, 0, installed.stderr);
  assertIncludes(installed.stderr, "sudo systemctl enable --now uota-gateway");
  assertEquals(await show(machine, "ActiveState", "UnitFileState"), ["inactive", "disabled"]);
  const user = await machine.run(["getent", "passwd", "uota"]);
  assertIncludes(user.stdout, ":/var/lib/uota-gateway:/usr/sbin/nologin");
  assertEquals((await machine.run(["id", "-Gn", "uota"])).stdout, "uota dialout\n");
  const rights = await machine.run(["stat", "-c", "%a %U:%G", "/etc/uota-gateway/gateway.toml"]);
  assertEquals(rights.stdout, "640 root:uota\n");
  const verified = await machine.run(["systemd-analyze", "verify", "--man=no", UNIT]);
  assertEquals(verified.code, 0, verified.stderr);

  const before = await allFiles(machine);
  const again = await machine.run([INSTALL]);
  assertEquals(again.code, 0, again.stderr);
  assertEquals(await allFiles(machine), before);
}

async function letsAtBoards(machine: Machine): Promise<void> {
  await using board = await startWasmBoard();
  await machine.plug(board.port, "ttyACM0");
  await configure(machine);
  await dropIn(machine, [
    ...ONE_COMMAND,
    "ExecStart=/usr/local/bin/uota boards --json",
    "ExecStart=/usr/local/bin/uota status --json",
  ]);
  // A store that root has made, in a directory that is uota's already: it must become uota's.
  const owner = ["--owner=uota", "--group=uota", "--mode=750"];
  await mustRun(machine, ["install", "--directory", ...owner, "/var/lib/uota-gateway"]);
  await mustRun(machine, ["/usr/local/bin/uota", "status"]);

  const started = await machine.run(["systemctl", "start", UNIT]);
  const journal = await mustRun(machine, ["journalctl", "--output=cat", `--unit=${UNIT}`]);
  assertEquals(started.code, 0, journal);
  assertIncludes(journal, board.uid);
  const directories = ["/var/lib/uota-gateway", "/var/cache/uota-gateway"];
  const rights = await mustRun(machine, ["stat", "-c", "%a %U:%G", ...directories]);
  assertEquals(rights, "750 uota:uota\n750 uota:uota\n");
  const ofOthers = ["find", "/var/lib/uota-gateway", "!", "-user", "uota"];
  assertEquals(await mustRun(machine, ofOthers), "");

  await dropIn(machine, [...ONE_COMMAND, "ExecStart=/bin/sh -c 'exec 3</dev/console-port'"]);
  await mustRun(machine, ["mknod", "--mode=666", "/dev/console-port", "c", "4", "64"]);
  assert((await machine.run(["systemctl", "start", UNIT])).code !== 0);
  const refused = await mustRun(machine, ["journalctl", "--output=cat", `--unit=${UNIT}`]);
  assertIncludes(refused, "/dev/console-port: Operation not permitted");
  await machine.unplug("ttyACM0");
}

async function givesUp(machine: Machine): Promise<void> {
  await mustRun(machine, ["sh", "-c", "echo wrong >/etc/uota-gateway/gateway.toml"]);
  await dropIn(machine, ["[Service]", "ExecStart=", "ExecStart=/usr/local/bin/uota boards"]);
  assert((await machine.run(["systemctl", "start", UNIT])).code !== 0);
  // A wrong configuration is not tried again.
  assertEquals(await show(machine, "ActiveState", "ExecMainStatus", "NRestarts"), [
    "failed",
    "78",
    "0",
  ]);
}

async function uninstalls(machine: Machine, untouched: readonly string[]): Promise<void> {
  // The administrator's own drop-in would stay.
  await mustRun(machine, ["rm", "-r", `/etc/systemd/system/${UNIT}.d`]);
  await mustRun(machine, ["find", "/var/lib/uota-gateway", "-type", "f", "-delete"]);
  await mustRun(machine, [
    "install",
    "-o",
    "uota",
    "/dev/null",
    "/var/lib/uota-gateway/store.db",
  ]);

  const { stderr } = await machine.run([INSTALL, "--uninstall"]);
  assertIncludes(stderr, "/etc/uota-gateway\n");
  assertIncludes(stderr, "/var/lib/uota-gateway\n");
  const left = (await allFiles(machine)).filter((path) => !untouched.includes(path));
  assertEquals(left, ["/etc/uota-gateway/gateway.toml", "/var/lib/uota-gateway/store.db"]);
  const owners = await mustRun(machine, ["stat", "-c", "%U:%G", ...left]);
  assertEquals(owners, "root:root\nroot:root\n");
  assertEquals((await machine.run(["getent", "passwd", "uota"])).code, 2);
  assertEquals((await machine.run(["getent", "group", "uota"])).code, 2);
  assertEquals((await machine.run(["systemctl", "cat", UNIT])).code, 1);

  const again = await machine.run([INSTALL, "--uninstall"]);
  assertEquals(again.code, 0, again.stderr);
}

async function mustRun(machine: Machine, command: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await machine.run(command);
  assertEquals(code, 0, `${command.join(" ")}: ${stderr}`);
  return stdout;
}

async function show(machine: Machine, ...properties: readonly string[]): Promise<string[]> {
  const flags = properties.map((property) => `--property=${property}`);
  const values = await mustRun(machine, ["systemctl", "show", ...flags, UNIT]);
  const byName = new Map(
    values.trim().split("\n").map((line) => line.split("=", 2)).map(([name, value]) =>
      [name, value ?? ""] as const
    ),
  );
  return properties.map((property) => byName.get(property) ?? "");
}

async function configure(machine: Machine): Promise<void> {
  await Deno.writeTextFile(`${machine.root}/etc/uota-gateway/gateway.toml`, CONFIGURATION);
}

async function dropIn(machine: Machine, lines: readonly string[]): Promise<void> {
  const directory = `${machine.root}/etc/systemd/system/${UNIT}.d`;
  await Deno.mkdir(directory, { recursive: true });
  await Deno.writeTextFile(`${directory}/test.conf`, lines.join("\n"));
  await mustRun(machine, ["systemctl", "daemon-reload"]);
}

/** Of those parts of the disk that an installation writes to. */
async function allFiles(machine: Machine): Promise<string[]> {
  const roots = ["/etc", "/opt", "/usr/local", "/var/lib", "/var/cache"];
  // Tools that change the users keep what was there before, with a dash.
  const options = ["!", "-type", "d", "!", "-path", "/etc/*-"];
  const listing = await mustRun(machine, ["find", ...roots, ...options]);
  return listing.trim().split("\n").sort();
}
