/** Cables that are pulled in the middle of pushes, again and again. */
import { assert, assertEquals } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { startNginx } from "../server/nginx.ts";
import { digests, type Files, onBoard, packed, PROGRAM, published } from "../update/firmware.ts";
import { makeGateway } from "../update/gateway.ts";
import { testNeeding } from "../needs.ts";
import { DaemonProcess } from "./daemon_process.ts";

const CYCLES = 20;

/** What a process holds of the kernel. */
async function held(
  pid: number,
): Promise<{ readonly descriptors: number; readonly threads: number }> {
  const count = async (directory: string) =>
    (await Array.fromAsync(Deno.readDir(directory))).length;
  return {
    descriptors: await count(`/proc/${pid}/fd`),
    threads: await count(`/proc/${pid}/task`),
  };
}

testNeeding(
  ["nginx"],
  "uota daemon survives 20 cables pulled in the middle of pushes",
  async () => {
    await using server = await startNginx({ tls: false });
    const old: Files = { "main.py": PROGRAM, "version": "1.0.0", "own.txt": "stays" };
    const release: Files = {
      "main.py": `# New\n${PROGRAM}`,
      "version": "1.1.0",
      "big.bin": crypto.getRandomValues(new Uint8Array(60_000)),
      "huge/data.bin": new Uint8Array(300_000).map((_, index) => index * 7 + (index >> 8)),
    };
    await server.publish({ ...published("1.1.0", packed(release)) });
    await using board = await startWasmBoard({ files: onBoard(old) });
    await board.unplug();
    await using gateway = await makeGateway({ url: server.url, ports: [board.port] });
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/Release 1\.1\.0 is published/);

    let after: Awaited<ReturnType<typeof held>> | null = null;
    for (let cycle = 1; cycle <= CYCLES; cycle++) {
      const unplugged = board.unplugAfterBytes(1000 + cycle * 550);
      await board.plug();
      await unplugged;
      // Every job ends, with an outcome that says what happened.
      await daemon.until(/unreachable|failed/);
      const whole = await board.files();
      assertEquals(new TextDecoder().decode(whole.get("/version")), "1.0.0");
      // The first jobs open what stays open: the store, the runtime's threads.
      if (cycle === 3) after = await held(daemon.pid);
    }
    const now = await held(daemon.pid);
    assert(after !== null && now.descriptors <= after.descriptors, JSON.stringify({ after, now }));
    // The runtime's own come and go with its work; one for each cable would be seventeen more.
    assert(now.threads <= after.threads + 5, JSON.stringify({ after, now }));

    await board.plug();
    await daemon.until(/1\.0\.0.*1\.1\.0/);
    assertEquals(
      digests(await board.files()),
      digests(onBoard({ ...release, "own.txt": "stays" })),
    );
  },
);
