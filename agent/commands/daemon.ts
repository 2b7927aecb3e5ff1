/** `uota daemon`: the long-running agent, as systemd starts it. Ends with 0 on SIGTERM. */
import { resolveCredentials } from "../../config/mod.ts";
import { serveControl } from "../daemon/control_server.ts";
import { Daemon } from "../daemon/daemon.ts";
import { ServiceManager } from "../daemon/systemd.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import type { CommandContext } from "./context.ts";

export async function runDaemon(context: CommandContext): Promise<ExitCode> {
  let daemon: Daemon | null = null;
  // One that comes before there is a daemon changes nothing: the configuration is still to be read.
  using _hangUp = context.onHangUp(() => void daemon?.reload());
  const loadConfig = async () => resolveCredentials(await context.loadConfig(), context.env);
  const config = await loadConfig();
  using events = context.openEventLog();
  using manager = ServiceManager.connect(context.env);
  daemon = new Daemon({
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
  await daemon.run();
  return EXIT.ok;
}
