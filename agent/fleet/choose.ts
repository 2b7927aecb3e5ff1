/** From selectors to the boards of a run, asking boards who they are only where that is needed. */
import type { GatewayConfig } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { connectBoard, findPorts, type PortInfo } from "../../serial/mod.ts";
import { type FleetBoard, identify, knownBoards } from "./identity.ts";
import { parseSelector, selectBoards, selects } from "./selection.ts";
import { sideBySide } from "./side_by_side.ts";
import { openingBoundMs, VisitBound } from "../visit_bound.ts";
import type { Clock } from "../clock.ts";
import { type Alone, inTurn, type Turns } from "./turns.ts";

export interface ChooseOptions {
  readonly signal: AbortSignal;
  readonly jobs: number;
  /** Where other runs go on in this process. */
  readonly turns?: Turns | undefined;
  /** Of the bounds on visits. @default the system's */
  readonly clock?: Clock | undefined;
}

/**
 * The boards that the selectors mean, attached or not.
 *
 * A board's program is interrupted when it is asked for its uid, so a selector that the
 * configuration and the ports settle by themselves disturbs nobody.
 *
 * @throws {UotaError} `unknown_board`, `usage`
 */
export async function chooseBoards(
  config: GatewayConfig,
  selectors: readonly string[],
  options: ChooseOptions,
): Promise<readonly FleetBoard[]> {
  const known = await knownBoards(config, await findPorts(config.gateway.ports));
  if (!needsAsking(selectors, known)) return selectBoards(selectors, known);
  const asked = await sideBySide(known, options.jobs, async (board, place) => {
    if (board.identified || !board.port) return board;
    return await askWhoItIs(board, config, { ...options, onOverdue: place.giveUp });
  });
  // An entry that matched no port from outside may have been found by its uid now.
  const found = new Set(asked.flatMap(({ port, entry }) => port && entry ? [entry] : []));
  return selectBoards(
    selectors,
    asked.filter(({ port, entry }) => port || !entry || !found.has(entry)),
  );
}

function needsAsking(selectors: readonly string[], known: readonly FleetBoard[]): boolean {
  if (known.every(({ identified }) => identified)) return false;
  return selectors.some((text) => {
    const selector = parseSelector(text);
    switch (selector.kind) {
      case "all":
        return false;
      case "port":
        return false;
      case "group":
        return known.some(({ port, group }) => !port && group === selector.group);
      case "glob":
        return true;
      case "name_or_uid":
        return !known.some((board) => board.port && board.identified && selects(selector, board));
    }
  });
}

/** The board after it was asked for its uid; one that cannot be asked stays as it is known. */
async function askWhoItIs(
  board: FleetBoard,
  config: GatewayConfig,
  options: Omit<ChooseOptions, "jobs"> & { readonly onOverdue: () => void },
): Promise<FleetBoard> {
  const { port } = board;
  if (!port) return board;
  const ask = async ({ signal, giveUpPlace }: Alone) => {
    using bound = new VisitBound({
      port: port.path,
      allowMs: openingBoundMs(config.defaults.baud),
      onOverdue: giveUpPlace,
      clock: options.clock,
    });
    return await askUid(port, config, AbortSignal.any([signal, bound.signal]));
  };
  return identify(config, board, await inTurn(port.path, options, "uid", ask));
}

async function askUid(
  { path }: PortInfo,
  config: GatewayConfig,
  signal: AbortSignal,
): Promise<string | null> {
  try {
    await using board = await connectBoard(path, { signal, baud: config.defaults.baud });
    return board.capabilities.uid;
  } catch (error) {
    // A board that cannot be asked keeps its port's name; visiting it will say why.
    if (error instanceof UotaError && error.code !== "cancelled") return null;
    throw error;
  }
}
