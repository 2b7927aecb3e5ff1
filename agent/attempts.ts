/**
 * One attempt a board, side by side: what `update` and `rollback` have in common. Opens each board,
 * lets the given work be done on it, and sees to the outcome and its record.
 *
 * INVARIANTS
 * - Every board of a run gets an outcome, whatever happens to the others.
 * - An attempt is in the store from before its board is touched, and its outcome when it has ended,
 *   as far as the disk allows: a board comes before its history.
 */
import type { BoardSettings, GatewayConfig } from "../config/mod.ts";
import { messageOf, UotaError } from "../errors/mod.ts";
import type { PortInfo } from "../serial/mod.ts";
import { Attempt } from "./board/attempt.ts";
import type { Outcome } from "./board/outcome.ts";
import { openVisit, type Visit } from "./board/visit.ts";
import { Claims } from "./fleet/claims.ts";
import { type FleetBoard, identify } from "./fleet/identity.ts";
import { sideBySide } from "./fleet/side_by_side.ts";
import { type BoardKey, boardKey, type InstalledArchive } from "./fleet/store.ts";
import { inTurn, type Turns } from "./fleet/turns.ts";
import type { Clock } from "./clock.ts";
import type { Memory } from "./memory.ts";
import { openingBoundMs, VisitBound } from "./visit_bound.ts";

export type ProgressEvent =
  & { readonly board: string; readonly port: string }
  & (
    | { readonly phase: "opening" | "inspecting" | "committing" | "confirming" | "rolling_back" }
    | {
      readonly phase: "staging";
      readonly doneBytes: number;
      readonly totalBytes: number;
    }
    | {
      readonly phase: "done";
      readonly outcome: Outcome;
      /** Nothing was settled, since it was a dry run. */
      readonly dry?: true;
    }
  );

/** What the runs of one process have in common. */
export interface Shared {
  readonly turns: Turns;
  readonly memory: Memory;
  readonly claims: Claims;
  /** Of the bounds on visits. @default the system's */
  readonly clock?: Clock | undefined;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  readonly log?: (line: string) => void;
  /** How long a board may take to come back from a reset. @default 20000 */
  readonly returnBoundMs?: number;
  /** Of the bounds on visits. @default that of `shared`, or the system's */
  readonly clock?: Clock | undefined;
  /** Where other runs go on in this process. */
  readonly shared?: Shared | undefined;
}

/** How a step reports where it is; the board and its port are known by then. */
export type Report = (event: DistributiveOmit<ProgressEvent, "board" | "port">) => void;
type DistributiveOmit<Union, Key extends PropertyKey> = Union extends unknown ? Omit<Union, Key>
  : never;

/** What the work on one board gets. */
export interface Work {
  readonly visit: Visit;
  readonly board: FleetBoard;
  readonly key: BoardKey;
  readonly settings: BoardSettings;
  readonly attempt: Attempt;
  /** Notes what the attempt is for. */
  readonly offer: (release: InstalledArchive) => void;
  readonly report: Report;
  /** How long the visit may take; `signal` aborts with it. */
  readonly bound: VisitBound;
  readonly signal: AbortSignal;
}

export interface AttemptsOptions extends RunOptions {
  readonly config: GatewayConfig;
  readonly jobs: number;
  /** Null in a dry run, which leaves no trace. */
  readonly memory: Memory | null;
  /** What is done to a board, in words that are the same where the same is done. */
  readonly purpose: (board: FleetBoard) => string;
}

/**
 * Does `work` on each board.
 *
 * @throws the signal's reason when the run is cancelled, after every attempt under way has ended
 */
export async function attemptBoards(
  boards: readonly FleetBoard[],
  options: AttemptsOptions,
  work: (work: Work) => Promise<void>,
): Promise<Outcome[]> {
  const { signal, jobs, onProgress } = options;
  const done = (outcome: Outcome): Outcome => {
    onProgress?.({ board: outcome.name, port: outcome.port ?? "", phase: "done", outcome });
    return outcome;
  };
  const attached = boards.flatMap((board) => board.port ? [{ board, port: board.port }] : []);
  const turns = options.shared?.turns;
  const claims = options.shared?.claims ?? new Claims();
  const visited = await sideBySide(attached, jobs, async ({ board, port }, place) => {
    signal.throwIfAborted();
    const taking = { ...options, turns, onOverdue: place.giveUp };
    return await inTurn(port.path, taking, options.purpose(board), async (turn) => {
      const outcome = await attemptBoard(board, port, { ...options, ...turn, claims }, work);
      const dry = options.memory === null ? { dry: true } as const : {};
      turn.onProgress?.({ board: outcome.name, port: port.path, phase: "done", outcome, ...dry });
      return outcome;
    });
  });
  signal.throwIfAborted();
  // An entry that matched no port from outside may be one of the boards that said their uid now.
  const found = new Set(visited.map(({ name }) => name));
  const missing = boards.filter(({ port, name }) => port === null && !found.has(name));
  return [
    ...visited,
    ...missing.map((board) => {
      const rival = rivalOf(board, visited);
      return done(rival === null ? notAttached(board, options.config) : taken(board, rival));
    }),
  ];
}

