/** Ports that come and go, as the kernel tells. */
import { PortWatch } from "../../serial/port_watch.ts";
import { findPorts } from "../../serial/ports.ts";
import { assertEquals, assertRejects } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";

const bounded = () => ({ signal: AbortSignal.timeout(10_000) });

Deno.test("PortWatch.changed() tells that a board was unplugged and plugged in", async () => {
  await using board = await startWasmBoard();
  const globs = [board.port.replace(/[^/]*$/, "tty*")];
  const names = async () => (await findPorts(globs)).map(({ path }) => path);
  await using watch = new PortWatch(globs);
  assertEquals(await names(), [board.port]);
  await board.unplug();
  await watch.changed(bounded());
  assertEquals(await names(), []);
  await board.plug();
  while ((await names()).length === 0) await watch.changed(bounded());
  assertEquals(await names(), [board.port]);
});

Deno.test("PortWatch.changed() tells of a directory that was not there", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const globs = [`${directory}/serial/by-id/*`];
    await using watch = new PortWatch(globs);
    await Deno.mkdir(`${directory}/serial`);
    await watch.changed(bounded());
    await Deno.mkdir(`${directory}/serial/by-id`);
    await watch.changed(bounded());
    await Deno.symlink("/dev/null", `${directory}/serial/by-id/usb-1`);
    await watch.changed(bounded());
    assertEquals((await findPorts(globs)).map(({ devicePath }) => devicePath), ["/dev/null"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("PortWatch.changed() waits while nothing happens, and ends with its signal", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await using watch = new PortWatch([`${directory}/tty*`]);
    const stop = new AbortController();
    const waiting = watch.changed({ signal: stop.signal });
    stop.abort(new Error("stopped"));
    assertEquals((await assertRejects(() => waiting, Error)).message, "stopped");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
