/** `uota demo`: what `./install.sh --try` runs. */
import type { ExitCode } from "../exit_code.ts";
import type { Surroundings } from "./context.ts";
import { UotaError } from "../../errors/mod.ts";

export function runDemo(_surroundings: Surroundings): Promise<ExitCode> {
  return Promise.reject(new UotaError("internal", "demo is not there yet"));
}
