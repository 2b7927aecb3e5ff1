/** Does the daemon run, and may who asks talk to it? */
import { UotaError } from "../../errors/mod.ts";
import { connectControl } from "../daemon/control_client.ts";
import { EXIT } from "../exit_code.ts";
import { MAY, octal } from "./accounts.ts";
import { type Check, ok, problem, shellWord, warning } from "./check.ts";
import { daemonPids, readUnit, type UnitState } from "./daemon_process.ts";
import { type System, UNIT } from "./system.ts";

export interface DaemonOptions {
  /** Null where the configuration has switched it off. */
  readonly controlSocket: string | null;
}

export async function checkDaemon(
  system: System,
  { controlSocket }: DaemonOptions,
): Promise<readonly Check[]> {
  const unit = await readUnit(system);
  const isInstalled = unit !== null && unit.get("LoadState") !== "not-found";
  const daemon = isInstalled ? checkUnit(unit) : await checkProcess(system);
  if (daemon.state === "problem" || controlSocket === null) return [daemon];
  // A daemon without a unit may be another gateway's, with a socket elsewhere.
  const isExpected = isInstalled && unit.get("ActiveState") === "active";
  const socket = await checkSocket(controlSocket, { isExpected, system });
  return socket === null ? [daemon] : [daemon, socket];
}

async function checkProcess(system: System): Promise<Check> {
  const [pid] = await daemonPids(system);
  if (pid !== undefined) return ok("daemon", `The daemon runs (process ${pid}), without a unit`);
  return warning(
    "daemon",
    "The daemon is not installed as a service: boards are updated by command only",
    "sudo ./install.sh",
  );
}

function checkUnit(unit: UnitState): Check {
  const state = unit.get("ActiveState") ?? "unknown";
  switch (state) {
    case "active":
    case "reloading":
      return unit.get("UnitFileState") === "disabled"
        ? warning(
          "daemon",
          `${UNIT} runs, but not after a restart`,
          `sudo systemctl enable ${UNIT}`,
        )
        : ok("daemon", `${UNIT} is ${state}`);
    case "activating":
      return warning("daemon", `${UNIT} is about to start`, `journalctl --unit ${UNIT} --lines 20`);
    case "failed":
      return checkFailed(unit);
    default:
      return problem("daemon", `${UNIT} is ${state}`, `sudo systemctl enable --now ${UNIT}`);
  }
}

function checkFailed(unit: UnitState): Check {
  if (unit.get("ExecMainStatus") === String(EXIT.configWrong)) {
    return problem(
      "daemon",
      `${UNIT} has stopped since its configuration was wrong`,
      `sudo systemctl restart ${UNIT}, once the configuration is right`,
    );
  }
  return problem(
    "daemon",
    `${UNIT} has failed (${unit.get("Result") ?? "unknown"})`,
    `journalctl --unit ${UNIT} --lines 20`,
  );
}

interface SocketOptions {
  readonly isExpected: boolean;
  readonly system: System;
}

/** Null where there is none and none has to be. */
async function checkSocket(path: string, options: SocketOptions): Promise<Check | null> {
  const { isExpected, system } = options;
  const file = await Deno.stat(path).catch((error) => {
    if (error instanceof Deno.errors.PermissionDenied) return "denied" as const;
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  });
  if (file === null) {
    if (!isExpected) return null;
    return problem(
      "socket",
      `The daemon runs, but its control socket ${path} is not there`,
      `sudo systemctl restart ${UNIT}`,
    );
  }
  if (file !== "denied" && ((file.mode ?? 0) & MAY.write) !== 0) {
    return problem(
      "socket",
      `Everybody may command the daemon by ${path} (mode ${octal(file.mode)})`,
      `sudo chmod 660 ${shellWord(path)}`,
    );
  }
  try {
    const daemon = await connectControl(path, { signal: system.signal });
    if (daemon !== null) return ok("socket", `${path} lets this user in`);
    // Left behind by a daemon that was killed.
    if (!isExpected) return null;
    return problem(
      "socket",
      `The daemon runs, but nobody answers at its control socket ${path}`,
      `sudo systemctl restart ${UNIT}`,
    );
  } catch (error) {
    system.signal.throwIfAborted();
    if (!(error instanceof UotaError)) throw error;
    if (error.code !== "daemon_denied") {
      return problem("socket", error.message, `sudo systemctl restart ${UNIT}`);
    }
    const group = file === "denied" ? "uota" : await system.groupName(file.gid ?? 0);
    return warning(
      "socket",
      `This user may not talk to the daemon by ${path}`,
      `sudo usermod --append --groups ${group} "$USER", then log out and in again`,
    );
  }
}
