/**
 * Back to the release before: from the board itself where it still has it, else from the archives
 * that the gateway keeps. What `uota rollback` runs.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { attemptBoards, type RunOptions, type Work } from "./attempts.ts";
import { isReadable, rollBack } from "./board/commit.ts";
import { type Glance, glance } from "./board/inspect.ts";
import type { Outcome, Reason } from "./board/outcome.ts";
import { chooseBoards } from "./fleet/choose.ts";
import { type Memory, openMemory } from "./memory.ts";
import { type Release, verifyArchive } from "./release/mod.ts";
import { bringToRelease } from "./bring_to_release.ts";
import { commitBoundMs } from "./visit_bound.ts";

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

const BY_HAND: Reason = {
  code: "rolled_back_by_hand",
  message: "Somebody went back from it with uota rollback",
};

async function goBack(work: Work, memory: Memory, log: (line: string) => void): Promise<void> {
  const { visit, key, attempt, report, bound, signal } = work;
  report({ phase: "inspecting" });
  const seen = await glance(visit.board, { signal });
  const isDamaged = seen.needsRepair || await hasDamagedJournal(work, seen);
  if (seen.transaction?.state === "committed" && !isDamaged) {
    const { header } = seen.transaction;
    attempt.beginCommit();
    bound.hold(commitBoundMs({ files: 0, confirmMs: 0 }));
    report({ phase: "rolling_back" });
    const carryingThrough = { signal: new AbortController().signal };
    await rollBack(visit.board, { ...carryingThrough, needsRepair: false });
    if (header) {
      memory.store.markBad(key, { ...header, sha256: header.archiveSha256 }, BY_HAND);
    }
    const { version } = await glance(visit.board, carryingThrough);
    attempt.wentBack(seen.version, version);
    await visit.resetAndLeave(carryingThrough);
    return attempt.rolledBack(null);
  }
  const [present, ...earlier] = memory.store.previousArchives(key);
  // Where an installation was interrupted for good, the last one that was not is the one before; so
  // it is where the board has a release that the gateway does not know of.
  const isBetween = isDamaged && seen.transaction?.state !== "committed";
  const isUnknown = present !== undefined && present.version !== seen.version;
  const before = (isBetween || isUnknown) && present ? [present, ...earlier] : earlier;
  const release = await firstKept(before, memory, signal);
  if (!present || !release) throw noPrevious(seen.version, before.length > 0);
  await bringToRelease(work, release, {
    versionCheck: false,
    force: true,
    dryRun: false,
    remove: await onlyIn(present.sha256, release, memory, signal),
    ...{ memory, log },
  });
  if (attempt.succeeded) {
    if (release.sha256 !== present.sha256) memory.store.markBad(key, present, BY_HAND);
    attempt.rolledBack(null);
  }
}

async function hasDamagedJournal({ visit, signal }: Work, seen: Glance): Promise<boolean> {
  return seen.transaction !== null &&
    !await isReadable(visit.board, seen.transaction.state, { signal });
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

function noPrevious(version: string | null, wasInstalled: boolean): UotaError {
  const why = wasInstalled
    ? "the gateway installed others before, but no longer keeps their archives"
    : "the gateway has installed no other release on it";
  return new UotaError(
    "no_previous",
    `There is nothing to go back to from ${version ?? "what is on the board"}: the board has ` +
      `removed its old files, and ${why}. ` +
      "Install an archive of the old release with update --archive FILE --force",
  );
}
