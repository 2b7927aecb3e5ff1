/** `uota daemon`: the long-running agent, as systemd starts it. Ends with 0 on SIGTERM. */
import { Daemon } from "../daemon/daemon.ts";
import { ServiceManager } from "../daemon/systemd.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import type { CommandContext } from "./context.ts";

export async function runDaemon(context: CommandContext): Promise<ExitCode> {
  const config = await context.loadConfig();
  using events = context.openEventLog();
  using manager = ServiceManager.connect(context.env);
  const daemon = new Daemon({
    ...{ config, events, manager, signal: context.signal, random: Math.random },
    loadConfig: () => context.loadConfig(),
    serve: async () => ({ [Symbol.asyncDispose]: async () => {} }),
  });
  context.endsBySignal();
  const reload = () => void daemon.reload();
  Deno.addSignalListener("SIGHUP", reload);
  try {
    await daemon.run();
  } finally {
    Deno.removeSignalListener("SIGHUP", reload);
  }
  return EXIT.ok;
}
