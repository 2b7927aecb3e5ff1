/**
 * Walks attempts: a reference for each on each file system, all single cuts or a sample of them, and
 * a sample of double ones.
 */
import { messageOf } from "../../errors/mod.ts";
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import type { FileSystemKind } from "../boards/mod.ts";
import { type Case, type CutKind, type Kind, nameOf } from "./cut.ts";
import { scenarioOf } from "./kinds.ts";
import { type Attempt, evenDraw, secondCut, singleCuts } from "./places.ts";
import { Random } from "./random.ts";
import type { Surroundings } from "./rig.ts";
import { refer, simulate, type Verdict } from "./simulate.ts";

export interface WalkOptions {
  readonly surroundings: Surroundings;
  readonly kinds: readonly Kind[];
  readonly fileSystems: readonly FileSystemKind[];
  readonly cuts: readonly CutKind[];
  /** How many single cuts, as many of each kind; null for all. */
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
  const { surroundings, jobs } = options;
  const random = new Random(options.seed);
  const attempts = attemptsOf(options, random);
  const runner = new Runner(surroundings, options);
  const references = await sideBySide([...attempts], jobs, async ([attempt, count]) => {
    const reference = await runner.refer(attempt);
    return { cuts: reference === null ? [] : singleCuts(attempt, reference, options.cuts), count };
  });
  // Drawn in order, so that the draw does not depend on which board is faster.
  const all = references.flatMap(({ cuts }) => cuts);
  const singles = references.flatMap(({ cuts, count }) =>
    count === null ? cuts : random.sample(cuts, count)
  );
  runner.total = singles.length + options.doubles;
  const verdicts = new Map<Case, Verdict>();
  await sideBySide(singles, jobs, async (one) => {
    verdicts.set(one, await runner.run(one));
  });
  // Among those that have run, since how long a recovery is says where it can be cut.
  const pool = singles.length > 0 ? singles : all;
  const firsts = Array.from({ length: options.doubles }, () => ({
    first: pool[random.below(pool.length)],
    seed: random.below(2 ** 31),
  }));
  await sideBySide(firsts, jobs, async ({ first, seed }) => {
    if (first === undefined) return;
    const known = verdicts.get(first) ?? await simulate(surroundings, first);
    const cuts = scenarioOf(first.kind).cuts.filter((cut) => options.cuts.includes(cut));
    await runner.run({ ...first, second: secondCut(known.recovery, cuts, new Random(seed)) });
  });
  return runner.tally;
}

/** What is attempted, each with how many single cuts; null for all of them. */
function attemptsOf(
  { kinds, fileSystems, cuts, singles, doubles }: WalkOptions,
  random: Random,
): ReadonlyMap<Attempt, number | null> {
  const cut = kinds.filter((kind) => scenarioOf(kind).cuts.some((one) => cuts.includes(one)));
  if (singles !== null) {
    return evenDraw({ kinds: cut, fileSystems, count: Math.max(singles, doubles) }, random);
  }
  return new Map(
    cut.flatMap((kind) => fileSystems.map((fileSystem) => [{ kind, fileSystem }, null])),
  );
}

/** Runs just these. */
export async function runCases(
  cases: readonly Case[],
  options: Pick<WalkOptions, "surroundings" | "jobs" | "onProgress">,
): Promise<Tally> {
  const runner = new Runner(options.surroundings, options);
  runner.total = cases.length;
  await sideBySide(cases, options.jobs, (one) => runner.run(one));
  return runner.tally;
}

/** Runs cases and counts. */
class Runner {
  readonly #surroundings: Surroundings;
  readonly #onProgress: WalkOptions["onProgress"];
  /** How many cases there are. */
  total = 0;
  #done = 0;
  #cuts = 0;
  #notReached = 0;
  #violations = 0;

  constructor(surroundings: Surroundings, options: Pick<WalkOptions, "onProgress">) {
    this.#surroundings = surroundings;
    this.#onProgress = options.onProgress;
  }

  get tally(): Tally {
    return { cuts: this.#cuts, notReached: this.#notReached, violations: this.#violations };
  }

  /** An attempt without a cut; null, and a violation, where that goes wrong already. */
  async refer({ kind, fileSystem }: Attempt) {
    try {
      return await refer(this.#surroundings, { kind, fileSystem });
    } catch (error) {
      this.#violations++;
      this.#tell({ kind, fileSystem, first: null, second: null }, failed(messageOf(error)));
      return null;
    }
  }

  async run(one: Case): Promise<Verdict> {
    const verdict = await simulate(this.#surroundings, one).catch((error) =>
      failed(error instanceof Error ? error.stack ?? error.message : messageOf(error))
    );
    this.#done++;
    if (verdict.reached) this.#cuts++;
    else this.#notReached++;
    if (verdict.wrong.length > 0) this.#violations++;
    this.#tell(one, verdict);
    return verdict;
  }

  #tell(one: Case, verdict: Verdict): void {
    this.#onProgress({ name: nameOf(one), verdict, done: this.#done, total: this.total });
  }
}

function failed(what: string): Verdict {
  return { reached: true, wrong: [what], recovery: { changes: 0, bytes: 1 } };
}
