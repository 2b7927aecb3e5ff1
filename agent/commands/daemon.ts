/** `uota daemon`: the long-running agent, as systemd starts it. Ends with 0 on SIGTERM. */
import { resolveCredentials } from "../../config/mod.ts";
import { serveControl } from "../daemon/control_server.ts";
import { Daemon } from "../daemon/daemon.ts";
import { ServiceManager } from "../daemon/systemd.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import type { CommandContext } from "./context.ts";

export async function runDaemon(context: CommandContext): Promise<ExitCode> {
  const loadConfig = async () => resolveCredentials(await context.loadConfig(), context.env);
  const config = await loadConfig();
  using events = context.openEventLog();
  using manager = ServiceManager.connect(context.env);
  const daemon = new Daemon({
    ...{ config, loadConfig, events, manager, signal: context.signal, random: Math.random },
    serve: (gateway, { memory, signal }) => {
      const { controlSocket: path } = config.gateway;
      if (path === null) return Promise.resolve(new AsyncDisposableStack());
      return serveControl(gateway, {
        ...{ path, signal, archives: () => memory.archives },
        log: (message) => events.write({ priority: "warning", message }),
      });
    },
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
