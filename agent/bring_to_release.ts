/**
 * The order of the steps on one board: glance, settle, decide, inspect, plan, stage, commit, confirm.
 * `update.ts` does this for each board of a run, `rollback.ts` with the release before.
 *
 * INVARIANTS
 * - From the journal on, cancelling waits: the commit and what belongs to it are carried through.
 */
import { UotaError } from "../errors/mod.ts";
import type { Work } from "./attempts.ts";
import { takeBackup } from "./board/backup.ts";
import { commit, finish, rollBack } from "./board/commit.ts";
import { confirm, type Verdict } from "./board/confirm.ts";
import { decide } from "./board/decide.ts";
import { installInPlace, putBack } from "./board/in_place.ts";
import { type Glance, glance, inspect, type Inspection } from "./board/inspect.ts";
import { cleanUpFates, type Plan, planUpdate } from "./board/plan.ts";
import { settle } from "./board/settle.ts";
import { NEW_DIRECTORY } from "./board/paths_on_board.ts";
import { chooseWay } from "./board/space.ts";
import { prepareStaging, stage, type Staging } from "./board/stage.ts";
import type { Memory } from "./memory.ts";
import type { Release } from "./release/mod.ts";
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
}

/** All that one board needs, from the first look to the confirmation. */
export async function bringToRelease(
  work: Work,
  release: Release,
  options: BringOptions,
): Promise<void> {
  const { visit, key, settings, attempt, report, signal } = work;
  const { memory, dryRun } = options;

  report({ phase: "inspecting" });
  let seen = await glance(visit.board, { signal });
  attempt.offered(seen.version, release);
  work.bound.allow(inspectionBoundMs(work, release), "being inspected");
  if (!dryRun) {
    const settled = await settle(visit, seen, {
      signal: uncancellable(),
      ...{ key, store: memory.store, backups: memory.backups, log: options.log },
      ...{ watchMs: settings.confirmMs, ready: settings.ready },
    });
    if (settled.kind === "rolled_back") {
      const { archiveSha256: sha256, version } = settled.release;
      memory.store.markBad(key, { sha256, version }, settled.reason);
      return attempt.rolledBack(settled.reason);
    }
    if (settled.kind === "needs_repair" && settled.failed?.release) {
      const { archiveSha256: sha256, version } = settled.failed.release;
      memory.store.markBad(key, { sha256, version }, settled.failed.reason);
    }
    seen = settled.seen;
    attempt.offered(seen.version, release);
  }
  const decision = decide(seen, release, {
    ...options,
    pin: settings.pin,
    bad: memory.store.badRelease(key, release.sha256),
  });
  if (decision.kind === "leave") {
    if (seen.leftOvers && !seen.needsRepair && !dryRun) await finish(visit.board, { signal });
    return attempt.left(decision.outcome, decision.reason);
  }
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
      ? "Every file is right already"
      : `Would bring the board to ${release.version}`;
    return attempt.left("skipped", { code: "dry_run", message });
  }
  if (plan.operations.length === 0) {
    if (seen.leftOvers) await finish(visit.board, { signal });
    return attempt.left("current", null);
  }
  const goBack = way.strategy === "staged"
    ? await installStaged(work, way.staging, seen)
    : await installReplacing(work, { inspection, plan, release, memory });
  attempt.installed();
  // Files of two releases are nothing to go back to.
  if (seen.needsRepair) await finish(visit.board, { signal: uncancellable() });
  await confirmOrGoBack(work, release, { memory, goBack: seen.needsRepair ? null : goBack });
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

/** Each way of installing answers with its way back. */
type GoBack = () => Promise<void>;

async function installStaged(
  work: Work,
  staging: Staging,
  { needsRepair }: Pick<Glance, "needsRepair">,
): Promise<GoBack> {
  const { visit, attempt, report, signal, settings: { confirmMs } } = work;
  const onProgress = (doneBytes: number, totalBytes: number) =>
    report({ phase: "staging", doneBytes, totalBytes });
  await stage(visit.board, staging, { signal, onProgress });
  attempt.beginCommit();
  work.bound.hold(commitBoundMs({ files: staging.files.length, confirmMs }));
  report({ phase: "committing" });
  await commit(visit.board, { signal: uncancellable(), needsRepair });
  return () => rollBack(visit.board, { signal: uncancellable(), needsRepair });
}

async function installReplacing(
  work: Work,
  { inspection, plan, release, memory }: Omit<Planned, "seen"> & { readonly memory: Memory },
): Promise<GoBack> {
  const { visit, attempt, report, signal, key } = work;
  const backup = await takeBackup(visit.board, inspection, plan, { release, signal });
  await memory.backups.save(key, backup);
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
    if (code !== "unfinished_transaction") await memory.backups.remove(key);
    throw error;
  }
  return () => putBack(visit.board, backup, { signal: uncancellable() });
}

/** Resets, watches, and goes back where the release does not do. Not to be cancelled: see above. */
async function confirmOrGoBack(
  work: Work,
  release: Release,
  { memory, goBack }: { readonly memory: Memory; readonly goBack: GoBack | null },
): Promise<void> {
  const { visit, attempt, report, settings, key } = work;
  const signal = uncancellable();
  const watching = { signal, watchMs: settings.confirmMs, ready: settings.ready };
  report({ phase: "confirming" });
  if (settings.confirmMs === 0) {
    if (visit.board.capabilities.directories) await finish(visit.board, { signal });
    await visit.resetAndLeave({ signal });
    await memory.backups.remove(key);
    return attempt.updated();
  }
  const verdict = await confirm(visit, watching);
  if (verdict.kind === "healthy") {
    if (verdict.ended && visit.board.capabilities.directories) {
      await visit.board.resynchronise({ signal });
      await finish(visit.board, { signal });
      await visit.board.leaveAtPrompt({ signal });
    }
    await memory.backups.remove(key);
    memory.store.clearBad(key, release.sha256);
    return attempt.updated();
  }
  const reason = { code: verdict.code, message: verdict.message };
  memory.store.markBad(key, release, reason);
  if (goBack === null) {
    await memory.backups.remove(key);
    const message = `${reason.message}\nThere is nothing to go back to, since the record of an ` +
      "earlier update was damaged on the board: the release stays. Publish one that works";
    return attempt.failed(new UotaError(verdict.code, message));
  }
  report({ phase: "rolling_back" });
  await visit.board.interrupt({ signal });
  await goBack();
  await memory.backups.remove(key);
  const old: Verdict = await confirm(visit, { ...watching, ready: "" });
  const alsoFails = old.kind === "failed"
    ? `\nThe old release is back, and fails as well:\n${old.message}`
    : "";
  attempt.rolledBack({ ...reason, message: reason.message + alsoFails });
}

/** Settling may have a commit, a confirmation and a way back in it. */
function inspectionBoundMs({ settings: { baud, confirmMs } }: Work, release: Release): number {
  const files = release.files.length;
  const readBytes = release.files.reduce((sum, { content }) => sum + content.byteLength, 0);
  return workBoundMs({ files, sentBytes: 0, readBytes, baud }) +
    commitBoundMs({ files, confirmMs });
}

/** What is replaced in place is read first, and what was staged is hashed. */
function planBoundMs({ settings: { baud } }: Work, { operations, putBytes }: Plan): number {
  return workBoundMs({ files: operations.length, sentBytes: putBytes, readBytes: putBytes, baud });
}

/** Every wait on the line has a bound of its own, so this cannot last for ever. */
function uncancellable(): AbortSignal {
  return new AbortController().signal;
}
