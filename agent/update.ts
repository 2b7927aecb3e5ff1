/**
 * The order of the steps, and the only place that knows it: poll, notice, archive, release; then for
 * each board inspection, plan, stage, commit, finish, restart, outcome. What `uota update` and
 * `uota check` run.
 *
 * INVARIANTS
 * - No board is touched before every release that the run needs is verified.
 * - Every board of the run gets an outcome, whatever happens to the others.
 * - From the journal on, cancelling waits: the commit and what belongs to it are carried through.
 */
import type { GatewayConfig } from "../config/mod.ts";
import { messageOf, UotaError } from "../errors/mod.ts";
import { type Board, connectBoard } from "../serial/mod.ts";
import { commit, finish, rollBack } from "./board/commit.ts";
import { decide } from "./board/decide.ts";
import { installInPlace } from "./board/in_place.ts";
import { type Glance, glance, inspect } from "./board/inspect.ts";
import { Attempt } from "./board/attempt.ts";
import type { Outcome } from "./board/outcome.ts";
import { planUpdate } from "./board/plan.ts";
import { restart } from "./board/restart.ts";
import { stage } from "./board/stage.ts";
import { chooseBoards } from "./fleet/choose.ts";
import { type FleetBoard, identify } from "./fleet/identity.ts";
import { sideBySide } from "./fleet/side_by_side.ts";
import type { Release } from "./release/mod.ts";
import { type Offer, readLocalOffer, readOffer, readOfferAt } from "./release/offers.ts";

