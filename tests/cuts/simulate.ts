/**
 * One case from a fresh board to the verdict, and the reference run that says where there is
 * something to cut.
 */
import type { FileSystemKind, FileTree } from "../boards/mod.ts";
import type { Case, Kind } from "./cut.ts";
import { interrupt, VISITS_UNTIL_CUT } from "./interrupt.ts";
import { Judge } from "./judge.ts";
import { recover } from "./recover.ts";
import { Rig, type Surroundings } from "./rig.ts";

/** How many operations there were to cut. */
export interface Work {
  readonly changes: number;
  readonly bytes: number;
}

/** An attempt without a cut. */
export interface Reference extends Work {
  /** After how many bytes the agent has stopped sending and waits for the board. */
  readonly messageEnds: readonly number[];
  /** What was done when the release was in place. */
  readonly whenInstalled: Work;
}

export interface Verdict {
  /** False where an attempt was over before its cut came. */
  readonly reached: boolean;
  /** What differs from what must be. */
  readonly wrong: readonly string[];
  /** What the update after the cuts had to do. */
  readonly recovery: Work;
}

/** Longer than any wait of the agent that a cut can cause. */
const CASE_BOUND_MS = 180_000;

/**
 * Makes the attempt without a cut, and the visits after it.
 *
 * @throws {Error} where that goes wrong already
 */
export async function refer(
  surroundings: Surroundings,
  { kind, fileSystem }: { readonly kind: Kind; readonly fileSystem: FileSystemKind },
): Promise<Reference> {
  using bound = deadline();
  const { signal } = bound;
  await using rig = await Rig.start(surroundings, { kind, fileSystem, signal });
  const { board } = rig;
  const begun = work(board);
  let whenInstalled: Work = begun;
  const visited: Work[] = [];
  if (await attemptOfOther(rig, signal)) visited.push(work(board));
  const wrong = await recover(rig, {
    ...{ signal, trees: [], reports: surroundings.reports },
    onVisited: () => void visited.push(work(board)),
    onProgress: ({ phase }) => {
      if (phase === "confirming" && whenInstalled === begun) whenInstalled = work(board);
    },
  });
  if (wrong.length > 0) throw new Error(wrong.join("; "));
  const end = visited.slice(0, VISITS_UNTIL_CUT).at(-1) ?? begun;
  return {
    ...difference(end, begun),
    messageEnds: [...new Set(board.messageEnds)].filter((at) => at > begun.bytes && at <= end.bytes)
      .map((at) => at - begun.bytes).sort((a, b) => a - b),
    whenInstalled: difference(whenInstalled, begun),
  };
}

/** Cuts as the case says, recovers, and compares. */
export async function simulate(
  surroundings: Surroundings,
  { kind, fileSystem, first, second }: Case,
): Promise<Verdict> {
  using bound = deadline();
  const { signal } = bound;
  await using rig = await Rig.start(surroundings, { kind, fileSystem, signal });
  const judge = new Judge(rig.scenario);
  const wrong: string[] = [];
  const trees: FileTree[] = [];
  let reached = true;
  if (first === null) await attemptOfOther(rig, signal);
  for (const [index, cut] of [first, second].entries()) {
    if (cut === null) continue;
    const interruption = await interrupt(rig, cut, signal);
    reached &&= interruption.reached;
    trees.push(...interruption.trees);
    const found = interruption.trees.flatMap((tree) => judge.amid(tree));
    wrong.push(
      ...interruption.wrong,
      ...new Set(found.map((what) => `after cut ${index + 1}: ${what}`)),
    );
  }
  const before = work(rig.board);
  const late = await recover(rig, { signal, trees, reports: surroundings.reports });
  return { reached, wrong: [...wrong, ...late], recovery: difference(work(rig.board), before) };
}

/** Where it is not by the one who recovers, an attempt without a cut comes before that. */
async function attemptOfOther(rig: Rig, signal: AbortSignal): Promise<boolean> {
  const { attempt, attemptBy, recoveryBy } = rig.scenario;
  if (attemptBy === recoveryBy) return false;
  await rig.agent(attemptBy).run(attempt, { signal });
  return true;
}

function work(board: { readonly changes: number; readonly hostBytes: number }): Work {
  return { changes: board.changes, bytes: board.hostBytes };
}

function difference(end: Work, begin: Work): Work {
  return { changes: end.changes - begin.changes, bytes: end.bytes - begin.bytes };
}

export interface Bound extends Disposable {
  readonly signal: AbortSignal;
}

/** A time-out for one case, that does not outlive its case. */
export function deadline(): Bound {
  const controller = new AbortController();
  const timer = setTimeout(
    () => controller.abort(new Error(`No end within ${CASE_BOUND_MS / 1000} s`)),
    CASE_BOUND_MS,
  );
  return { signal: controller.signal, [Symbol.dispose]: () => clearTimeout(timer) };
}
