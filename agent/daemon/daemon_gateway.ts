/** The gateway that the control socket serves: every request joins the jobs of this process. */
import type { GatewayConfig } from "../../config/mod.ts";
import type { RunOptions, Shared } from "../attempts.ts";
import type { Outcome } from "../board/outcome.ts";
import type { AttemptRecord, BoardStatus } from "../fleet/store.ts";
import type { AskOptions, Gateway } from "../gateway.ts";
import { LocalGateway } from "../local_gateway.ts";
import type { RollbackRequest } from "../rollback.ts";
import type { AttachedBoard } from "../survey.ts";
import type { UpdateReport, UpdateRequest } from "../update.ts";

export class DaemonGateway implements Gateway {
  readonly #config: () => GatewayConfig;
  readonly #shared: Shared;

  /** @param config the one in force when a request comes */
  constructor(config: () => GatewayConfig, shared: Shared) {
    this.#config = config;
    this.#shared = shared;
  }

  update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport> {
    return this.#local().update(request, { ...options, shared: this.#shared });
  }

  rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]> {
    return this.#local().rollback(request, { ...options, shared: this.#shared });
  }

  boards(options: RunOptions): Promise<readonly AttachedBoard[]> {
    return this.#local().boards({ ...options, shared: this.#shared });
  }

  status(options: AskOptions): Promise<readonly BoardStatus[]> {
    return this.#local().status({ ...options, shared: this.#shared });
  }

  history(
    selectors: readonly string[],
    options: AskOptions,
  ): Promise<readonly AttemptRecord[]> {
    return this.#local().history(selectors, { ...options, shared: this.#shared });
  }

  #local(): LocalGateway {
    return new LocalGateway(this.#config());
  }
}
