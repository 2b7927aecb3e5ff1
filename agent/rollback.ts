/**
 * Back to the release before: from the board itself where it still has it, else from the archives
 * that the gateway keeps. What `uota rollback` runs.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { attemptBoards, type RunOptions, type Work } from "./attempts.ts";
import { oldVersion, readTransaction } from "./board/commit.ts";
import { type Glance, glance } from "./board/inspect.ts";
import { type Outcome, ROLLED_BACK_BY_HAND } from "./board/outcome.ts";
import { bringToRelease } from "./bring_to_release.ts";
import { chooseBoards } from "./fleet/choose.ts";
import { type Memory, openMemory } from "./memory.ts";
import { recover } from "./recover.ts";
import { LONGEST_VERSION_BYTES, type Release, verifyArchive } from "./release/mod.ts";

export interface RollbackRequest {
  readonly selectors: readonly string[];
  /** Null: the configuration's. */
  readonly jobs: number | null;
}

/**
 * Brings the selected boards back to the release before. The release that they leave counts as bad
 * for them, so that it does not come back by itself.
 *
 * @throws {UotaError} `unknown_board`, `usage`, `config_invalid`
 */
export async function rollback(
  config: GatewayConfig,
  request: RollbackRequest,
  options: RunOptions,
): Promise<readonly Outcome[]> {
  const { log = () => {} } = options;
  const jobs = request.jobs ?? config.gateway.jobs;
  using opened = openMemory(config, options);
  const { memory } = opened;
  const choosing = {
    ...{ signal: options.signal, jobs, clock: options.clock ?? options.shared?.clock },
    turns: options.shared?.turns,
  };
  const boards = await chooseBoards(config, request.selectors, choosing);
  return await attemptBoards(
    boards,
    { ...options, config, jobs, memory, purpose: () => "rollback" },
    (work) => goBack(work, memory, log),
  );
}

async function goBack(work: Work, memory: Memory, log: (line: string) => void): Promise<void> {
  const { visit, attempt, report, signal } = work;
  report({ phase: "inspecting" });
  const seen = await glance(visit.board, { signal });
  attempt.saw(seen.version);
  const isBarred = await leadsToBadRelease(work, seen, memory);
  const begin = isBarred ? "arrived" : "arrived_to_go_back";
  const recovered = await recover(work, seen, { memory, log, begin });
  if (recovered.left !== null && recovered.end === "proceed") {
    await wentBackOnBoard(work, memory);
    return;
  }
  if (recovered.end === "went_back") await visit.enter({ signal });
  // Of a release that is wholly in place, only the way back is damaged.
  const isBetween = recovered.end === "repair" && seen.transaction?.state !== "committed";
  await goBackByArchive(work, recovered.seen, { memory, log, isBetween });
}

/** Whether the old files on the board are of a release that is known to be bad for it. */
async function leadsToBadRelease(
  { visit, key, signal }: Work,
  { transaction }: Glance,
  { store }: Memory,
): Promise<boolean> {
  if (transaction?.state !== "committed") return false;
  const reading = await readTransaction(visit.board, transaction.state, { signal });
  if (reading.kind !== "whole") return false;
  const limits = { signal, limitBytes: LONGEST_VERSION_BYTES };
  const version = await oldVersion(visit.board, reading.journal, limits);
  return version !== null && store.isBadVersion(key, version);
}

/** The board had its old files itself, and has them back. */
async function wentBackOnBoard(
  { visit, key, attempt, offer }: Work,
  memory: Memory,
): Promise<void> {
  const version = attempt.versionNow;
  const archive = memory.store.installedArchives(key).find((one) => one.version === version);
  if (archive !== undefined) offer(archive);
  else if (version !== null) attempt.offered({ version, sha256: null });
  await visit.resetAndLeave({ signal: new AbortController().signal });
  attempt.updated();
}

/** From an archive that the gateway has kept: the latest other one that is not known to be bad. */
async function goBackByArchive(
  work: Work,
  seen: Glance,
  { memory, log, isBetween }: {
    readonly memory: Memory;
    readonly log: (line: string) => void;
    /** Whether the files may be of two releases, so that the latest one is the one to go back to. */
    readonly isBetween: boolean;
  },
): Promise<void> {
  const { key, attempt, signal } = work;
  const { store } = memory;
  const installed = store.installedArchives(key);
  const present = isBetween ? undefined : installed.find(({ version }) => version === seen.version);
  const good = installed.filter(({ sha256, version }) =>
    (isBetween || version !== seen.version) && store.badRelease(key, sha256) === null
  );
  const release = await firstKept(good, memory, signal);
  if (!release) {
    throw noPrevious(seen.version, {
      wasInstalled: good.length > 0,
      hasBad: good.length === 0 && installed.some(({ version }) => version !== seen.version),
    });
  }
  const isNoted = present !== undefined && store.badRelease(key, present.sha256) === null;
  if (isNoted) store.markBad(key, present, ROLLED_BACK_BY_HAND);
  try {
    await bringToRelease(work, release, {
      versionCheck: false,
      force: true,
      dryRun: false,
      goesBack: true,
      remove: present ? await onlyIn(present.sha256, release, memory, signal) : [],
      ...{ memory, log },
    });
    if (attempt.succeeded) attempt.updated();
  } finally {
    // What the board is on after all is not bad for want of something better; what was interrupted
    // is still to be left.
    const isLeft = attempt.succeeded || attempt.committed && !attempt.wentBack;
    if (isNoted && !isLeft) store.clearBad(key, present.sha256);
  }
}

/** What the release that is left brought and its predecessor does not have. */
async function onlyIn(
  sha256: string,
  predecessor: Release,
  memory: Memory,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const present = await firstKept([{ sha256, version: "" }], memory, signal);
  const kept = new Set(predecessor.files.map(({ path }) => path));
  return present?.files.map(({ path }) => path).filter((path) => !kept.has(path)) ?? [];
}

async function firstKept(
  archives: readonly { readonly sha256: string; readonly version: string }[],
  memory: Memory,
  signal: AbortSignal,
): Promise<Release | null> {
  for (const { sha256, version } of archives) {
    const archive = await memory.archives.get(sha256);
    if (!archive) continue;
    return await verifyArchive(archive, {
      notice: null,
      name: `${version} (kept by the gateway)`,
      require: "none",
      isPinned: false,
      signal,
    });
  }
  return null;
}

function noPrevious(
  version: string | null,
  { wasInstalled, hasBad }: { readonly wasInstalled: boolean; readonly hasBad: boolean },
): UotaError {
  const why = wasInstalled
    ? "the gateway installed others before, but no longer keeps their archives"
    : hasBad
    ? "every other release that the gateway has installed on it is known to be bad for it"
    : "the gateway has installed no other release on it";
  return new UotaError(
    "no_previous",
    `There is no good release to go back to from ${
      version ?? "what is on the board"
    }: the board has ` +
      `no old files of its own, and ${why}. ` +
      "Install an archive of the old release with update --archive FILE --force",
  );
}
