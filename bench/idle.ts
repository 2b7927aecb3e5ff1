/**
 * What a daemon costs while there is nothing to do: processor, wake-ups and memory, from what the
 * kernel counts for the process (proc(5)).
 */
import { startWasmBoard, type WasmBoard } from "../tests/boards/mod.ts";
import { DaemonProcess } from "../tests/daemon/daemon_process.ts";
import { startNginx } from "../tests/server/nginx.ts";
import { firmware, onBoard, packed, published } from "../tests/update/firmware.ts";
import { makeGateway } from "../tests/update/gateway.ts";

/** `sysconf(_SC_CLK_TCK)` on every Linux that Deno runs on. */
const TICKS_PER_SECOND = 100;

interface Usage {
  readonly cpuSeconds: number;
  /** By thread: how often it went to sleep by itself, which is how often it was woken. */
  readonly wakeUps: ReadonlyMap<string, number>;
  readonly residentKib: number;
}

async function usageOf(pid: number): Promise<Usage> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`);
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const wakeUps = new Map<string, number>();
  for await (const { name } of Deno.readDir(`/proc/${pid}/task`)) {
    // One that has ended meanwhile has no status.
    const status = await Deno.readTextFile(`/proc/${pid}/task/${name}/status`).catch(() => null);
    if (status === null) continue;
    wakeUps.set(name, numberIn(status, "voluntary_ctxt_switches"));
  }
  const status = await Deno.readTextFile(`/proc/${pid}/status`);
  return {
    cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND,
    wakeUps,
    residentKib: numberIn(status, "VmRSS"),
  };
}

function numberIn(status: string, name: string): number {
  return Number(new RegExp(`^${name}:\\s+(\\d+)`, "m").exec(status)?.[1]);
}

/** Measures a daemon with this many boards, all up to date, for this long. */
export async function measureIdle(
  { boards, seconds }: { readonly boards: number; readonly seconds: number },
): Promise<string> {
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startNginx());
  await server.publish({ ...published("1.1.0", packed(firmware("1.1.0"))) });
  const attached: WasmBoard[] = [];
  for (let index = 0; index < boards; index++) {
    attached.push(stack.use(await startWasmBoard({ files: onBoard(firmware("1.1.0")) })));
  }
  const ports = attached.map(({ port }) => port);
  const gateway = stack.use(await makeGateway({ url: server.url, ports }));
  const daemon = stack.use(await DaemonProcess.start(gateway.configFile));
  for (let index = 0; index < boards; index++) await daemon.until(/current/);
  // The visits end with the boards' programs running again.
  const before = await usageOf(daemon.pid);
  await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  const after = await usageOf(daemon.pid);
  const cpu = after.cpuSeconds - before.cpuSeconds;
  // The runtime ends threads that have nothing to do, and their counts go with them.
  const wakeUps = [...after.wakeUps].reduce(
    (sum, [thread, count]) => sum + count - (before.wakeUps.get(thread) ?? 0),
    0,
  );
  return [
    `${boards} boards, ${seconds} s: ${cpu.toFixed(2)} CPU seconds ` +
    `(${(100 * cpu / seconds).toFixed(2)} % of a processor)`,
    `wake-ups: ${wakeUps} (${
      (wakeUps / seconds).toFixed(1)
    } a second), ${after.wakeUps.size} threads`,
    `resident: ${(after.residentKib / 1024).toFixed(1)} MiB`,
  ].join("\n");
}
