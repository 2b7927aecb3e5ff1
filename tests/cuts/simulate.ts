/**
 * One case from a fresh board to the verdict, and the reference run that says where there is
 * something to cut.
 */
import type { Outcome } from "../../agent/board/outcome.ts";
import type { ProgressEvent } from "../../agent/update.ts";
import { UotaError } from "../../errors/mod.ts";
import type { FileSystemKind } from "../boards/mod.ts";
import type { Case, ReleaseKind } from "./cut.ts";
import { interrupt } from "./interrupt.ts";
import { Judge } from "./judge.ts";
import { Rig } from "./rig.ts";

/** How many operations there were to cut. */
export interface Work {
  readonly changes: number;
  readonly bytes: number;
}

/** An installation without a cut. */
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
 * Installs without a cut, and visits the board once more.
 *
 * @throws {Error} where that goes wrong already
 */
export async function refer(
  url: string,
  fileSystem: FileSystemKind,
  release: ReleaseKind,
): Promise<Reference> {
  using bound = deadline();
  await using rig = await Rig.start(url, fileSystem, release);
  let whenInstalled: Work | null = null;
  const wrong = await recover(rig, release, bound.signal, ({ phase }) => {
    if (phase !== "confirming") return;
    whenInstalled ??= { changes: rig.board.changes, bytes: rig.board.hostBytes };
  });
  if (wrong.length > 0 || whenInstalled === null) {
    throw new Error(`Without a cut, the update on ${fileSystem} fails: ${wrong.join("; ")}`);
  }
  const { changes, hostBytes: bytes } = rig.board;
  const messageEnds = [...new Set(rig.board.messageEnds)].sort((a, b) => a - b);
  return { changes, bytes, messageEnds, whenInstalled };
}

/** Cuts as the case says, recovers, and compares. */
export async function simulate(
  url: string,
  { release, fileSystem, first, second }: Case,
): Promise<Verdict> {
  using bound = deadline();
  await using rig = await Rig.start(url, fileSystem, release);
  const judge = new Judge(release);
  const wrong: string[] = [];
  let reached = true;
  for (const [index, cut] of [first, second].entries()) {
    if (cut === null) continue;
    const interruption = await interrupt(rig, cut, bound.signal);
    reached &&= interruption.reached;
    const found = interruption.trees.flatMap((tree) => judge.amid(tree));
    wrong.push(
      ...interruption.wrong,
      ...new Set(found.map((what) => `after cut ${index + 1}: ${what}`)),
    );
  }
  const before = { changes: rig.board.changes, bytes: rig.board.hostBytes };
  const late = await recover(rig, release, bound.signal);
  const recovery = {
    changes: rig.board.changes - before.changes,
    bytes: rig.board.hostBytes - before.bytes,
  };
  return { reached, wrong: [...wrong, ...late], recovery };
}

/**
 * One ordinary update, which must succeed, or go back where the release does not work; and one more,
 * which must leave nothing behind.
 */
export async function recover(
  rig: Rig,
  release: ReleaseKind,
  signal: AbortSignal,
  onProgress?: (event: ProgressEvent) => void,
): Promise<string[]> {
  const judge = new Judge(release);
  for (const which of ["the first update", "the second update"]) {
    const { succeeded, wentBack, text } = await outcomeOf(rig, signal, onProgress);
    if (release === "healthy" ? !succeeded : !wentBack) return [`${which} after it: ${text}`];
    const tree = await rig.board.tree();
    const wrong = release === "healthy" ? judge.after(tree) : judge.before(tree);
    if (wrong.length > 0) return wrong.map((what) => `${which} after it: ${what}`);
  }
  return judge.leftOver(await rig.board.tree());
}

/** How an update ended. */
interface Ended {
  readonly succeeded: boolean;
  /** The old release is there since the new one is known not to work. */
  readonly wentBack: boolean;
  /** For people. */
  readonly text: string;
}

const FAILED = { succeeded: false, wentBack: false } as const;

/** How one ordinary update ends. */
export async function outcomeOf(
  rig: Rig,
  signal: AbortSignal,
  onProgress?: (event: ProgressEvent) => void,
): Promise<Ended> {
  try {
    const { outcome, reason } = await updateWhenThere(rig, signal, onProgress);
    return {
      succeeded: outcome === "updated" || outcome === "current",
      wentBack: outcome === "rolled_back" || reason?.code === "known_bad",
      text: reason ? `${outcome}, ${reason.code}: ${reason.message}` : outcome,
    };
  } catch (error) {
    if (error instanceof UotaError) {
      return { ...FAILED, text: `${error.code}: ${error.message}` };
    }
    return { ...FAILED, text: String(error instanceof Error ? error.stack : error) };
  }
}

/** A board that was told to reset just before its agent was killed is away for a moment yet. */
async function updateWhenThere(
  rig: Rig,
  signal: AbortSignal,
  onProgress?: (event: ProgressEvent) => void,
): Promise<Outcome> {
  await rig.portThere(signal);
  try {
    return await rig.update(signal, onProgress);
  } catch (error) {
    if (!(error instanceof UotaError) || error.code !== "not_attached") throw error;
    await rig.portThere(signal);
    return await rig.update(signal, onProgress);
  }
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
