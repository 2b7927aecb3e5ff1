/**
 * The order of the steps on one board: glance, recover, decide, inspect, plan, stage, and from the
 * journal on the recovery table again: commit, confirm.
 * `update.ts` does this for each board of a run, `rollback.ts` with the release before.
 *
 * INVARIANTS
 * - From the journal on, cancelling waits: the commit and what belongs to it are carried through.
 */
import { UotaError } from "../errors/mod.ts";
import type { Work } from "./attempts.ts";
import type { Attempt } from "./board/attempt.ts";
import { takeBackup } from "./board/backup.ts";
import { finish } from "./board/commit.ts";
import { decide, type Decision } from "./board/decide.ts";
import { installInPlace } from "./board/in_place.ts";
import { type Glance, glance, inspect, type Inspection } from "./board/inspect.ts";
import { NEW_DIRECTORY } from "./board/paths_on_board.ts";
import { cleanUpFates, type Plan, planUpdate } from "./board/plan.ts";
import type { Arrival } from "./board/recovery_table.ts";
import { chooseWay } from "./board/space.ts";
import { prepareStaging, stage, type Staging } from "./board/stage.ts";
import type { Memory } from "./memory.ts";
import { type Fresh, recover } from "./recover.ts";
import { compareVersions, type Release } from "./release/mod.ts";
import { commitBoundMs, workBoundMs } from "./visit_bound.ts";

/** What {@linkcode bringToRelease} goes by. */
export interface BringOptions {
  readonly versionCheck: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  readonly memory: Memory;
  readonly log: (line: string) => void;
  /** Paths to delete besides those of the release and the configuration. */
  readonly remove?: readonly string[];
  /** The release is the one before: somebody asked to go back. @default false */
  readonly goesBack?: boolean;
}

/** All that one board needs, from the first look to the confirmation. */
export async function bringToRelease(
  work: Work,
  release: Release,
  options: BringOptions,
): Promise<void> {
  const { visit, key, settings, attempt, report, signal } = work;
  const { memory, dryRun } = options;
  const deciding = {
    ...options,
    pin: settings.pin,
    bad: memory.store.badRelease(key, release.sha256),
  };

  report({ phase: "inspecting" });
  let seen = await glance(visit.board, { signal });
  attempt.saw(seen.version);
  work.offer(release);
  work.bound.allow(inspectionBoundMs(work, release), "being inspected");
  let asleep: UotaError | null = null;
  if (!dryRun) {
    const begin = arrivalFor(seen, release, {
      ...options,
      decision: decide(seen, release, deciding),
    });
    const recovered = await recover(work, seen, { ...options, begin });
    // With --force it is tried again, whatever spoke against it at an earlier visit.
    const isLeft = recovered.left?.release.archiveSha256 === release.sha256 && !options.force;
    if (isLeft && recovered.left?.reason) {
      return attempt.rolledBack(recovered.left.reason);
    }
    if (recovered.end === "went_back") await visit.enter({ signal });
    if (recovered.end === "accepted") asleep = recovered.failure;
    seen = recovered.end === "repair" ? { ...recovered.seen, needsRepair: true } : recovered.seen;
    deciding.bad = memory.store.badRelease(key, release.sha256);
    work.bound.resume(inspectionBoundMs(work, release), "being inspected");
  }
  const decision = decide(seen, release, deciding);
  if (decision.kind === "leave") {
    const isToBeFinished = seen.leftOvers && !seen.needsRepair && !dryRun;
    if (isToBeFinished && asleep === null) await finish(visit.board, { signal });
    // An interrupted installation of it was carried to its end.
    if (decision.outcome === "current" && isNewHere(attempt, release)) return attempt.updated();
    return attempt.left(decision.outcome, decision.reason);
  }
  if (asleep !== null) throw asleep;
  const inspection = await inspect(visit.board, seen, release, {
    exclude: settings.exclude,
    delete: [...settings.delete, ...options.remove ?? []],
    signal,
  });
  const plan = planUpdate(inspection, release);
  attempt.cleanUp = cleanUpFates(inspection);
  const way = await chooseStrategy(work, { seen, inspection, plan, release, dryRun });
  attempt.planned(plan.counts, way.strategy);
  work.bound.allow(planBoundMs(work, plan), "taking the release");
  if (dryRun) {
    const message = plan.operations.length === 0
      ? "All files are up to date"
      : `Would bring the board to ${release.version}`;
    return attempt.left("skipped", { code: "dry_run", message });
  }
  if (plan.operations.length === 0) {
    if (seen.leftOvers) await finish(visit.board, { signal });
    return attempt.left("current", null);
  }
  const fresh = way.strategy === "staged"
    ? await stageRelease(work, release, way.staging)
    : await replaceFiles(work, { inspection, plan, release, memory });
  attempt.installed();
  const recovered = await recover(work, fresh.seen(seen), { ...options, begin: fresh.begin });
  if (recovered.end === "accepted") return attempt.updated();
  if (recovered.left?.reason) return attempt.rolledBack(recovered.left.reason);
  throw recovered.failure ?? new UotaError(
    "verification_failed",
    `The board on ${visit.port.path} did not keep the release; nothing is left of it on the board. ` +
      "Check the board's flash, or format it anew",
  );
}

