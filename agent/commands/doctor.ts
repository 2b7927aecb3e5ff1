/** `uota doctor`: what stops this gateway from working, and what mends it. Changes nothing. */
import { DEFAULT_CONTROL_SOCKET } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import type { Check } from "../doctor/check.ts";
import type { ConfigResult } from "../doctor/check_config.ts";
import { examine } from "../doctor/examine.ts";
import { System } from "../doctor/system.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { checksText } from "../report/checks_text.ts";
import { checksJson } from "../report/json.ts";
import type { CommandContext } from "./context.ts";

export async function runDoctor(context: CommandContext): Promise<ExitCode> {
  const config = await readConfig(context);
  const checks = await examine({
    system: new System({ signal: context.signal }),
    config,
    controlSocket: "config" in config
      ? config.config.gateway.controlSocket
      : DEFAULT_CONTROL_SOCKET,
    now: new Date(),
    env: context.env,
  });
  context.print({
    json: () => checksJson(checks),
    text: (options) => checksText(checks, options),
  });
  if ("error" in config) return EXIT.configWrong;
  return checks.some(isProblem) ? EXIT.failed : EXIT.ok;
}

function isProblem({ state }: Check): boolean {
  return state === "problem";
}

async function readConfig(context: CommandContext): Promise<ConfigResult> {
  const path = context.configPath;
  try {
    return { path, config: await context.loadConfig() };
  } catch (error) {
    if (!(error instanceof UotaError)) throw error;
    return { path, error };
  }
}
