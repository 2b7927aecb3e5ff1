/** Ports that other programs hold are left alone, and the message says who holds them. */
import { UotaError } from "../../errors/mod.ts";
import { findHolders, lockKey } from "../../serial/holders.ts";
import { openTty } from "../../serial/tty.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { AS_NOBODY_NEEDS, openTtyAsNobody } from "./as_nobody.ts";
import { MPREMOTE } from "../boards/mpremote.ts";
import { Line } from "./line.ts";
import { isMissing, testNeeding } from "../needs.ts";

const { signal } = new AbortController();
const LIBC = new URL("../../serial/libc.ts", import.meta.url).href;

/** Another program, from when it has said "ready" until its end. */
class Program implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #output: ReadableStreamDefaultReader<string>;

  private constructor(
    process: Deno.ChildProcess,
    output: ReadableStreamDefaultReader<string>,
  ) {
    this.#process = process;
    this.#output = output;
  }

  get pid(): number {
    return this.#process.pid;
  }

  static async start(command: string, args: readonly string[]): Promise<Program> {
    const process = new Deno.Command(command, {
      args: [...args],
      stdin: "null",
      stdout: "piped",
    }).spawn();
    const reader = process.stdout.pipeThrough(new TextDecoderStream()).getReader();
    let said = "";
    while (!said.includes("ready")) {
      const { value, done } = await reader.read();
      if (done) throw new Error(`${command} ended before it was ready`);
      said += value;
    }
    return new Program(process, reader);
  }

  /** A program that opens the port, does something to `fd`, and stays. */
  static opening(path: string, action: string): Promise<Program> {
    return Program.start(Deno.execPath(), [
      "eval",
      `
        import * as libc from ${JSON.stringify(LIBC)};
        const flags = libc.O_RDWR | libc.O_NOCTTY | libc.O_NONBLOCK;
        const fd = libc.openPathNow(${JSON.stringify(path)}, flags);
        ${action}
        console.log("ready");
        setTimeout(() => {}, 60_000);
      `,
    ]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#process.status;
    await this.#output.cancel();
  }
}

async function busyMessage(path: string): Promise<string> {
  const error = await assertRejects(() => openTty(path, { signal }), UotaError);
  assertEquals(error.code, "port_busy");
  assertIncludes(error.message, path);
  return error.message;
}

async function canOpen(path: string): Promise<void> {
  await using _port = await openTty(path, { signal });
}

Deno.test({
  name: "openTty() throws port_busy with mpremote's name and process when mpremote holds the port",
  ignore: isMissing(["mpremote"], "a port that mpremote holds"),
  fn: async () => {
    await using board = await startWasmBoard();
    {
      const script = "import time\nprint('ready')\ntime.sleep(60)";
      await using program = await Program.start(MPREMOTE, ["connect", board.port, "exec", script]);
      const message = await busyMessage(board.port);
      assertIncludes(message, "mpremote");
      assertIncludes(message, `process ${program.pid}`);
    }
    await canOpen(board.port);
  },
});

Deno.test("openTty() throws port_busy when a program holds the port's flock", async () => {
  await using line = new Line();
  {
    await using program = await Program.opening(line.path, "libc.lockExclusively(fd);");
    assertIncludes(await busyMessage(line.path), `deno eval`);
    assertIncludes(await busyMessage(line.path), `(process ${program.pid})`);
    assertEquals((await findHolders(line.path)).map(({ pid }) => pid), [program.pid]);
  }
  await canOpen(line.path);
});

testNeeding(
  AS_NOBODY_NEEDS,
  "openTty() names the holder when the user may not see its descriptors",
  async () => {
    await using line = new Line();
    await Deno.chmod(line.path, 0o666);
    await using program = await Program.opening(line.path, "libc.lockExclusively(fd);");
    const { code, message } = await openTtyAsNobody(line.path);
    assertEquals(code, "port_busy");
    assertIncludes(message, `(process ${program.pid})`);
  },
);

Deno.test("openTty() opens a pty when a program has it open without a lock", async () => {
  await using line = new Line();
  await using program = await Program.opening(line.path, "");
  const holders = await findHolders(line.path);
  assertEquals(holders.map(({ pid, certain }) => ({ pid, certain })), [
    { pid: program.pid, certain: false },
  ]);
  await canOpen(line.path);
});

Deno.test("openTty() throws port_busy when a program has set TIOCEXCL", async () => {
  await using line = new Line();
  {
    await using program = await Program.opening(line.path, "libc.ioctlValue(fd, libc.TIOCEXCL);");
    assertIncludes(await busyMessage(line.path), `(process ${program.pid})`);
  }
  // The flag is still set, and only root gets past it; the program is gone.
  if (Deno.uid() === 0) await canOpen(line.path);
});

Deno.test("findHolders() leaves out the program that holds a pty's other end", async () => {
  await using device = await Program.start(Deno.execPath(), [
    "eval",
    `
      import * as libc from ${JSON.stringify(LIBC)};
      const { path } = libc.openPseudoTerminal();
      Deno.writeTextFileSync("/proc/self/comm", path.replaceAll("/dev/pts/", "pts"));
      libc.openPathNow(path, libc.O_RDWR | libc.O_NOCTTY);
      console.log("ready");
      setTimeout(() => {}, 60_000);
    `,
  ]);
  const name = (await Deno.readTextFile(`/proc/${device.pid}/comm`)).trim();
  assert(name.startsWith("pts"));
  assertEquals(await findHolders(name.replace("pts", "/dev/pts/")), []);
});

Deno.test("findHolders() gives nobody when nothing is at the path", async () => {
  assertEquals(await findHolders("/dev/ttyNONE"), []);
});

Deno.test("lockKey() is as /proc/locks has it when the device's numbers are large", () => {
  assertEquals(lockKey(0x19, 6), "00:19:6");
  assertEquals(lockKey(0x801, 12345), "08:01:12345");
  // Minor number 300, which hosts of many containers reach.
  assertEquals(lockKey(0x10002c, 3), "00:12c:3");
});