/** How the visit begins, for the recovery table. */
function arrivalFor(
  { transaction }: Glance,
  release: Release,
  { force, goesBack = false, decision }: BringOptions & { readonly decision: Decision },
): Arrival {
  if (goesBack) return "arrived_to_go_back";
  if (force) return "arrived_by_force";
  // What is not going to be installed has nothing standing in its way.
  const isAnother = transaction?.header?.archiveSha256 !== release.sha256;
  // In the middle of a commit `version` may be moved away.
  const isWanted = decision.kind === "install" || decision.reason?.code === "no_version";
  return isAnother && isWanted ? "arrived_for_another" : "arrived";
}

function isNewHere({ versionBefore }: Attempt, { version }: Release): boolean {
  return versionBefore === null || compareVersions(versionBefore, version) !== "same";
}

interface Planned {
  readonly seen: Glance;
  readonly inspection: Inspection;
  readonly plan: Plan;
  readonly release: Release;
}

type Way =
  | { readonly strategy: "staged"; readonly staging: Staging }
  | { readonly strategy: "in_place" };

async function chooseStrategy(
  { visit, signal }: Work,
  { seen, inspection, plan, release, dryRun }: Planned & { readonly dryRun: boolean },
): Promise<Way> {
  const { board } = visit;
  const { directories, rename } = board.capabilities;
  if (!directories || !rename) return { strategy: "in_place" };
  // A dry run leaves what is staged alone, and so counts all of it as missing.
  const staging = await prepareStaging(board, dryRun ? { ...seen, leftOvers: false } : seen, {
    ...{ plan, release, signal },
  });
  const space = await board.files.space({ signal });
  const way = chooseWay(space, plan, release, inspection, {
    missing: staging.missing.map(({ entry }) => entry.content.byteLength - (entry.offset ?? 0)),
    journalBytes: staging.journal.byteLength,
  });
  if (way === "beside") return { strategy: "staged", staging };
  // Staged files of an earlier attempt would take the room that there is not.
  if (seen.needsRepair && !dryRun) await board.files.removeTree(NEW_DIRECTORY, { signal });
  else if (seen.leftOvers && !dryRun) await finish(board, { signal });
  return { strategy: "in_place" };
}

/** What was put onto the board, for the recovery table, which carries it on from here. */
interface Placed {
  readonly begin: Fresh;
  /** The board as it is with it. */
  readonly seen: (before: Glance) => Glance;
}

async function stageRelease(work: Work, release: Release, staging: Staging): Promise<Placed> {
  const { visit, report, signal } = work;
  const onProgress = (doneBytes: number, totalBytes: number) =>
    report({ phase: "staging", doneBytes, totalBytes });
  await stage(visit.board, staging, { signal, onProgress });
  const header = { archiveSha256: release.sha256, version: release.version };
  return {
    begin: { release, operations: staging.files.length, way: { kind: "staged" } },
    seen: (before) => ({ ...before, leftOvers: true, transaction: { state: "journal", header } }),
  };
}

async function replaceFiles(
  work: Work,
  { inspection, plan, release, memory }: Omit<Planned, "seen"> & { readonly memory: Memory },
): Promise<Placed> {
  const { visit, attempt, report, signal, key } = work;
  const backup = await takeBackup(visit.board, inspection, plan, { release, signal });
  const shelved = await memory.backups.save(key, backup);
  attempt.beginCommit();
  const { confirmMs } = work.settings;
  work.bound.hold(
    planBoundMs(work, plan) + commitBoundMs({ files: plan.operations.length, confirmMs }),
  );
  const onProgress = (doneBytes: number, totalBytes: number) =>
    report({ phase: "staging", doneBytes, totalBytes });
  try {
    await installInPlace(visit.board, inspection, plan, backup, { signal, onProgress });
  } catch (error) {
    // The backup stays for the next visit where the old files could not be put back now.
    const code = error instanceof UotaError ? error.code : "internal";
    if (code === "unfinished_transaction") attempt.lostTrack();
    else await memory.backups.remove(shelved.name);
    throw error;
  }
  attempt.lostTrack();
  const operations = plan.operations.length;
  return {
    begin: { release, operations, way: { kind: "replaced", shelved } },
    seen: (before) => before,
  };
}

/** A look at each file of the release. */
function inspectionBoundMs({ settings: { baud } }: Work, release: Release): number {
  const files = release.files.length;
  const readBytes = release.files.reduce((sum, { content }) => sum + content.byteLength, 0);
  return workBoundMs({ files, sentBytes: 0, readBytes, baud });
}

/** What is replaced in place is read first, and what was staged is hashed. */
function planBoundMs({ settings: { baud } }: Work, { operations, putBytes }: Plan): number {
  return workBoundMs({ files: operations.length, sentBytes: putBytes, readBytes: putBytes, baud });
}
