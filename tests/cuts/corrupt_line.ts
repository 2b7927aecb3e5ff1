/**
 * One installation over a line that damages bytes towards the board: the release arrives intact, or
 * the attempt fails and the old one still runs.
 */
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import type { CorruptLine, FileSystemKind } from "../boards/mod.ts";
import { Judge } from "./judge.ts";
import { Rig, serveRelease } from "./rig.ts";
import { deadline, outcomeOf, recover } from "./simulate.ts";

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
  await using server = serveRelease();
  return await sideBySide(options.seeds, options.jobs, async (seed) => {
    const run = await installOverCorruptLine(server.url, seed, options);
    options.onRun?.(run);
    return run;
  });
}

async function installOverCorruptLine(
  url: string,
  seed: number,
  { kind, everyBytes, fileSystems }: CorruptOptions,
): Promise<CorruptRun> {
  using bound = deadline();
  await using rig = await Rig.start(url, fileSystems[seed % fileSystems.length] ?? "write_through");
  rig.board.corruptLine({ everyBytes, kind, seed });
  const { succeeded, text } = await outcomeOf(rig, bound.signal);
  const corrupted = rig.board.corruptedBytes;
  rig.board.corruptLine(null);
  const tree = await rig.board.tree();
  const judge = new Judge("healthy");
  const notNew = judge.after(tree);
  const wrong = succeeded || judge.before(tree).length > 0 ? notNew : [];
  const late = await recover(rig, "healthy", bound.signal);
  return {
    seed,
    corrupted,
    ended: text,
    wrong: [...wrong, ...late.map((what) => `with a sound line, ${what}`)],
  };
}
