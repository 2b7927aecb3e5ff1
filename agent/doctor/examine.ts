/** All checks, in the order in which one is worth mending before the next. */
import { DEFAULT_PORTS, type Environment } from "../../config/mod.ts";
import { findPorts } from "../../serial/mod.ts";
import { type Check, warning } from "./check.ts";
import { checkClock } from "./check_clock.ts";
import { checkConfig, type ConfigResult } from "./check_config.ts";
import { checkDaemon } from "./check_daemon.ts";
import { checkDeno } from "./check_deno.ts";
import { checkModemManager } from "./check_modem_manager.ts";
import { checkPorts } from "./check_ports.ts";
import { checkServers } from "./check_server.ts";
import { checkState } from "./check_state.ts";
import type { System } from "./system.ts";

export interface ExamineOptions {
  readonly system: System;
  readonly config: ConfigResult;
  readonly controlSocket: string | null;
  readonly now: Date;
  readonly env: Environment;
}

/** A wrong configuration leaves out only what nobody can know without it. */
export async function examine(options: ExamineOptions): Promise<readonly Check[]> {
  const { system, config, controlSocket, now, env } = options;
  const valid = "config" in config ? config.config : null;
  const unknown = (check: string) => [
    warning(check, "Not checked: the configuration says where, and is wrong", "uota doctor"),
  ];
  const globs = valid?.gateway.ports ?? DEFAULT_PORTS;
  const ports = await findPorts(globs);
  const checks = await Promise.all([
    checkDeno(),
    checkConfig(config, system),
    checkPorts(ports, { globs, system }),
    checkModemManager(ports, system),
    checkClock(system, now),
    valid === null
      ? unknown("server")
      : checkServers(valid, { env, signal: system.signal, configPath: config.path }),
    valid === null ? unknown("state") : checkState(valid.gateway.stateDir, system),
    checkDaemon(system, { controlSocket }),
  ]);
  return checks.flat();
}
