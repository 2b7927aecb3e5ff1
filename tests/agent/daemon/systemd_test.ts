/** What systemd and journald receive, over real Unix sockets. */
import { Journal, ServiceManager } from "../../../agent/daemon/systemd.ts";
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { DatagramReceiver } from "./datagram_receiver.ts";
import { journalStream } from "./journal_stream.ts";
import { testNeeding } from "../../needs.ts";

function environment(variables: Readonly<Record<string, string>>) {
  return { get: (name: string) => variables[name] };
}

/** A socket's path that is free, in a directory that goes with it. */
async function temporarySocket(): Promise<{ readonly path: string } & AsyncDisposable> {
  const directory = await Deno.makeTempDir({ prefix: "uota-systemd-" });
  return {
    path: `${directory}/socket`,
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

function connected(env: Readonly<Record<string, string>>): ServiceManager {
  const manager = ServiceManager.connect(environment(env));
  assert(manager !== null, "systemd asked to be notified");
  return manager;
}

testNeeding(["python3"], "ServiceManager notifies a socket with a path", async () => {
  await using socket = await temporarySocket();
  await using systemd = await DatagramReceiver.bind(socket.path);
  using manager = connected({ NOTIFY_SOCKET: socket.path });
  manager.ready("Watching 2 boards");
  manager.keepAlive();
  manager.status("Updating greenhouse-1");
  manager.stopping("Finishing greenhouse-1");
  assertEquals(await systemd.receiveText(), "READY=1\nSTATUS=Watching 2 boards");
  assertEquals(await systemd.receiveText(), "WATCHDOG=1");
  assertEquals(await systemd.receiveText(), "STATUS=Updating greenhouse-1");
  assertEquals(await systemd.receiveText(), "STOPPING=1\nSTATUS=Finishing greenhouse-1");
});

testNeeding(["python3"], "ServiceManager notifies a socket with an abstract name", async () => {
  const name = `@uota-test-${crypto.randomUUID()}`;
  await using systemd = await DatagramReceiver.bind(name);
  using manager = connected({ NOTIFY_SOCKET: name });
  manager.ready("Serving");
  assertEquals(await systemd.receiveText(), "READY=1\nSTATUS=Serving");
});

testNeeding(
  ["python3"],
  "ServiceManager.reloading() tells the monotonic clock's time",
  async () => {
    await using socket = await temporarySocket();
    await using systemd = await DatagramReceiver.bind(socket.path);
    using manager = connected({ NOTIFY_SOCKET: socket.path });
    const before = await uptimeMicros();
    manager.reloading();
    const message = await systemd.receiveText();
    const micros = Number(/^RELOADING=1\nMONOTONIC_USEC=(\d+)$/.exec(message)?.[1]);
    // /proc/uptime counts in hundredths, by CLOCK_BOOTTIME: the same where nothing was suspended.
    assert(micros >= before - 20_000, `${micros} is before ${before}`);
    assert(micros <= await uptimeMicros() + 20_000, `${micros} is in the future`);
  },
);

async function uptimeMicros(): Promise<number> {
  const [seconds] = (await Deno.readTextFile("/proc/uptime")).split(" ");
  return Number(seconds) * 1_000_000;
}

testNeeding(
  ["python3"],
  "ServiceManager.status() is one line of bounded length, whatever it is given",
  async () => {
    await using socket = await temporarySocket();
    await using systemd = await DatagramReceiver.bind(socket.path);
    using manager = connected({ NOTIFY_SOCKET: socket.path });
    manager.status("a board said:\nMAINPID=1\x1b[31m");
    assertEquals(await systemd.receiveText(), "STATUS=a board said:\\u{a}MAINPID=1\\u{1b}[31m");
    manager.status("🌱".repeat(5000));
    assertEquals(await systemd.receiveText(), `STATUS=${"🌱".repeat(500)}`);
  },
);

testNeeding(
  ["python3"],
  "ServiceManager brings what had no room with the next message, in order",
  async () => {
    await using socket = await temporarySocket();
    await using systemd = await DatagramReceiver.bind(socket.path);
    using manager = connected({ NOTIFY_SOCKET: socket.path });
    const filled = await fill(socket.path);
    manager.reloading();
    manager.status("overtaken");
    manager.ready("Reloaded");
    manager.keepAlive(); // Dropped.
    for (let index = 0; index < filled; index++) await systemd.receive();
    manager.keepAlive();
    assertIncludes(await systemd.receiveText(), "RELOADING=1\n");
    assertEquals(await systemd.receiveText(), "READY=1\nSTATUS=Reloaded");
    assertEquals(await systemd.receiveText(), "WATCHDOG=1");
  },
);

/** Sends until the receiver's queue takes no more; answers how many it took. */
async function fill(path: string): Promise<number> {
  using journal = Journal.connect(environment({ JOURNAL_STREAM: await journalStream() }), {
    socketPath: path,
  });
  assert(journal !== null);
  let count = 0;
  while (journal.send(new Map([["MESSAGE", "filler"]]))) count++;
  return count;
}

Deno.test("ServiceManager.connect() is null where nobody asked over a Unix socket", () => {
  for (const NOTIFY_SOCKET of ["", "relative", "vsock:2:1234", `/${"x".repeat(120)}`]) {
    assertEquals(ServiceManager.connect(environment({ NOTIFY_SOCKET })), null);
  }
  assertEquals(ServiceManager.connect(environment({})), null);
});

Deno.test("ServiceManager.watchdogMs is what was asked of this process", () => {
  const asked = (variables: Record<string, string>) => {
    using manager = connected({ NOTIFY_SOCKET: "/nonexistent", ...variables });
    return manager.watchdogMs;
  };
  const WATCHDOG_USEC = "30000000";
  assertEquals(asked({ WATCHDOG_USEC }), 30_000);
  assertEquals(asked({ WATCHDOG_USEC, WATCHDOG_PID: String(Deno.pid) }), 30_000);
  assertEquals(asked({ WATCHDOG_USEC, WATCHDOG_PID: String(Deno.pid + 1) }), null);
  assertEquals(asked({ WATCHDOG_USEC: "0" }), null);
  assertEquals(asked({ WATCHDOG_USEC: "soon" }), null);
  assertEquals(asked({}), null);
});

Deno.test("ServiceManager outlives a systemd that is not there", () => {
  using manager = connected({ NOTIFY_SOCKET: "/nonexistent/notify" });
  for (let count = 0; count < 100; count++) manager.ready("Serving");
  manager.keepAlive();
});

testNeeding(
  ["python3"],
  "Journal.send() frames values with line breaks by their size",
  async () => {
    await using socket = await temporarySocket();
    await using journald = await DatagramReceiver.bind(socket.path);
    using journal = Journal.connect(environment({ JOURNAL_STREAM: await journalStream() }), {
      socketPath: socket.path,
    });
    assert(journal !== null);
    const entry = new Map([
      ["PRIORITY", "3"],
      ["MESSAGE", "two\nPRIORITY=0\nlines é"],
      ["BOARD", "greenhouse-1"],
      ["REASON", "a=b"],
    ]);
    assertEquals(journal.send(entry), true);
    assertEquals(readEntry(await journald.receive()), entry);
  },
);

/** Reads an entry by the protocol's own words, independently of how it was written. */
function readEntry(bytes: Uint8Array<ArrayBuffer>): Map<string, string> {
  const fields = new Map<string, string>();
  const decoder = new TextDecoder("utf-8", { fatal: true });
  for (let at = 0; at < bytes.length;) {
    const end = bytes.indexOf(0x0a, at);
    assert(end !== -1, "a field has no end");
    const line = decoder.decode(bytes.subarray(at, end));
    const equals = line.indexOf("=");
    if (equals !== -1) {
      fields.set(line.slice(0, equals), line.slice(equals + 1));
      at = end + 1;
      continue;
    }
    const size = Number(new DataView(bytes.buffer).getBigUint64(end + 1, true));
    const value = bytes.subarray(end + 9, end + 9 + size);
    fields.set(line, decoder.decode(value));
    assertEquals(bytes[end + 9 + size], 0x0a);
    at = end + 10 + size;
  }
  return fields;
}

testNeeding(["python3"], "Journal.send() is false for what is too large, and goes on", async () => {
  await using socket = await temporarySocket();
  await using journald = await DatagramReceiver.bind(socket.path);
  using journal = Journal.connect(environment({ JOURNAL_STREAM: await journalStream() }), {
    socketPath: socket.path,
  });
  assert(journal !== null);
  assertEquals(journal.send(new Map([["MESSAGE", "x".repeat(8 << 20)]])), false);
  assertEquals(journal.send(new Map([["MESSAGE", "small"]])), true);
  assertEquals(await journald.receiveText(), "MESSAGE=small\n");
});

testNeeding(
  ["python3"],
  "Journal.connect() is null where stderr is not the journal's or there is no journal",
  async () => {
    await using socket = await temporarySocket();
    const stream = await journalStream();
    const connect = (JOURNAL_STREAM: string) => {
      using journal = Journal.connect(environment({ JOURNAL_STREAM }), { socketPath: socket.path });
      return journal === null ? null : "connected";
    };
    assertEquals(connect(stream), null);
    await using _journald = await DatagramReceiver.bind(socket.path);
    assertEquals(connect(stream), "connected");
    assertEquals(connect(""), null);
    assertEquals(connect("8:12345"), null);
    assertEquals(connect(`${stream}0`), null);
  },
);
