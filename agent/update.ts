/** The order of the steps: what `uota update` and `uota check` run. */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import type { Outcome } from "./board/outcome.ts";

export interface UpdateRequest {
  /** As typed: `all`, a name, `group:x`, … */
  readonly selectors: readonly string[];
  /** False with `--no-version-check`. */
  readonly versionCheck: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Null: the configuration's. */
  readonly jobs: number | null;
  /** A local archive; null: the source's. */
  readonly archive: string | null;
}

export interface ReleaseSummary {
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  readonly verifiedBy: readonly string[];
}

export interface UpdateReport {
  readonly release: ReleaseSummary | null;
  readonly boards: readonly Outcome[];
}

export type ProgressEvent =
  & { readonly board: string; readonly port: string }
  & (
    | { readonly phase: "opening" | "inspecting" | "committing" | "restarting" }
    | {
      readonly phase: "staging";
      readonly doneBytes: number;
      readonly totalBytes: number;
      readonly path: string;
    }
    | { readonly phase: "done"; readonly outcome: Outcome }
  );

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly log?: (line: string) => void;
}

export function update(
  _config: GatewayConfig,
  _request: UpdateRequest,
  _options: RunOptions,
): Promise<UpdateReport> {
  return Promise.reject(new UotaError("internal", "update is not there yet"));
}
