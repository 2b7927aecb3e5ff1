/**
 * A run over boards: poll, notice, archive, release, and each board brought to it. What `uota update`
 * and `uota check` run; the order of the steps on one board is in `bring_to_release.ts`.
 *
 * INVARIANTS
 * - No board is touched before every release that the run needs is verified.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { attemptBoards, type RunOptions } from "./attempts.ts";
import type { Outcome, Reason } from "./board/outcome.ts";
import { bringToRelease } from "./bring_to_release.ts";
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
    ...{
      signal,
      jobs,
      turns: options.shared?.turns,
      clock: options.clock ?? options.shared?.clock,
    },
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
        // Another configuration may want another release.
        (board.entry?.settings ?? options.config.defaults).pin,
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
