/** The gateway in this process. */
import {
  type Environment,
  type GatewayConfig,
  resolveCredentials,
  type UnresolvedConfig,
} from "../config/mod.ts";
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
  readonly #config: UnresolvedConfig;
  readonly #env: Environment;

  /** `env` is where credentials are looked for that the configuration names. */
  constructor(config: UnresolvedConfig, env: Environment = Deno.env) {
    this.#config = config;
    this.#env = env;
  }

  /** @throws {UotaError} also `config_invalid` where a credential cannot be read */
  async update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport> {
    return await update(await this.#configForServers(request), request, options);
  }

  rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]> {
    return rollback(this.#configWithoutHeaders(), request, options);
  }

  boards(options: RunOptions): Promise<readonly AttachedBoard[]> {
    return surveyBoards(this.#configWithoutHeaders(), options);
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

  /** A local archive asks no server. */
  #configForServers({ archive }: UpdateRequest): Promise<GatewayConfig> | GatewayConfig {
    return archive === null
      ? resolveCredentials(this.#config, this.#env)
      : this.#configWithoutHeaders();
  }

  /** For what asks no server, and so needs no credential. */
  #configWithoutHeaders(): GatewayConfig {
    return { ...this.#config, source: { ...this.#config.source, headers: {} } };
  }
}
