import { UotaError } from "../../errors/mod.ts";
import { openTty, type SerialPort } from "../../serial/tty.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { AS_NOBODY_NEEDS, openTtyAsNobody } from "./as_nobody.ts";
import { bytesOf, latin1, Line } from "./line.ts";
import { testNeeding } from "../needs.ts";

const { signal } = new AbortController();

async function failure(run: () => Promise<unknown>): Promise<UotaError> {
  return await assertRejects(run, UotaError);
}

function openDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

/** Reads until `length` bytes have come. */
async function readText(port: SerialPort, length: number): Promise<string> {
  let text = "";
  while (text.length < length) text += latin1(await port.read({ signal }));
  return text;
}

/** Writes until the line takes no more. */
async function fill(port: SerialPort): Promise<void> {
  const controller = new AbortController();
  const full = new Error("full");
  const writing = port.write(new Uint8Array(1 << 20), { signal: controller.signal });
  // It writes what the line takes before it first waits.
  controller.abort(full);
  assertEquals(await assertRejects(() => writing, Error), full);
}

Deno.test("openTty() throws port_missing when nothing is at the path", async () => {
  const error = await failure(() => openTty("/dev/ttyNONE", { signal }));
  assertEquals(error.code, "port_missing");
  assertIncludes(error.message, "/dev/ttyNONE");
});

Deno.test("openTty() says that the path is no serial port when it is none", async () => {
  const file = await Deno.makeTempFile();
  const directory = await Deno.makeTempDir();
  const before = openDescriptors();
  for (const path of [file, "/dev/null", directory]) {
    const error = await failure(() => openTty(path, { signal }));
    assertEquals(error.code, "port_lost");
    assertIncludes(error.message, `${path} is not a serial port`);
  }
  assertEquals(openDescriptors(), before);
  await Deno.remove(file);
  await Deno.remove(directory);
});

testNeeding(
  AS_NOBODY_NEEDS,
  "openTty() throws port_denied with the group to join when the user may not open it",
  async () => {
    await using line = new Line();
    await Deno.chmod(line.path, 0);
    const { code, message } = await openTtyAsNobody(line.path);
    assertEquals(code, "port_denied");
    assertIncludes(message, "dialout");
  },
);

Deno.test("openTty() throws port_busy when the port is open already, and frees it on closing", async () => {
  await using line = new Line();
  {
    await using _port = await openTty(line.path, { signal });
    assertEquals((await failure(() => openTty(line.path, { signal }))).code, "port_busy");
  }
  await using _again = await openTty(line.path, { signal });
});

Deno.test("openTty() throws the signal's reason when it has aborted", async () => {
  await using line = new Line();
  const before = openDescriptors();
  const reason = new Error("enough");
  const aborted = AbortSignal.abort(reason);
  assertEquals(await assertRejects(() => openTty(line.path, { signal: aborted }), Error), reason);
  const controller = new AbortController();
  const opening = openTty(line.path, { signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => opening, Error), reason);
  assertEquals(openDescriptors(), before);
});

Deno.test("SerialPort.read() and SerialPort.write() carry every byte both ways", async () => {
  const all = latin1(Uint8Array.from({ length: 256 }, (_, byte) => byte));
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  assertEquals(port.readAvailable().byteLength, 0);
  await port.write(bytesOf(all), { signal });
  assertEquals(await line.until(all), all);
  assertEquals(port.bytesWritten, 256);
  const reading = port.read({ signal });
  await line.write("first");
  assertEquals(latin1(await reading), "first");
  await line.write(all);
  assertEquals(await readText(port, 256), all);
});

Deno.test("SerialPort.read() throws the signal's reason when it aborts, and can go on", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const controller = new AbortController();
  const reason = new Error("enough");
  const reading = port.read({ signal: controller.signal });
  controller.abort(reason);
  assertEquals(await assertRejects(() => reading, Error), reason);
  await line.write("more");
  assertEquals(latin1(await port.read({ signal })), "more");
});

Deno.test("SerialPort throws port_lost when the cable is pulled", async (t) => {
  await t.step("out of a read that waits", async () => {
    await using line = new Line();
    await using port = await openTty(line.path, { signal });
    const reading = failure(() => port.read({ signal }));
    line.hangUp();
    const error = await reading;
    assertEquals(error.code, "port_lost");
    assertIncludes(error.message, port.path);
    assertEquals((await failure(() => port.write(bytesOf("x"), { signal }))).code, "port_lost");
  });
  await t.step("out of a write that waits", async () => {
    await using line = new Line();
    await using port = await openTty(line.path, { signal });
    const writing = failure(() => port.write(new Uint8Array(1 << 20), { signal }));
    line.hangUp();
    assertEquals((await writing).code, "port_lost");
  });
});

Deno.test("SerialPort.write() can be aborted when nobody reads, and the port closes at once", async () => {
  await using line = new Line();
  const begun = performance.now();
  {
    await using port = await openTty(line.path, { signal });
    await fill(port);
    assert(port.bytesWritten > 0 && port.bytesWritten < 1 << 20);
  }
  assert(performance.now() - begun < 2000, "closing waited for the line");
});

Deno.test("SerialPort.write() takes what comes in when the line is full both ways", async () => {
  await using line = new Line();
  await using port = await openTty(line.path, { signal });
  const length = 100_000;
  let arrived = 0;
  const device = (async () => {
    // Reads nothing before all of its own has been taken.
    await line.write("y".repeat(length));
    for (let received = 0; received < length;) received += (await line.some()).length;
  })();
  const whileFull = (bytes: Uint8Array) => void (arrived += bytes.byteLength);
  await port.write(bytesOf("x".repeat(length)), { signal, whileFull });
  arrived += port.readAvailable().byteLength;
  await device;
  assertEquals(arrived, length);
});

Deno.test("SerialPort's disposal ends what waits, and can be repeated", async () => {
  await using line = new Line();
  const port = await openTty(line.path, { signal });
  const reading = failure(() => port.read({ signal }));
  await port[Symbol.asyncDispose]();
  await port[Symbol.asyncDispose]();
  assertEquals((await reading).code, "port_lost");
  assertEquals((await failure(() => port.read({ signal }))).code, "port_lost");
  assertEquals((await failure(() => port.write(bytesOf("x"), { signal }))).code, "port_lost");
});

Deno.test("SerialPort's disposal leaves no descriptor", async () => {
  await using line = new Line();
  const before = openDescriptors();
  for (let round = 0; round < 10; round++) {
    const port = await openTty(line.path, { signal });
    const reading = failure(() => port.read({ signal }));
    await port[Symbol.asyncDispose]();
    await reading;
  }
  assertEquals(openDescriptors(), before);
});
