/**
 * Walks one installation, and one that is rolled back: a reference for each on each file system, all
 * single cuts or a sample of them, and a sample of double ones.
 */
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import type { FileSystemKind } from "../boards/mod.ts";
import { type Case, type CutKind, nameOf, type ReleaseKind } from "./cut.ts";
import { secondCut, singleCuts } from "./places.ts";
import { Random } from "./random.ts";
import { serveRelease } from "./rig.ts";
import { refer, simulate, type Verdict } from "./simulate.ts";

export interface WalkOptions {
  readonly releases: readonly ReleaseKind[];
  readonly fileSystems: readonly FileSystemKind[];
  readonly cuts: readonly CutKind[];
  /** How many single cuts; null for all. */
  readonly singles: number | null;
  readonly doubles: number;
  readonly seed: number;
  /** How many boards at once. */
  readonly jobs: number;
  readonly onProgress: (progress: Progress) => void;
}

/** One case is over. */
export interface Progress {
  readonly name: string;
  readonly verdict: Verdict;
  readonly done: number;
  readonly total: number;
}

export interface Tally {
  /** Cuts that happened. */
  readonly cuts: number;
  /** Cuts that did not, since the attempt was over before them. */
  readonly notReached: number;
  readonly violations: number;
}

/** Walks all that the options ask for. */
export async function walk(options: WalkOptions): Promise<Tally> {
  await using server = serveRelease();
  const random = new Random(options.seed);
  const { releases, fileSystems, jobs } = options;
  const installations = releases.flatMap((release) =>
    fileSystems.map((fileSystem) => ({ release, fileSystem }))
  );
  const references = await sideBySide(installations, jobs, async (one) => {
    const reference = await refer(server.url, one.fileSystem, one.release);
    return singleCuts(one, reference, options.cuts);
  });
  const all = references.flat();
  const singles = options.singles === null ? all : random.sample(all, options.singles);
  const total = singles.length + options.doubles;
  const runner = new Runner(server.url, total, options);

  const verdicts = new Map<Case, Verdict>();
  await sideBySide(singles, jobs, async (one) => {
    verdicts.set(one, await runner.run(one));
  });
  // Drawn before they run, so that the draw does not depend on which board is faster.
  // Among those that have run, since how long a recovery is says where it can be cut.
  const pool = singles.length > 0 ? singles : all;
  const firsts = Array.from({ length: options.doubles }, () => ({
    first: pool[random.below(pool.length)],
    seed: random.below(2 ** 31),
  }));
  await sideBySide(firsts, jobs, async ({ first, seed }) => {
    if (first === undefined) return;
    const known = verdicts.get(first) ?? await simulate(server.url, first);
    const second = secondCut(known.recovery, options.cuts, new Random(seed));
    await runner.run({ ...first, second });
  });
  return runner.tally;
}

/** Runs just these. */
export async function runCases(
  cases: readonly Case[],
  options: Pick<WalkOptions, "jobs" | "onProgress">,
): Promise<Tally> {
  await using server = serveRelease();
  const runner = new Runner(server.url, cases.length, options);
  await sideBySide(cases, options.jobs, (one) => runner.run(one));
  return runner.tally;
}

/** Runs cases and counts. */
class Runner {
  readonly #url: string;
  readonly #total: number;
  readonly #onProgress: WalkOptions["onProgress"];
  #done = 0;
  #cuts = 0;
  #notReached = 0;
  #violations = 0;

  constructor(url: string, total: number, options: Pick<WalkOptions, "onProgress">) {
    this.#url = url;
    this.#total = total;
    this.#onProgress = options.onProgress;
  }

  get tally(): Tally {
    return { cuts: this.#cuts, notReached: this.#notReached, violations: this.#violations };
  }

  async run(one: Case): Promise<Verdict> {
    const verdict = await simulate(this.#url, one);
    this.#done++;
    if (verdict.reached) this.#cuts++;
    else this.#notReached++;
    if (verdict.wrong.length > 0) this.#violations++;
    this.#onProgress({
      name: nameOf(one),
      verdict,
      done: this.#done,
      total: this.#total,
    });
    return verdict;
  }
}
