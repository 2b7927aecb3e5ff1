/** The single checks, against files, processes and servers of their own. */
import { accountIn, mayUse } from "../../../agent/doctor/accounts.ts";
import { shellWord } from "../../../agent/doctor/check.ts";
import { checkClock } from "../../../agent/doctor/check_clock.ts";
import { checkDaemon } from "../../../agent/doctor/check_daemon.ts";
import { checkDeno, PINNED_DENO } from "../../../agent/doctor/check_deno.ts";
import { checkModemManager } from "../../../agent/doctor/check_modem_manager.ts";
import { checkPorts } from "../../../agent/doctor/check_ports.ts";
import { checkState } from "../../../agent/doctor/check_state.ts";
import { findPorts } from "../../../serial/mod.ts";
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { startWasmBoard } from "../../boards/mod.ts";
import { makeGateway } from "../../update/gateway.ts";
import { socketOf, startControl } from "../daemon/control_rig.ts";
import { makeMachine, startProgram } from "./machine.ts";
import { testNeeding } from "../../needs.ts";

const ROOT = new URL("../../../", import.meta.url);
/** Another user than the one that runs the tests, with numbers that nothing else has. */
const UOTA = { uid: 64_321, gid: 64_322 };
const PASSWD = `root:x:0:0:root:/root:/bin/sh\nuota:x:${UOTA.uid}:${UOTA.gid}::/:/bin/false\n`;

Deno.test("checkDeno() knows the version that install.sh pins", async () => {
  const script = await Deno.readTextFile(new URL("install.sh", ROOT));
  assertIncludes(script, `DENO_VERSION=${PINNED_DENO}\n`);
  assertEquals(checkDeno(PINNED_DENO).state, "ok");
  assertEquals(checkDeno("2.9.10").state, "warning");
  assertEquals(checkDeno("2.10.0").state, "warning");
  assertEquals(checkDeno("2.9.5").state, "problem");
  assertEquals(checkDeno("1.46.3").state, "problem");
});

Deno.test("mayUse() looks at exactly one class of the mode", () => {
  const account = { name: "uota", uid: 10, gids: [20, 21], configuredGids: [20, 21] };
  const may = (mode: number, uid: number, gid: number) => mayUse(account, { mode, uid, gid }, 6);
  assertEquals(may(0o600, 10, 0), true);
  assertEquals(may(0o060, 10, 20), false);
  assertEquals(may(0o060, 0, 21), true);
  assertEquals(may(0o606, 0, 21), false);
  assertEquals(may(0o640, 0, 20), false);
  assertEquals(may(0o006, 0, 0), true);
  assertEquals(mayUse({ ...account, uid: 0 }, { mode: 0, uid: 1, gid: 1 }, 6), true);
});

Deno.test("accountIn() reads passwd(5) and group(5)", () => {
  const group = "dialout:x:20:alice,uota\nplugdev:x:46:uotabot\n";
  assertEquals(accountIn({ passwd: PASSWD, group }, "uota"), {
    name: "uota",
    uid: UOTA.uid,
    gids: [UOTA.gid, 20],
    configuredGids: [UOTA.gid, 20],
  });
  assertEquals(accountIn({ passwd: PASSWD, group }, "alice"), null);
});

Deno.test("shellWord() leaves nothing for a shell to read", () => {
  assertEquals(shellWord("/etc/a-b_1.toml"), "/etc/a-b_1.toml");
  assertEquals(shellWord("/a b"), "'/a b'");
  assertEquals(shellWord("it's $x"), "'it'\\''s $x'");
});

testNeeding(["root"], "checkPorts() says which group the daemon's user lacks", async () => {
  await using board = await startWasmBoard();
  const device = await Deno.realPath(board.port);
  const gid = UOTA.gid + 1;
  await Deno.chown(device, 0, gid);
  await Deno.chmod(device, 0o660);
  const check = async (group: string) => {
    await using machine = await makeMachine({ "/etc/passwd": PASSWD, "/etc/group": group });
    const globs = [board.port];
    const ports = await findPorts(globs);
    const [check] = await checkPorts(ports, { globs, system: machine.system });
    return check;
  };
  const denied = await check(`dialout:x:${gid}:alice\n`);
  assertEquals(denied?.state, "problem");
  assertIncludes(denied?.message ?? "", "The user uota may not open");
  assertIncludes(denied?.message ?? "", "(group dialout, mode 0660)");
  assertEquals(
    denied?.mend,
    "sudo usermod --append --groups dialout uota, then sudo systemctl restart uota-gateway.service",
  );
  assertEquals((await check(`dialout:x:${gid}:alice,uota\n`))?.state, "ok");
  await Deno.chmod(device, 0o600);
  assertEquals(
    (await check(`dialout:x:${gid}:uota\n`))?.mend,
    `sudo chgrp dialout ${device} && sudo chmod 660 ${device}`,
  );
});

