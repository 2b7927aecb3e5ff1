/** The gateway in this process. */
import type { GatewayConfig } from "../config/mod.ts";
import type { RunOptions } from "./attempts.ts";
import type { Outcome } from "./board/outcome.ts";
import { selectBoards } from "./fleet/selection.ts";
import type { AttemptRecord, BoardStatus } from "./fleet/store.ts";
import type { AskOptions, Gateway } from "./gateway.ts";
import { openMemory } from "./memory.ts";
import { rollback, type RollbackRequest } from "./rollback.ts";
import { type AttachedBoard, surveyBoards } from "./survey.ts";
import { update, type UpdateReport, type UpdateRequest } from "./update.ts";

export class LocalGateway implements Gateway {
  readonly #config: GatewayConfig;

  constructor(config: GatewayConfig) {
    this.#config = config;
  }

  update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport> {
    return update(this.#config, request, options);
  }

  rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]> {
    return rollback(this.#config, request, options);
  }

  boards(options: RunOptions): Promise<readonly AttachedBoard[]> {
    return surveyBoards(this.#config, options);
  }

  // Not async by itself: the store answers at once, but failures are to come as rejections.
  async status(options: AskOptions): Promise<readonly BoardStatus[]> {
    using opened = openMemory(this.#config, options);
    return await Promise.resolve(opened.memory.store.status());
  }

  /** @throws {UotaError} `unknown_board` where a selector means no board of the history */
  async history(
    selectors: readonly string[],
    options: AskOptions,
  ): Promise<readonly AttemptRecord[]> {
    using opened = openMemory(this.#config, options);
    const { store } = opened.memory;
    if (selectors.length === 0) return await Promise.resolve(store.history());
    const groups = new Map(this.#config.boards.map(({ name, group }) => [name, group]));
    const selectable = store.boards().map((board) => ({
      ...board,
      group: groups.get(board.name) ?? null,
    }));
    return store.history(selectBoards(selectors, selectable));
  }
}
