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

for (const glob of ["by-*/*", "by-*/tty[0-9]", "{by-id,by-path}/*", "**/tty?", "*/tty{0..9}"]) {
  Deno.test(`PortWatch.changed() tells of ports in the directories of ${glob}`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      const globs = [`${directory}/serial/${glob}`];
      await Deno.mkdir(`${directory}/serial/by-id`, { recursive: true });
      await using watch = new PortWatch(globs);
      await Deno.symlink("/dev/null", `${directory}/serial/by-id/tty1`);
      await watch.changed(bounded());
      await Deno.mkdir(`${directory}/serial/by-path`);
      await watch.changed(bounded());
      await Deno.symlink("/dev/zero", `${directory}/serial/by-path/tty2`);
      await watch.changed(bounded());
      assertEquals(
        (await findPorts(globs)).map(({ devicePath }) => devicePath),
        ["/dev/null", "/dev/zero"],
      );
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

Deno.test("PortWatch misses no directory that is made while it looks for it", async () => {
  const directory = await Deno.makeTempDir();
  // Makes directories and a port as fast as it can, while watches are made for them.
  const script = 'i=0; while read -r _; do i=$((i + 1)); mkdir -p "$1/$i/a/b/c"; ' +
    ': > "$1/$i/a/b/c/tty0"; done';
  const maker = new Deno.Command("sh", {
    args: ["-c", script, "sh", directory],
    stdin: "piped",
    stdout: "null",
  }).spawn();
  const orders = maker.stdin.getWriter();
  try {
    for (let index = 1; index <= 200; index++) {
      const globs = [`${directory}/${index}/a/b/c/tty*`];
      await orders.write(new TextEncoder().encode("\n"));
      await using watch = new PortWatch(globs);
      while ((await findPorts(globs)).length === 0) await watch.changed(bounded());
    }
  } finally {
    await orders.close();
    await maker.status;
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
