/**
 * The order of the steps, and the only place that knows it: poll, notice, archive, release; then for
 * each board inspection, plan, stage, commit, confirm, outcome. What `uota update` and `uota check`
 * run.
 *
 * INVARIANTS
 * - No board is touched before every release that the run needs is verified.
 * - From the journal on, cancelling waits: the commit and what belongs to it are carried through.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { attemptBoards, type RunOptions, type Work } from "./attempts.ts";
import { takeBackup } from "./board/backup.ts";
import { commit, finish, rollBack } from "./board/commit.ts";
import { confirm, type Verdict } from "./board/confirm.ts";
import { decide } from "./board/decide.ts";
import { installInPlace, putBack } from "./board/in_place.ts";
import { type Glance, glance, inspect, type Inspection } from "./board/inspect.ts";
import type { Outcome, Reason } from "./board/outcome.ts";
import { cleanUpFates, type Plan, planUpdate } from "./board/plan.ts";
import { settle } from "./board/settle.ts";
import { NEW_DIRECTORY } from "./board/paths_on_board.ts";
import { chooseWay } from "./board/space.ts";
import { prepareStaging, stage, type Staging } from "./board/stage.ts";
import { chooseBoards } from "./fleet/choose.ts";
import type { FleetBoard } from "./fleet/identity.ts";
import { type Memory, openMemory } from "./memory.ts";
import type { KeptArchive, Release } from "./release/mod.ts";
import { type Offer, readLocalOffer, readOffer, sourceAt } from "./release/offers.ts";

export type { ProgressEvent, RunOptions } from "./attempts.ts";

export interface UpdateRequest {
  /** As typed: `all`, a name, `group:x`, … */
  readonly selectors: readonly string[];
  /** False with `--no-version-check`. */
  readonly versionCheck: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Null: the configuration's. */
  readonly jobs: number | null;
  /** A local archive: a file's path, or one that was handed over before. Null: the source's. */
  readonly archive: string | KeptArchive | null;
}

export interface ReleaseSummary {
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  readonly verifiedBy: readonly string[];
}

export interface UpdateReport {
  /** The common source's release; null where every board has a source of its own. */
  readonly release: ReleaseSummary | null;
  readonly boards: readonly Outcome[];
}

/**
 * Brings the selected boards to the release that their source offers.
 *
 * @throws {UotaError} for what concerns the whole run: a release that is refused, a server that
 *   cannot be reached, `unknown_board`, `usage`, `not_attached` where there is no board at all,
 *   `config_invalid` where the state directory cannot be written
 */
export async function update(
  config: GatewayConfig,
  request: UpdateRequest,
  options: RunOptions,
): Promise<UpdateReport> {
  const { signal } = options;
  const jobs = request.jobs ?? config.gateway.jobs;
  using opened = openMemory(config, options);
  const { memory } = opened;
  const getting = { signal, archives: memory.archives };
  const common = request.archive === null
    ? await readOffer(config.source, getting)
    : await readLocalOffer(request.archive, getting);
  // Without sources of their own there is nothing left for any board, so none is disturbed.
  if (config.boards.every(({ url }) => url === null)) releaseOf(common);

  const boards = await chooseBoards(config, request.selectors, {
    ...{ signal, jobs, turns: options.shared?.turns },
  });
  if (boards.length === 0) {
    throw new UotaError(
      "not_attached",
      `No board is attached: nothing matches ${config.gateway.ports.join(", ")}; ` +
        "plug one in, or name its port in gateway.ports",
    );
  }
  const offers = new Map<string | null, Offer>([[null, common]]);
  for (const url of sourcesOf(boards, config)) {
    const local = request.archive !== null;
    if (url === null) releaseOf(common);
    else offers.set(url, local ? common : await readOffer(sourceAt(url, config.source), getting));
  }
  const outcomes = await bringToOffers(boards, offers, {
    ...options,
    ...{ config, jobs, memory, request },
  });
  const release = common.kind === "release" ? summarise(common.release) : null;
  return { release, boards: outcomes };
}

/** What sources offer, by a board's own URL; null is the common source. */
export type Offers = ReadonlyMap<string | null, Offer>;