async function attemptBoard(
  known: FleetBoard,
  port: PortInfo,
  options: AttemptsOptions & { readonly claims: Claims; readonly giveUpPlace: () => void },
  work: (work: Work) => Promise<void>,
): Promise<Outcome> {
  const { config, onProgress, memory } = options;
  using claim = options.claims.begin(port.path);
  using bound = new VisitBound({
    port: port.path,
    allowMs: openingBoundMs((known.entry?.settings ?? config.defaults).baud),
    onOverdue: options.giveUpPlace,
    clock: options.clock ?? options.shared?.clock,
  });
  const signal = AbortSignal.any([options.signal, claim.signal, bound.signal]);
  const attempt = new Attempt(known);
  let board = known;
  let key = boardKey({ uid: known.uid, port: port.path });
  const attempted = () => ({ key, name: board.name, uid: board.uid, port: port.path });
  const id = memory?.store.beginAttempt(attempted()) ?? null;
  const report: Report = (event) => {
    if (event.phase !== attempt.phase) memory?.store.addStep(id, event.phase);
    attempt.phase = event.phase;
    onProgress?.({ board: board.name, port: port.path, ...event });
  };
  let bytesWritten = 0;
  try {
    report({ phase: "opening" });
    const settings = () => board.entry?.settings ?? config.defaults;
    await using visit = await openVisit(port, {
      signal,
      baud: settings().baud,
      watchdogMs: settings().watchdogMs,
      portGlobs: config.gateway.ports,
      ...(options.returnBoundMs === undefined ? {} : { returnBoundMs: options.returnBoundMs }),
    });
    const { uid } = visit.board.capabilities;
    board = identify(config, known, uid);
    key = boardKey({ uid: board.uid, port: port.path });
    const lostUid = uid === null ? memory?.store.lastUidOn(port.path) ?? null : null;
    if (lostUid !== null && mayBeMistaken(config, board, lostUid)) {
      key = boardKey({ uid: lostUid, port: port.path });
      throw uidMissing(port.path, lostUid);
    }
    attempt.identified(board);
    memory?.store.identify(id, attempted());
    try {
      await visit.feedWatchdog(settings().watchdogMs, { signal });
      await claim.identify(visit.board.capabilities.uid, signal);
      const offer = (release: InstalledArchive) => {
        attempt.offered(release);
        memory?.store.noteOffer(id, release);
      };
      await work({
        ...{ visit, board, key, settings: settings() },
        ...{ attempt, offer, report, bound, signal },
      });
    } finally {
      bytesWritten = visit.bytesWritten;
    }
  } catch (error) {
    const failure = error instanceof UotaError ? error : memory?.failure(error);
    attempt.failed(failure ?? unexpected(error));
    if (options.signal.aborted && !attempt.committed) {
      attempt.failed(new UotaError("cancelled", messageOf(options.signal.reason)));
    } else if (claim.signal.aborted && !attempt.committed) {
      attempt.failed(claim.signal.reason);
    } else if (bound.signal.aborted && !attempt.committed) {
      attempt.failed(bound.signal.reason);
    }
  }
  const outcome = attempt.outcome(bytesWritten);
  memory?.store.endAttempt(id, key, {
    outcome,
    archiveSha256: attempt.archiveSha256,
    version: attempt.versionNow,
    isVersionLost: attempt.committed && attempt.versionNow === null,
    cleanUp: attempt.cleanUp,
  });
  return outcome;
}

/** The name of the entry that has the board which this one matches as well; null without one. */
function rivalOf({ entry, takenBy }: FleetBoard, visited: readonly Outcome[]): string | null {
  if (takenBy !== undefined) return takenBy;
  const { match } = entry ?? {};
  if (match?.kind !== "uid") return null;
  return visited.find(({ uid }) => uid?.toLowerCase() === match.uid)?.name ?? null;
}

function taken(board: FleetBoard, rival: string): Outcome {
  return new Attempt(board).unreachable(
    "ambiguous_board",
    `The board that ${board.name} matches is the one that ${rival} matches, too, and it counts as ` +
      `${rival}; take one of the two [[board]] entries out of the configuration, or change its match`,
  );
}

function notAttached(board: FleetBoard, config: GatewayConfig): Outcome {
  const match = board.entry?.match;
  const what = match === undefined
    ? board.name
    : match.kind === "port"
    ? `the port ${match.port}`
    : match.kind === "uid"
    ? `the uid ${match.uid}`
    : `the USB serial number ${match.usbSerial}`;
  return new Attempt(board).unreachable(
    "not_attached",
    `No board with ${what} is attached to ${config.gateway.ports.join(", ")}; ` +
      "check its cable and power, or its match in the configuration",
  );
}

/** Whether settings of somebody else's would hold for a board that has lost its uid. */
function mayBeMistaken(config: GatewayConfig, { entry }: FleetBoard, lostUid: string): boolean {
  const isNamedByPort = entry !== null && entry.match.kind !== "uid";
  return !isNamedByPort &&
    config.boards.some(({ match }) => match.kind === "uid" && match.uid === lostUid);
}

function uidMissing(port: string, uid: string): UotaError {
  return new UotaError(
    "uid_missing",
    `The board on ${port} does not say its unique_id any more, and the last one there was ${uid}, ` +
      "which has settings of its own; nothing was changed, since nobody can tell whether they are " +
      "for this board. Restart the board, or give the new one a [[board]] entry with match.port",
  );
}

function unexpected(error: unknown): UotaError {
  return new UotaError("internal", `Unexpected failure: ${messageOf(error)}`, { cause: error });
}