Deno.test("checkModemManager() finds it by its process, and our rule", async () => {
  await using board = await startWasmBoard();
  const [found] = await findPorts([board.port]);
  assert(found !== undefined);
  // A pseudo-terminal in the place of a USB port, which this machine may not have.
  const usb = { vendorId: "2e8a", productId: "0005", serial: null, topology: "1-1:1.0" };
  const ports = [{ ...found, usb }];
  const terminal = /\d+$/.exec(found.devicePath)?.[0];
  const directory = await Deno.makeTempDir();
  try {
    // The kernel calls a process as its executable's file is called; a script would be called sh.
    const program = `${directory}/ModemManager`;
    await Deno.copyFile("/bin/cat", program);
    const states = async (files: Readonly<Record<string, string>>) => {
      await using machine = await makeMachine(files);
      return (await checkModemManager(ports, machine.system)).map(({ state }) => state);
    };
    const rules = "/etc/udev/rules.d/60-uota-gateway.rules";
    {
      const process = new Deno.Command(program, { stdin: "piped", stdout: "piped" }).spawn();
      assertEquals((await states({}))[1], "problem");
      assertEquals((await states({ [rules]: "# nothing" }))[1], "problem");
      const rule = 'ENV{ID_MM_DEVICE_IGNORE}="1"\n';
      assertEquals((await states({ [rules]: rule }))[1], "warning");
      // Unix 98 pseudo-terminals have the major numbers from 136 on, 256 each (devices.txt).
      const database = `/run/udev/data/c136:${terminal}`;
      const ignored = "I:1\nE:ID_MM_DEVICE_IGNORE=1\nG:systemd\n";
      assertEquals((await states({ [rules]: rule, [database]: ignored }))[1], "ok");
      await process.stdin.close();
      await process.output();
    }
    assertEquals(await states({}), ["warning", "ok"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("checkClock() believes timesyncd, but no clock that is behind the installation", async () => {
  await using synchronized = await makeMachine({ "/run/systemd/timesync/synchronized": "" });
  assertEquals((await checkClock(synchronized.system, new Date())).state, "ok");
  const reset = await checkClock(synchronized.system, new Date("1970-01-01T00:01:00Z"));
  assertEquals(reset.state, "problem");
  assertIncludes(reset.message, "1970-01-01 00:01 UTC");
  assertEquals(reset.mend, "sudo timedatectl set-ntp true");
});

testNeeding(["root"], "checkState() finds what the daemon's user may not write", async () => {
  await using machine = await makeMachine({ "/etc/passwd": PASSWD, "/etc/group": "" });
  const stateDir = `${machine.root}/state`;
  const rights = async () => (await checkState(stateDir, machine.system))[0];
  assertEquals((await rights())?.mend, `sudo install -d -m 750 -o uota ${stateDir}`);
  await Deno.mkdir(stateDir, { mode: 0o750 });
  assertEquals((await rights())?.mend, `sudo chown -R uota: ${stateDir}`);
  await Deno.chown(stateDir, UOTA.uid, UOTA.gid);
  assertEquals((await rights())?.state, "ok");
  await Deno.writeTextFile(`${stateDir}/store.db`, "", { mode: 0o644 });
  assertEquals((await rights())?.message, `The user uota may not write ${stateDir}/store.db`);
  await Deno.chown(`${stateDir}/store.db`, UOTA.uid, UOTA.gid);
  assertEquals((await rights())?.state, "ok");
});

Deno.test("checkDaemon() finds a daemon without a unit", async () => {
  await using machine = await makeMachine();
  const script = "echo ready; read -r _";
  await using _daemon = await startProgram("sh", ["-c", script, "/x/agent/main.ts", "daemon"]);
  const [check, ...more] = await checkDaemon(machine.system, {
    controlSocket: `${machine.root}/control.sock`,
  });
  assertEquals({ state: check?.state, more }, { state: "ok", more: [] });
  assertIncludes(check?.message ?? "", "without a unit");
});

Deno.test("checkDaemon() looks at who may talk to the control socket", async () => {
  await using machine = await makeMachine();
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const socket = socketOf(gateway.config);
  const check = async () => (await checkDaemon(machine.system, { controlSocket: socket }))[1];
  assertEquals(await check(), undefined);
  {
    await using _control = await startControl(gateway.config);
    assertEquals((await check())?.state, "ok");
    await Deno.chmod(socket, 0o666);
    const open = await check();
    assertEquals(open?.state, "problem");
    assertEquals(open?.mend, `sudo chmod 660 ${socket}`);
    assertEquals((await checkDaemon(machine.system, { controlSocket: null })).length, 1);
  }
  // As a daemon that was killed leaves it: commands go on without one.
  using listener = await abandonedSocket(socket);
  assert((await Deno.stat(listener.path)).isSocket);
  assertEquals(await check(), undefined);
});

testNeeding(
  ["root"],
  "checkDaemon() lets root in wherever, and says what others lack",
  async () => {
    await using machine = await makeMachine({ "/etc/group": `uota:x:${UOTA.gid}:\n` });
    await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
    for (const directory of [gateway.directory, machine.root]) await Deno.chmod(directory, 0o755);
    await using control = await startControl(gateway.config);
    await Deno.chown(control.path, UOTA.uid, UOTA.gid);
    const options = { controlSocket: control.path };
    assertEquals((await checkDaemon(machine.system, options))[1]?.state, "ok");
    const program = new URL("check_as_nobody.ts", import.meta.url).pathname;
    const { stdout } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", program, machine.root, control.path],
      stderr: "inherit",
    }).output();
    const denied = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(denied.state, "warning");
    assertIncludes(denied.mend, 'sudo usermod --append --groups uota "$USER"');
  },
);

/** A socket that nobody listens at any more. */
async function abandonedSocket(path: string): Promise<Disposable & { readonly path: string }> {
  const script = `Deno.listen({ transport: "unix", path: ${JSON.stringify(path)} });
    Deno.kill(Deno.pid, "SIGKILL");`;
  const { signal } = await new Deno.Command(Deno.execPath(), { args: ["eval", script] }).output();
  assertEquals(signal, "SIGKILL");
  return { path, [Symbol.dispose]: () => Deno.removeSync(path) };
}