const BY_HAND_ONLY: Reason = {
  code: "by_hand_only",
  message: "The board is not updated by itself (auto = false); uota update does it",
};
const NOT_OFFERED: Reason = {
  code: "not_offered",
  message: "The board's own source has not offered a release yet",
};

/** What {@linkcode bringToOffers} goes by. */
export interface OffersOptions extends RunOptions {
  readonly config: GatewayConfig;
  readonly jobs: number;
  readonly memory: Memory;
  readonly request: Pick<UpdateRequest, "versionCheck" | "force" | "dryRun">;
  /** Nobody asked for it: boards that are not to be updated by themselves are left alone. */
  readonly byItself?: boolean;
}

/** Brings each board to what its source offers. */
export async function bringToOffers(
  boards: readonly FleetBoard[],
  offers: Offers,
  options: OffersOptions,
): Promise<Outcome[]> {
  const { memory, request, byItself = false, log = () => {} } = options;
  const { versionCheck, force, dryRun } = request;
  const flags = { versionCheck, force, dryRun };
  const attempting = {
    ...options,
    memory: dryRun ? null : memory,
    // Who asks for an update means boards that are not updated by themselves, too.
    purpose: (board: FleetBoard) =>
      JSON.stringify([
        "update",
        flags,
        offered(board, offers),
        byItself && mayHaveEntry(board, options.config),
      ]),
  };
  return await attemptBoards(boards, attempting, async (work) => {
    if (byItself && !work.settings.auto) return work.attempt.left("skipped", BY_HAND_ONLY);
    if (byItself && !offers.has(work.board.entry?.url ?? null)) {
      return work.attempt.left("skipped", NOT_OFFERED);
    }
    const release = releaseOf(offers.get(work.board.entry?.url ?? null));
    await bringToRelease(work, release, { ...flags, memory, log });
  });
}

/** Whether an entry may turn out to be the board's, once it says its uid. */
export function mayHaveEntry(board: FleetBoard, { boards }: GatewayConfig): boolean {
  return !board.identified && boards.some(({ match }) => match.kind === "uid");
}

/** The releases of which one is for the board, as their hashes: which one, it may have to say itself. */
function offered(board: FleetBoard, offers: Offers): readonly string[] {
  const relevant = board.identified
    ? [offers.get(board.entry?.url ?? null)]
    : [...new Set(offers.values())];
  return relevant.flatMap((offer) => offer?.kind === "release" ? [offer.release.sha256] : [])
    .sort();
}

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
  const space = await board.space({ signal });
  const way = chooseWay(space, plan, release, inspection, {
    missing: staging.missing.map(({ entry }) => entry.content.byteLength - (entry.offset ?? 0)),
    journalBytes: staging.journal.byteLength,
  });
  if (way === "beside") return { strategy: "staged", staging };
  // Staged files of an earlier attempt would take the room that there is not.
  if (seen.needsRepair && !dryRun) await board.removeTree(NEW_DIRECTORY, { signal });
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
  const { visit, attempt, report, signal } = work;
  const onProgress = (doneBytes: number, totalBytes: number) =>
    report({ phase: "staging", doneBytes, totalBytes });
  await stage(visit.board, staging, { signal, onProgress });
  attempt.beginCommit();
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
      await visit.board.interruptPrompt({ signal });
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

/** The sources that the boards may need; null is the common one. */
function sourcesOf(boards: readonly FleetBoard[], config: GatewayConfig): Set<string | null> {
  const urls = new Set<string | null>(
    boards.filter(({ identified }) => identified).map(({ entry }) => entry?.url ?? null),
  );
  if (boards.some(({ identified }) => !identified)) {
    urls.add(null);
    for (const { match, url } of config.boards) if (match.kind === "uid") urls.add(url);
  }
  return urls;
}

function releaseOf(offer: Offer | undefined): Release {
  if (!offer) throw new UotaError("internal", "A board's source was not asked");
  if (offer.kind === "refused") throw offer.error;
  return offer.release;
}

function summarise({ version, archive, sha256, verifiedBy }: Release): ReleaseSummary {
  return { version, archive, sha256, verifiedBy };
}

/** Every wait on the line has a bound of its own, so this cannot last for ever. */
function uncancellable(): AbortSignal {
  return new AbortController().signal;
}
