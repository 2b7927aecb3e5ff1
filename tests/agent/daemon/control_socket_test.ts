/** The socket as a file: who may connect, who holds it, what a killed daemon leaves. */
import { assert, assertEquals, assertIncludes, assertRejects } from "../../assert.ts";
import { connectControl } from "../../../agent/daemon/control_client.ts";
import { UotaError } from "../../../errors/mod.ts";
import { startBoardRig } from "../../update/board_rig.ts";
import { makeGateway } from "../../update/gateway.ts";
import { never, socketOf, startControl } from "./control_rig.ts";
import { testNeeding } from "../../needs.ts";

const here = (file: string) => new URL(file, import.meta.url).pathname;
const PROGRAM = "import time\nwhile True:\n    time.sleep_ms(20)\n";
const OLD = { "main.py": PROGRAM, "version": "1.0\n" };
const LARGE = {
  ...OLD,
  "data.bin": new Uint8Array(200_000).map((_, at) => (at * 31) ^ (at >> 5)),
  "version": "2.0\n",
};

Deno.test("connectControl() is null where no daemon listens", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const path = socketOf(gateway.config);
  assertEquals(await connectControl(path, never()), null);
  assertEquals(await connectControl(`${gateway.configFile}/x`, never()), null);
  await using _control = await startControl(gateway.config);
  assert(await connectControl(path, never()) !== null);
});

Deno.test("serveControl() gives the socket its rights and takes it away", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const path = socketOf(gateway.config);
  {
    await using _control = await startControl(gateway.config);
    const { mode, gid, isSocket } = await Deno.lstat(path);
    assertEquals([(mode ?? 0) & 0o777, gid, isSocket], [0o660, Deno.gid(), true]);
  }
  const left = [...Deno.readDirSync(gateway.directory)].map(({ name }) => name);
  assertEquals(left, ["gateway.toml"]);
  await using _control = await startControl(gateway.config, undefined, { mode: 0o600 });
  assertEquals(((await Deno.lstat(path)).mode ?? 0) & 0o777, 0o600);
});

testNeeding(
  ["root"],
  "the control socket is for its group, and says to others how to join",
  async () => {
    await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
    await Deno.chmod(gateway.directory, 0o755);
    const ask = async (path: string, ...group: readonly string[]) => {
      const { stdout, stderr } = await new Deno.Command(Deno.execPath(), {
        args: ["run", "-A", here("ask_as_nobody.ts"), path, ...group],
      }).output();
      const printed = new TextDecoder().decode(stdout);
      assert(printed !== "", new TextDecoder().decode(stderr));
      return JSON.parse(printed);
    };
    await using control = await startControl(gateway.config, undefined, { group: "dialout" });
    const { gid } = await Deno.lstat(control.path);
    const refused = await ask(control.path);
    assertEquals(refused.code, "daemon_denied");
    assertIncludes(refused.message, 'sudo usermod -aG dialout "$USER"');
    assertEquals((await ask(control.path, String(gid))).code, "connected");
  },
);

Deno.test("serveControl() refuses a group that is not there", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const failing = () => startControl(gateway.config, undefined, { group: "no such group" });
  const error = await assertRejects(failing, UotaError);
  assertEquals(error.code, "config_invalid");
  assertIncludes(error.message, "there is no group no such group");
});

Deno.test("serveControl() refuses a socket that a daemon holds, and says which", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  await using control = await startControl(gateway.config);
  const error = await assertRejects(() => startControl(gateway.config), UotaError);
  assertEquals(error.code, "config_invalid");
  assertIncludes(error.message, `already running, with the pid ${Deno.pid}`);
  assertEquals(await control.client.status(never()), []);
});

Deno.test("serveControl() does not remove what is no socket", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const path = socketOf(gateway.config);
  await Deno.writeTextFile(path, "precious");
  const error = await assertRejects(() => startControl(gateway.config), UotaError);
  assertIncludes(error.message, "is no socket");
  assertEquals(await Deno.readTextFile(path), "precious");
});

Deno.test("a daemon that is killed in the middle leaves a clear error and a socket to replace", async () => {
  await using rig = await startBoardRig(OLD);
  const { config, configFile } = rig.gateway;
  const path = socketOf(config);
  const archive = await rig.pack(LARGE);
  const daemon = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", here("serve_control.ts"), configFile],
    stdout: "piped",
    stderr: "inherit",
  }).spawn();
  try {
    const reader = daemon.stdout.getReader();
    assertEquals(new TextDecoder().decode((await reader.read()).value), `${path}\n`);
    await reader.cancel();
    const client = await connectControl(path, never());
    assert(client !== null);
    const options = { selectors: ["all"], versionCheck: true, force: false, jobs: null, archive };
    const cut = client.update({ ...options, dryRun: false }, {
      ...never(),
      onProgress: ({ phase }) => phase === "staging" && daemon.kill("SIGKILL"),
    });
    const error = await assertRejects(() => cut, UotaError);
    assertEquals(error.code, "daemon_gone");
    assertIncludes(error.message, "settled at their next visit");
    const later = await assertRejects(() => client.status(never()), UotaError);
    assertEquals(later.code, "daemon_gone");
  } finally {
    try {
      daemon.kill("SIGKILL");
    } catch { /* it is dead already, as it should be */ }
    await daemon.status;
  }
  assert((await Deno.lstat(path)).isSocket);
  assertEquals(await connectControl(path, never()), null);

  await using control = await startControl(config);
  const history = await control.client.history([], never());
  assertEquals(history.map(({ reason_code: code }) => code), ["interrupted"]);
  const { boards } = await control.client.update(
    { selectors: ["all"], versionCheck: true, force: false, dryRun: false, jobs: null, archive },
    never(),
  );
  assertEquals(boards.map(({ outcome }) => outcome), ["updated"]);
});
