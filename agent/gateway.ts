/**
 * What one can ask of a gateway, wherever it runs: in this process, or in a daemon behind its control
 * socket. Commands know only this.
 */
import type { RunOptions } from "./attempts.ts";
import type { Outcome } from "./board/outcome.ts";
import type { AttemptRecord, BoardStatus } from "./fleet/store.ts";
import type { RollbackRequest } from "./rollback.ts";
import type { AttachedBoard } from "./survey.ts";
import type { UpdateReport, UpdateRequest } from "./update.ts";

/** Every call throws {@linkcode UotaError}, or the signal's reason when it is cancelled. */
export interface Gateway {
  update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport>;
  rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]>;
  /** Asks every attached board. */
  boards(options: RunOptions): Promise<readonly AttachedBoard[]>;
  /** What the store knows; touches no board, and neither does {@linkcode Gateway.history}. */
  status(options: AskOptions): Promise<readonly BoardStatus[]>;
  /** Past attempts, newest first; no selectors: of all boards. */
  history(selectors: readonly string[], options: AskOptions): Promise<readonly AttemptRecord[]>;
}

export type AskOptions = Pick<RunOptions, "signal" | "log" | "shared">;
