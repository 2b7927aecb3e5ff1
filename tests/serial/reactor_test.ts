import { closeFdNow, openPseudoTerminal, POLLIN, POLLOUT } from "../../serial/libc.ts";
import { Reactor } from "../../serial/reactor.ts";
import { openTty } from "../../serial/tty.ts";
import { assert, assertEquals, assertRejects } from "../assert.ts";
import { bytesOf, latin1, Line } from "./line.ts";

const { signal } = new AbortController();

/** How many of this process's threads are in a poll(2) of the kernel's, as /proc tells. */
function pollingThreads(): number {
  return [...Deno.readDirSync("/proc/self/task")].filter(({ name }) =>
    Deno.readTextFileSync(`/proc/self/task/${name}/wchan`).includes("poll_schedule_timeout")
  ).length;
}

Deno.test("Reactor serves 60 ports when all are waited for at once", async () => {
  await using stack = new AsyncDisposableStack();
  const lines = Array.from({ length: 60 }, () => stack.use(new Line()));
  const ports = [];
  for (const { path } of lines) ports.push(stack.use(await openTty(path, { signal })));
  const before = pollingThreads();
  const readings = ports.map(async (port) => latin1(await port.read({ signal })));
  // Deno runs some 32 blocking calls at once: with a poll a port nothing else would get a turn.
  assertEquals((await Deno.readTextFile("/proc/self/comm")).length > 0, true);
  assert(pollingThreads() <= before + 1, "more than one poll is under way");
  for (const [index, line] of [...lines.entries()].reverse()) await line.write(`port ${index}`);
  assertEquals(await Promise.all(readings), lines.map((_, index) => `port ${index}`));
  await Promise.all(ports.map((port, index) => port.write(bytesOf(`to ${index}.`), { signal })));
  assertEquals(
    await Promise.all(lines.map((line) => line.until("."))),
    lines.map((_, index) => `to ${index}.`),
  );
});

Deno.test("Reactor.ready() tells what is ready to whoever waits for it", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const reactor = new Reactor();
  const fd = line.masterFd;
  assertEquals(await reactor.ready(fd, POLLOUT, { signal }), POLLOUT);
  const both = [
    reactor.ready(fd, POLLIN, { signal }),
    reactor.ready(fd, POLLIN | POLLOUT, { signal }),
  ];
  assertEquals(await both[1], POLLOUT);
  await port.write(bytesOf("x"), { signal });
  assertEquals((await both[0] ?? 0) & POLLIN, POLLIN);
  await reactor.forget(fd, new Error("done"));
});

Deno.test("Reactor.ready() throws the signal's reason when it aborts, and others wait on", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const reactor = new Reactor();
  const controller = new AbortController();
  const reason = new Error("enough");
  const left = reactor.ready(line.masterFd, POLLIN, { signal: controller.signal });
  const staying = reactor.ready(line.masterFd, POLLIN, { signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => left, Error), reason);
  await port.write(bytesOf("x"), { signal });
  assertEquals(await staying, POLLIN);
  await reactor.forget(line.masterFd, new Error("done"));
});

Deno.test("Reactor.forget() fails those who wait for the descriptor, and nobody else", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const other = openPseudoTerminal();
  const reactor = new Reactor();
  const reason = new Error("closed");
  const forgotten = reactor.ready(other.masterFd, POLLIN, { signal });
  const staying = reactor.ready(line.masterFd, POLLIN, { signal });
  const failed = assertRejects(() => forgotten, Error);
  await reactor.forget(other.masterFd, reason);
  assertEquals(await failed, reason);
  closeFdNow(other.masterFd);
  await port.write(bytesOf("x"), { signal });
  assertEquals(await staying, POLLIN);
  await reactor.forget(line.masterFd, new Error("done"));
});

Deno.test("Reactor.forget() has the poll let go of the descriptor before it settles", async () => {
  const { masterFd } = openPseudoTerminal();
  const reactor = new Reactor();
  const before = pollingThreads();
  const waiting = assertRejects(() => reactor.ready(masterFd, POLLIN, { signal }), Error);
  while (pollingThreads() === before) await Deno.readTextFile("/proc/self/comm");
  await reactor.forget(masterFd, new Error("closed"));
  assertEquals(pollingThreads(), before);
  await waiting;
  closeFdNow(masterFd);
});

Deno.test("Reactor lets the process end when nobody waits any more", async (t) => {
  const tty = new URL("../../serial/tty.ts", import.meta.url).href;
  const libc = new URL("../../serial/libc.ts", import.meta.url).href;
  const begin = `
    import { openTty } from ${JSON.stringify(tty)};
    import { openPseudoTerminal } from ${JSON.stringify(libc)};
    const { path } = openPseudoTerminal();
    const controller = new AbortController();
    const port = await openTty(path, { signal: controller.signal });
    const reading = port.read({ signal: controller.signal }).catch(() => console.log("ended"));
  `;
  const ends = {
    "after an abort": "controller.abort(); await reading;",
    "after closing": "await port[Symbol.asyncDispose](); await reading;",
  };
  for (const [name, end] of Object.entries(ends)) {
    await t.step(name, async () => {
      const { code, stdout } = await new Deno.Command(Deno.execPath(), {
        args: ["eval", begin + end],
        signal: AbortSignal.timeout(20_000),
      }).output();
      assertEquals(new TextDecoder().decode(stdout), "ended\n");
      assertEquals(code, 0);
    });
  }
});
