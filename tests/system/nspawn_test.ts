/** That the machine which the tests of the daemon run in is what they take it for. */
import { assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { Line } from "../serial/line.ts";
import { testNeeding } from "../needs.ts";
import { Machine } from "./nspawn.ts";

/** A console's device, which no unit with DevicePolicy=closed may use unasked. */
const SERIAL_CONSOLE = ["c", "4", "64"];
const AS_DIALOUT = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--groups=dialout"];

testNeeding(["machine"], "Machine boots, runs what it is told and powers off", async () => {
  await using machine = await Machine.start();

  const state = await machine.run(["systemctl", "is-system-running", "--wait"]);
  assertEquals(state, { code: 0, stdout: "running\n", stderr: "" });
  const first = await machine.run(["cat", "/proc/1/comm"]);
  assertEquals(first.stdout, "systemd\n");
  const failing = await machine.run(["sh", "-c", "echo out; echo err >&2; exit 3"]);
  assertEquals(failing, { code: 3, stdout: "out\n", stderr: "err\n" });
  await machine.journalShows("machine-ready.service", /Finished/);

  await machine.stop();
  await assertRejects(() => Deno.stat(machine.root), Deno.errors.NotFound);
});

testNeeding(["machine"], "Machine leaves the host's files alone", async () => {
  await using machine = await Machine.start();

  const inUsr = await machine.run(["touch", "/usr/lib/of-the-host"]);
  assertIncludes(inUsr.stderr, "Read-only file system");
  const inLocal = await machine.run(["touch", "/usr/local/of-the-machine"]);
  assertEquals(inLocal.code, 0);
  await assertRejects(() => Deno.stat("/usr/local/of-the-machine"), Deno.errors.NotFound);
});

testNeeding(["machine"], "Machine holds units to their DeviceAllow", async () => {
  await using machine = await Machine.start();
  await machine.run(["mknod", "/dev/console-port", ...SERIAL_CONSOLE]);
  const open = async (...properties: readonly string[]) => {
    const flags = properties.map((property) => `--property=${property}`);
    const read = ["sh", "-c", "exec 3</dev/console-port"];
    return (await machine.run(["systemd-run", "--wait", "--pipe", "--quiet", ...flags, ...read]))
      .code;
  };

  assertEquals(await open(), 0);
  assertEquals(await open("DevicePolicy=closed", "DeviceAllow=char-ttyS rw"), 0);
  assertEquals(await open("DevicePolicy=closed"), 2);
});

testNeeding(
  ["machine"],
  "Machine.plug() makes a port that dialout may use until unplugged",
  async () => {
    await using machine = await Machine.start();
    await using line = new Line();
    const write = ["sh", "-c", "stty raw </dev/ttyACM0; printf hello >/dev/ttyACM0"];

    await machine.plug(line.path, "ttyACM0");
    const written = await machine.run([...AS_DIALOUT, ...write]);
    assertEquals(written, { code: 0, stdout: "", stderr: "" });
    assertEquals(await line.until("hello"), "hello");

    await machine.unplug("ttyACM0");
    assertEquals((await machine.run(["test", "-e", "/dev/ttyACM0"])).code, 1);
  },
);
