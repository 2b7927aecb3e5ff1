/**
 * Which way there is room for. Beside each other: all new files staged while the old ones stay.
 * File by file: each old file goes before its successor comes, and the gateway keeps it.
 */
import { UotaError } from "../../errors/mod.ts";
import type { PathState, Space } from "../../serial/mod.ts";
import type { Release } from "../release/mod.ts";
import type { Inspection } from "./inspect.ts";
import type { Operation, Plan } from "./plan.ts";

export interface Need {
  /** Bytes of content that are not staged yet, one entry a file. */
  readonly missing: readonly number[];
  readonly journalBytes: number;
}

/** The transaction's directories, and their file that is being written. */
const TRANSACTION_BLOCKS = 4;

/** Chooses the way. @throws {UotaError} `no_space` with the figures when there is none */
export function chooseWay(
  space: Space | null,
  plan: Plan,
  release: Release,
  inspection: Inspection,
  need: Need,
): "beside" | "file_by_file" {
  if (space === null) return "beside";
  const blocksOf = (bytes: number) => Math.ceil(bytes / space.blockBytes);
  const made = plan.operations.filter(({ kind }) => kind === "make_directory").length;
  const additional = blocksOf(release.additionalFreeKb * 1024);
  const beside = need.missing.reduce((sum, bytes) => sum + blocksOf(bytes), 0) +
    blocksOf(need.journalBytes) + made + TRANSACTION_BLOCKS + additional;
  if (space.freeBlocks >= beside) return "beside";

  const growth = plan.operations.reduce(
    (sum, operation) => sum + growthOf(operation, inspection.states, blocksOf),
    0,
  ) + additional;
  if (space.freeBlocks >= growth + 1) return "file_by_file";
  const kb = (blocks: number) => Math.ceil(blocks * space.blockBytes / 1024);
  const extra = additional > 0
    ? `, of which ${kb(additional)} kB are what the release asks for besides its files`
    : "";
  throw new UotaError(
    "no_space",
    `The board has ${kb(space.freeBlocks)} kB free of ${kb(space.totalBlocks)} kB. The release ` +
      `needs ${kb(beside)} kB more while the old files stay, and ${kb(growth + 1)} kB more even ` +
      `when they go first${extra}; nothing was changed. Free space on the board, or publish a ` +
      "smaller release",
  );
}

/** By how many blocks an operation makes the file system fuller; negative where it frees some. */
export function growthOf(
  operation: Operation,
  states: ReadonlyMap<string, PathState>,
  blocksOf: (bytes: number) => number,
): number {
  const state = states.get(operation.path);
  const before = state?.kind === "file" ? blocksOf(state.sizeBytes) : 0;
  switch (operation.kind) {
    case "put":
      return blocksOf(operation.file.content.byteLength) - before;
    case "make_directory":
      return 1;
    case "delete":
      return -before;
  }
}