export interface UpdateRequest {
  /** As typed: `all`, a name, `group:x`, … */
  readonly selectors: readonly string[];
  /** False with `--no-version-check`. */
  readonly versionCheck: boolean;
  readonly force: boolean;
  readonly dryRun: boolean;
  /** Null: the configuration's. */
  readonly jobs: number | null;
  /** A local archive; null: the source's. */
  readonly archive: string | null;
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

export type ProgressEvent =
  & { readonly board: string; readonly port: string }
  & (
    | { readonly phase: "opening" | "inspecting" | "committing" | "restarting" }
    | {
      readonly phase: "staging";
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
    | { readonly phase: "done"; readonly outcome: Outcome }
  );

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (event: ProgressEvent) => void;
  readonly log?: (line: string) => void;
}

/** How a step reports where it is; the board and its port are known by then. */
type Report = (
  event: DistributiveOmit<ProgressEvent, "board" | "port">,
) => void;
type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key>
  : never;

/**
 * Brings the selected boards to the release that their source offers.
 *
 * @throws {UotaError} for what concerns the whole run: a release that is refused, a server that
 *   cannot be reached, `unknown_board`, `usage`, `not_attached` where there is no board at all
 */
export async function update(
  config: GatewayConfig,
  request: UpdateRequest,
  options: RunOptions,
): Promise<UpdateReport> {
  const jobs = request.jobs ?? config.gateway.jobs;
  const { signal } = options;
  const common = request.archive === null
    ? await readOffer(config.source, { signal })
    : await readLocalOffer(request.archive, { signal });
  // Without sources of their own there is nothing left for any board, so none is disturbed.
  if (config.boards.every(({ url }) => url === null)) releaseOf(common);

  const boards = await chooseBoards(config, request.selectors, { signal, jobs });
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
    else offers.set(url, local ? common : await readOfferAt(url, config.source, { signal }));
  }
  const run: Run = { config, request, options, offers };
  const visit = (some: readonly FleetBoard[]) =>
    sideBySide(some, jobs, (board) => {
      if (signal.aborted) return Promise.reject(signal.reason);
      return attemptBoard(board, run);
    });
  const visited = await visit(boards.filter(({ port }) => port !== null));
  // An entry that matched no port from outside may be one of the boards that said their uid now.
  const found = new Set(visited.map(({ name }) => name));
  const missing = await visit(boards.filter(({ port, name }) => !port && !found.has(name)));
  signal.throwIfAborted();
  const release = common.kind === "release" ? summarise(common.release) : null;
  return { release, boards: [...visited, ...missing] };
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

interface Run {
  readonly config: GatewayConfig;
  readonly request: UpdateRequest;
  readonly options: RunOptions;
  /** By source; null is the common one. */
  readonly offers: ReadonlyMap<string | null, Offer>;
}

/** One board from first contact to its outcome; throws only when the run is cancelled. */
async function attemptBoard(known: FleetBoard, run: Run): Promise<Outcome> {
  const { config, options } = run;
  const attempt = new Attempt(known);
  const end = (outcome: Outcome): Outcome => {
    options.onProgress?.({
      board: outcome.name,
      port: outcome.port ?? "",
      phase: "done",
      outcome,
    });
    return outcome;
  };
  if (!known.port) return end(attempt.unreachable("not_attached", notAttached(known, config)));
  const { path } = known.port;
  let board: Board | null = null;
  try {
    options.onProgress?.({ board: known.name, port: path, phase: "opening" });
    const baud = (known.entry?.settings ?? config.defaults).baud;
    await using opened = await connectBoard(path, { signal: options.signal, baud });
    board = opened;
    const fleetBoard = identify(config, known, opened.capabilities.uid);
    attempt.identified(fleetBoard);
    const report: Report = (event) =>
      options.onProgress?.({ board: fleetBoard.name, port: path, ...event });
    await bringToRelease(opened, fleetBoard, { ...run, attempt, report });
  } catch (error) {
    if (options.signal.aborted && !attempt.committed) throw options.signal.reason;
    attempt.failed(error instanceof UotaError ? error : unexpected(error));
  }
  return end(attempt.outcome(board?.bytesWritten ?? 0));
}

interface Visit extends Run {
  readonly attempt: Attempt;
  readonly report: Report;
}

async function bringToRelease(board: Board, known: FleetBoard, visit: Visit): Promise<void> {
  const { request, attempt, report, config } = visit;
  const { signal } = visit.options;
  const settings = known.entry?.settings ?? config.defaults;
  const release = releaseOf(visit.offers.get(known.entry?.url ?? null));

  report({ phase: "inspecting" });
  let seen = await glance(board, { signal });
  if (seen.unfinished && !request.dryRun) seen = await settle(board, visit);
  attempt.offered(seen.version, release.version);

  const decision = decide(seen, release, { ...request, pin: settings.pin });
  if (decision.kind === "leave") {
    if (seen.leftOvers && !request.dryRun) await finish(board, { signal });
    return attempt.left(decision.outcome, decision.reason);
  }
  const inspection = await inspect(board, seen, release, { ...settings, signal });
  const plan = planUpdate(inspection, release);
  const staged = board.capabilities.directories && board.capabilities.rename;
  attempt.planned(plan.counts, staged ? "staged" : "in_place");
  if (request.dryRun) {
    return attempt.left("skipped", {
      code: "dry_run",
      message: plan.operations.length === 0
        ? "Every file is right already"
        : `Would bring the board to ${release.version}`,
    });
  }
  if (plan.operations.length === 0) {
    if (seen.leftOvers) await finish(board, { signal });
    return attempt.left("current", null);
  }
  const onProgress = (doneBytes: number, totalBytes: number) =>
    report({ phase: "staging", doneBytes, totalBytes });
  if (staged) {
    await stage(board, seen, plan, release, { signal, onProgress });
    attempt.beginCommit();
    report({ phase: "committing" });
    await commit(board, { signal: uncancellable() });
    await finish(board, { signal: uncancellable() });
  } else {
    attempt.beginCommit();
    await installInPlace(board, inspection, plan, { signal, onProgress });
  }
  attempt.installed();
  report({ phase: "restarting" });
  await restart(board, {
    signal: uncancellable(),
    // attemptBoard visits only boards that hang on a port.
    port: known.port ?? { path: board.path, devicePath: board.path, usb: null },
    portGlobs: config.gateway.ports,
  });
  attempt.updated();
}

/** Carries an open transaction forward, or back where that is not possible. */
async function settle(board: Board, visit: Visit): Promise<Glance> {
  const signal = uncancellable();
  visit.options.log?.(`${board.path}: finishing what an interrupted update left behind`);
  try {
    await commit(board, { signal });
    await finish(board, { signal });
  } catch (error) {
    if (!(error instanceof UotaError) || error.code === "unfinished_transaction") throw error;
    if ((await glance(board, { signal })).unfinished) await rollBack(board, { signal });
  }
  return await glance(board, { signal });
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

function notAttached(board: FleetBoard, config: GatewayConfig): string {
  const { entry } = board;
  const match = entry?.match;
  const what = match === undefined
    ? board.name
    : match.kind === "port"
    ? `the port ${match.port}`
    : match.kind === "uid"
    ? `the uid ${match.uid}`
    : `the USB serial number ${match.usbSerial}`;
  return `No board with ${what} is attached to ${config.gateway.ports.join(", ")}; ` +
    "check its cable and power, or its match in the configuration";
}

function unexpected(error: unknown): UotaError {
  return new UotaError("internal", `Unexpected failure: ${messageOf(error)}`, { cause: error });
}
