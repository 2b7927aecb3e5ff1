/** The steps of a staged installation one by one, on a board under test. */
import { glance, inspect } from "../../../agent/board/inspect.ts";
import { type Plan, planUpdate } from "../../../agent/board/plan.ts";
import { prepareStaging, stage } from "../../../agent/board/stage.ts";
import type { Release } from "../../../agent/release/mod.ts";
import { type Board, connectBoard } from "../../../serial/mod.ts";

export const NEVER: { readonly signal: AbortSignal } = { signal: new AbortController().signal };

/** Connects, does something, and leaves. */
export async function visit<Result>(
  port: string,
  act: (board: Board) => Promise<Result>,
): Promise<Result> {
  await using board = await connectBoard(port, NEVER);
  return await act(board);
}

export interface StageRequest {
  readonly exclude?: readonly string[];
  /** Changes the plan that is staged, to one that the board cannot carry out. */
  readonly spoil?: (plan: Plan) => Plan;
}

/** Everything up to the journal: what comes next is the commit. */
export async function stageRelease(
  board: Board,
  release: Release,
  { exclude = [], spoil = (plan) => plan }: StageRequest = {},
): Promise<void> {
  const seen = await glance(board, NEVER);
  const inspection = await inspect(board, seen, release, { ...NEVER, exclude, delete: [] });
  const plan = spoil(planUpdate(inspection, release));
  await stage(board, await prepareStaging(board, seen, { plan, release, ...NEVER }), NEVER);
}
