/**
 * One installation over a line that damages bytes towards the board: the release arrives intact, or
 * the attempt fails and the old one still runs.
 */
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import type { CorruptLine, FileSystemKind } from "../boards/mod.ts";
import { Judge } from "./judge.ts";
import { recover } from "./recover.ts";
import { Rig, surround, type Surroundings } from "./rig.ts";
import { deadline } from "./simulate.ts";

/** What one damaged installation shows. */
export interface CorruptRun {
  readonly seed: number;
  /** How many bytes were damaged. */
  readonly corrupted: number;
  /** How the attempt ended, for people. */
  readonly ended: string;
  readonly wrong: readonly string[];
}

export interface CorruptOptions {
  readonly kind: CorruptLine["kind"];
  readonly everyBytes: number;
  readonly seeds: readonly number[];
  readonly jobs: number;
  /** Boards take these file systems in turn, by seed. */
  readonly fileSystems: readonly FileSystemKind[];
  readonly onRun?: (run: CorruptRun) => void;
}

/** Installs once for each seed. */
export async function runCorrupted(options: CorruptOptions): Promise<CorruptRun[]> {
  await using surroundings = surround({ reports: false });
  return await sideBySide(options.seeds, options.jobs, async (seed) => {
    const run = await installOverCorruptLine(surroundings, seed, options);
    options.onRun?.(run);
    return run;
  });
}

async function installOverCorruptLine(
  surroundings: Surroundings,
  seed: number,
  { kind, everyBytes, fileSystems }: CorruptOptions,
): Promise<CorruptRun> {
  using bound = deadline();
  const { signal } = bound;
  const fileSystem = fileSystems[seed % fileSystems.length] ?? "write_through";
  await using rig = await Rig.start(surroundings, { kind: "healthy", fileSystem, signal });
  rig.board.corruptLine({ everyBytes, kind, seed });
  const { outcome, text } = await rig.inProcess.run("update", { signal });
  const corrupted = rig.board.corruptedBytes;
  rig.board.corruptLine(null);
  const tree = await rig.board.tree();
  const judge = new Judge(rig.scenario);
  const isThere = outcome === "updated" || outcome === "current";
  const wrong = isThere || judge.isOld(tree).length > 0 ? judge.isNew(tree) : [];
  const late = await recover(rig, { signal, trees: [], reports: surroundings.reports });
  return {
    seed,
    corrupted,
    ended: text,
    wrong: [...wrong, ...late.map((what) => `with a sound line, ${what}`)],
  };
}
