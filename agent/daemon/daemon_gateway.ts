/** The gateway that the control socket serves: every request joins the jobs of this process. */
import type { GatewayConfig } from "../../config/mod.ts";
import type { RunOptions } from "../attempts.ts";
import type { Outcome } from "../board/outcome.ts";
import type { AttemptRecord, BoardStatus } from "../fleet/store.ts";
import type { Turns } from "../fleet/turns.ts";
import type { AskOptions, Gateway } from "../gateway.ts";
import { LocalGateway } from "../local_gateway.ts";
import type { RollbackRequest } from "../rollback.ts";
import type { AttachedBoard } from "../survey.ts";
import type { UpdateReport, UpdateRequest } from "../update.ts";

export class DaemonGateway implements Gateway {
  readonly #config: () => GatewayConfig;
  readonly #turns: Turns;

  /** @param config the one in force when a request comes */
  constructor(config: () => GatewayConfig, turns: Turns) {
    this.#config = config;
    this.#turns = turns;
  }

  update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport> {
    return this.#local().update(request, this.#inTurn(options));
  }

  rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]> {
    return this.#local().rollback(request, this.#inTurn(options));
  }

  boards(options: RunOptions): Promise<readonly AttachedBoard[]> {
    return this.#local().boards(this.#inTurn(options));
  }

  status(options: AskOptions): Promise<readonly BoardStatus[]> {
    return this.#local().status(options);
  }

  history(
    selectors: readonly string[],
    options: AskOptions,
  ): Promise<readonly AttemptRecord[]> {
    return this.#local().history(selectors, options);
  }

  #local(): LocalGateway {
    return new LocalGateway(this.#config());
  }

  #inTurn(options: RunOptions): RunOptions {
    return { ...options, turns: this.#turns };
  }
}
