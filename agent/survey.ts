/** The attached boards: what `uota boards` shows. Each is visited and its program started again. */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { connectBoard, findPorts } from "../serial/mod.ts";
import { glance } from "./board/inspect.ts";
import type { Reason } from "./board/outcome.ts";
import { type FleetBoard, identify, knownBoards } from "./fleet/identity.ts";
import { sideBySide } from "./fleet/side_by_side.ts";
import { inTurn } from "./fleet/turns.ts";
import type { RunOptions } from "./update.ts";
import { openingBoundMs, VisitBound } from "./visit_bound.ts";

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

/** Asks every attached board; one that cannot be asked is in the answer with its reason. */
export async function surveyBoards(
  config: GatewayConfig,
  options: RunOptions,
): Promise<readonly AttachedBoard[]> {
  const known = await knownBoards(config, await findPorts(config.gateway.ports));
  const attached = known.flatMap((board) => board.port ? [{ board, path: board.port.path }] : []);
  return await sideBySide(attached, config.gateway.jobs, async ({ board, path }, place) => {
    options.onProgress?.({ board: board.name, port: path, phase: "opening" });
    try {
      const taking = { ...options, turns: options.shared?.turns, onOverdue: place.giveUp };
      return await inTurn(path, taking, "survey", async ({ signal, giveUpPlace }) => {
        using bound = new VisitBound({
          port: path,
          allowMs: openingBoundMs(baudOf(board, config)),
          onOverdue: giveUpPlace,
          clock: options.clock ?? options.shared?.clock,
        });
        return await bound.within(signal, (signal) => askBoard(config, board, path, signal));
      });
    } catch (error) {
      if (!(error instanceof UotaError) || options.signal.aborted) throw error;
      return {
        ...describe(board, path),
        reason: { code: error.code, message: error.message },
      };
    }
  });
}

async function askBoard(
  config: GatewayConfig,
  known: FleetBoard,
  path: string,
  signal: AbortSignal,
): Promise<AttachedBoard> {
  await using board = await connectBoard(path, { signal, baud: baudOf(known, config) });
  const { capabilities } = board;
  const seen = await glance(board, { signal });
  return {
    ...describe(identify(config, known, capabilities.uid), path),
    micropython: capabilities.version,
    machine: capabilities.machine,
    version: seen.version,
    freeBytes: seen.space ? seen.space.freeBlocks * seen.space.blockBytes : null,
  };
}

function baudOf({ entry }: FleetBoard, { defaults }: GatewayConfig): number {
  return (entry?.settings ?? defaults).baud;
}

function describe(board: FleetBoard, path: string): AttachedBoard {
  return {
    name: board.name,
    uid: board.uid,
    port: path,
    group: board.group,
    micropython: null,
    machine: null,
    version: null,
    freeBytes: null,
    reason: null,
  };
}
