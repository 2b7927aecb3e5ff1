/** `uota doctor` as a person runs it, with real boards, servers and holders of ports. */
import type { Check } from "../../../agent/doctor/check.ts";
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { startWasmBoard } from "../../boards/mod.ts";
import { watchPort } from "../../boards/port_watch.ts";
import { startNginx } from "../../server/nginx.ts";
import { type Finished, makeGateway } from "../../update/gateway.ts";
import { testNeeding } from "../../needs.ts";
import { DatagramReceiver } from "../daemon/datagram_receiver.ts";
import { startProgram } from "./machine.ts";

const MAIN = new URL("../../../agent/main.ts", import.meta.url).pathname;

const NOTICE = `2.0.1;firmware.tar.gz;0;${"0".repeat(64)}\n`;
const NO_PORTS = ["/nonexistent/tty*"];

function checksOf({ stdout }: Finished): readonly Check[] {
  return JSON.parse(stdout) as Check[]; // Printed by `doctor --json`.
}

function named(checks: readonly Check[], name: string): Check {
  const check = checks.find(({ check }) => check === name);
  assert(check !== undefined, `No check is called ${name}`);
  return check;
}

testNeeding(["nginx"], "uota doctor finds no problem where there is none", async () => {
  await using nginx = await startNginx({ tls: false });
  await nginx.publish({ latest: NOTICE });
  await using board = await startWasmBoard();
  await using gateway = await makeGateway({ url: nginx.url, ports: [board.port] });
  using watch = await watchPort(board.port);
  const finished = await gateway.run("doctor", "--json");
  const checks = checksOf(finished);
  assertEquals(checks.filter(({ state }) => state === "problem"), []);
  assertEquals(finished.code, 0);
  assertEquals(named(checks, "server").message, `${nginx.url} offers 2.0.1 (firmware.tar.gz)`);
  assertIncludes(named(checks, "port").message, `${board.port} (no USB device) can be opened`);
  // Opening a port alone starts many boards anew.
  assertEquals(watch.seen(), { opened: false, written: false });
});

testNeeding(["nginx"], "uota doctor prints a line a check, and the commands", async () => {
  await using nginx = await startNginx({ tls: false });
  await using gateway = await makeGateway({
    url: nginx.url,
    ports: NO_PORTS,
    source: 'headers = { Authorization = "Bearer hunter2" }',
  });
  await Deno.chmod(gateway.configFile, 0o644);
  const { code, stdout, stderr } = await gateway.run("doctor");
  assertEquals({ code, stderr }, { code: 1, stderr: "" });
  assertIncludes(stdout, "problem  ports          No port matches /nonexistent/tty*");
  assertIncludes(stdout, "\n                        mend: sudo dmesg --follow\n");
  assertIncludes(stdout, `problem  server         The server has no ${nginx.url}latest`);
  assertIncludes(stdout, `mend: curl --verbose --output - ${nginx.url}latest\n`);
  assertIncludes(stdout, "warning  config");
  assertIncludes(stdout, `mend: sudo chmod o= ${gateway.configFile}\n`);
  assert(!stdout.includes("hunter2"), "a header's value is shown");
});

testNeeding(["flock"], "uota doctor names who holds a port", async () => {
  await using board = await startWasmBoard();
  await using gateway = await makeGateway({ ports: [board.port] });
  const script = "echo ready; read -r _";
  await using _holder = await startProgram("flock", [board.port, "sh", "-c", script]);
  const { message, mend } = named(checksOf(await gateway.run("doctor", "--json")), "port");
  assertIncludes(message, `${board.port} is held by process `);
  assertIncludes(message, "flock");
  const pid = /process (\d+)/.exec(message)?.[1];
  assertEquals(mend, `sudo kill ${pid}`);
});

testNeeding(
  ["python3"],
  "uota doctor talks of the daemon that runs and of its control socket",
  async () => {
    await using gateway = await makeGateway({ ports: NO_PORTS });
    const NOTIFY_SOCKET = `${gateway.directory}/notify`;
    await using systemd = await DatagramReceiver.bind(NOTIFY_SOCKET);
    const daemon = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "--config", gateway.configFile, "daemon"],
      env: { NOTIFY_SOCKET },
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    try {
      let message = "";
      while (!message.startsWith("READY=1\n")) message = await systemd.receiveText();
      const checks = checksOf(await gateway.run("doctor", "--json"));
      assertIncludes(named(checks, "daemon").message, "The daemon runs");
      const { controlSocket } = gateway.config.gateway;
      assertEquals(named(checks, "socket").message, `${controlSocket} lets this user in`);
    } finally {
      daemon.kill("SIGTERM");
      await daemon.status;
    }
  },
);

Deno.test("uota doctor exits with 78 for a wrong configuration, and checks the rest", async () => {
  await using gateway = await makeGateway({ ports: NO_PORTS });
  await Deno.writeTextFile(gateway.configFile, '[source]\nurl = "ftp://h/"\nulr = 1\n');
  const finished = await gateway.run("doctor", "--json");
  assertEquals(finished.code, 78);
  const checks = checksOf(finished);
  const { state, message, mend } = named(checks, "config");
  assertEquals({ state, mend }, { state: "problem", mend: `sudoedit ${gateway.configFile}` });
  assertIncludes(message, "source.ulr");
  for (const name of ["deno", "ports", "udev", "modem-manager", "clock", "daemon"]) {
    assert(!named(checks, name).message.includes("Not checked"));
  }
});

Deno.test("uota doctor offers the example where there is no configuration", async () => {
  await using gateway = await makeGateway({ ports: NO_PORTS });
  await Deno.remove(gateway.configFile);
  const { mend } = named(checksOf(await gateway.run("doctor", "--json")), "config");
  assertIncludes(mend ?? "", "sudo install -D -m 640 ");
  assertIncludes(mend ?? "", `/config/gateway.toml ${gateway.configFile}`);
});
