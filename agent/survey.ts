/** The attached boards: what `uota boards` shows. */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import type { Reason } from "./board/outcome.ts";
import type { RunOptions } from "./update.ts";

export interface AttachedBoard {
  readonly name: string;
  readonly uid: string | null;
  readonly port: string;
  readonly group: string | null;
  /** As in `1.27.0`. */
  readonly micropython: string | null;
  readonly machine: string | null;
  /** The firmware's version. */
  readonly version: string | null;
  readonly freeBytes: number | null;
  /** Why it could not be asked. */
  readonly reason: Reason | null;
}

export function surveyBoards(
  _config: GatewayConfig,
  _options: RunOptions,
): Promise<readonly AttachedBoard[]> {
  return Promise.reject(new UotaError("internal", "surveyBoards is not there yet"));
}
