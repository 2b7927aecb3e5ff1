/**
 * What may follow `--board`: `all`, the boards and groups of the configuration, the boards of the
 * store. For shells, which ask at every press of a key: quick, silent, and without a trace.
 *
 * INVARIANTS
 * - No board is touched, nothing is made or changed, not even the state directory.
 */
import type { UnresolvedConfig } from "../../config/mod.ts";
import { storedBoardNames } from "../fleet/store_names.ts";

/** Each once, in the order in which a person would look for them. */
export function selectorsOf(config: UnresolvedConfig): readonly string[] {
  const groups = config.boards.flatMap(({ group }) => group === null ? [] : [`group:${group}`]);
  return [
    ...new Set([
      "all",
      ...config.boards.map(({ name }) => name),
      ...storedBoardNames(config.gateway.stateDir),
      ...groups,
    ]),
  ];
}
