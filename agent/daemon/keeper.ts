/**
 * Keeps the attached boards on the releases that they should have: visits one when it is plugged in,
 * when its source offers something else, and again after a failure.
 *
 * INVARIANTS
 * - A board that is as it should be is left alone: its program is not interrupted to find out, also
 *   not by a daemon that has just started, where the board was plugged in all the time.
 * - A port that comes back while a job on its board is under way belongs to that job, until the job
 *   has ended, however that comes about.
 * - Visits go through the turns, so that a board never has two jobs.
 * - What a visit found out under one configuration does not settle the board under the next.
 */
import type { BoardSettings, GatewayConfig } from "../../config/mod.ts";
import { messageOf, UotaError } from "../../errors/mod.ts";
import type { ProgressEvent, Shared } from "../attempts.ts";
import type { Outcome } from "../board/outcome.ts";
import { type FleetBoard, identify, knownBoards } from "../fleet/identity.ts";
import { boardKey } from "../fleet/store.ts";
import type { SettledBoard } from "../fleet/store_settled.ts";
import { compareVersions, type Release } from "../release/mod.ts";
import { bringToOffers, mayHaveEntry } from "../update.ts";
import { type AttachedPort, attachedPorts, mayBeSameBoard } from "./attached.ts";
import { type Kept, newlyKept, stopTimer, wish } from "./kept.ts";
import { retryDelayMs } from "./retry_delay.ts";

/** What sources offer, by a board's own URL; null is the common source. */
export type Releases = ReadonlyMap<string | null, Release>;

export interface KeeperOptions {
  readonly config: GatewayConfig;
  readonly shared: Shared;
  /** What is offered now. */
  readonly releases: () => Releases;
  /** Told when a visit fails for what is no fault of the board, such as a full disk. */
  readonly onDefect: (error: unknown) => void;
  readonly log: (line: string) => void;
  /** Ends all visits. */
  readonly signal: AbortSignal;
}

export class Keeper {
  readonly #options: KeeperOptions;
  #config: GatewayConfig;
  /** Counts the configurations. */
  #generation = 0;
  readonly #kept = new Map<string, Kept>();
  readonly #visits = new Set<Promise<void>>();
  #looking: Promise<void> = Promise.resolve();

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#config = options.config;
    options.signal.addEventListener("abort", () => {
      for (const kept of this.#kept.values()) stopTimer(kept);
    }, { once: true });
  }

  /** How many ports have a board, or something that may be one. */
  get attachedCount(): number {
    return [...this.#kept.values()].filter(({ gone }) => !gone).length;
  }

  /** Looks which ports are there now. */
  portsChanged(): Promise<void> {
    this.#looking = this.#looking.catch(() => {}).then(() => this.#look());
    return this.#looking;
  }

  /** A source offers something else. */
  releaseChanged(): void {
    for (const kept of this.#kept.values()) this.#schedule(kept, 0);
  }

  /** Another configuration holds from now on; jobs under way keep theirs. */
  async configure(config: GatewayConfig): Promise<void> {
    const before = this.#config;
    this.#config = config;
    this.#generation++;
    await this.portsChanged();
    const all = [...this.#kept.values()];
    const known = await knownBoards(config, all.map(({ port }) => port));
    for (const [index, kept] of all.entries()) {
      const old = kept.board;
      kept.known = known[index] ?? kept.known;
      kept.board = old.uid === null ? kept.known : identify(config, kept.known, old.uid);
      if (wish(old, before) !== wish(kept.board, config)) this.#settle(kept, null);
    }
    this.releaseChanged();
  }

  /** Sees how every job in this process goes on, whoever asked for it. */
  observe(event: ProgressEvent): void {
    if (event.phase !== "done") return;
    for (const kept of this.#kept.values()) {
      if (kept.port.path !== event.port && kept.belongsTo !== event.port) continue;
      if (isPresent(event.outcome)) this.#learn(kept, event);
      else if (!kept.visiting && kept.belongsTo === null) this.#followUp(kept, event.outcome);
    }
  }

  /** A job has ended, and nothing belongs to it any more. */
  turnEnded(key: string): void {
    const ended = this.#kept.get(key);
    if (ended) ended.jobEndedMs = performance.now();
    for (const kept of this.#kept.values()) {
      if (kept.belongsTo !== key) continue;
      kept.belongsTo = null;
      if (kept.settledFor === null) this.#schedule(kept, 0);
    }
    // A board that did not come back is forgotten.
    if (this.#kept.get(key)?.gone) this.portsChanged().catch(this.#options.onDefect);
  }

  /** Waits until no visit is under way; call it after the signal has aborted. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#visits);
  }

  async #look(): Promise<void> {
    const { shared: { turns, claims } } = this.#options;
    const attached = await attachedPorts(this.#config.gateway.ports);
    const known = await knownBoards(this.#config, attached.map(({ port }) => port));
    const paths = new Set(attached.map(({ port }) => port.path));
    for (const [path, kept] of this.#kept) {
      if (paths.has(path)) continue;
      stopTimer(kept);
      // A job resets its board: what is known stays until it has ended.
      kept.gone = turns.isTaken(path);
      if (kept.gone) continue;
      this.#kept.delete(path);
      claims.forget(path);
    }
    for (const [index, one] of attached.entries()) {
      const board = known[index];
      if (board) this.#sawPort(one, board);
    }
  }

  #sawPort({ port, session }: AttachedPort, known: FleetBoard): void {
    const { shared: { turns, claims } } = this.#options;
    const before = this.#kept.get(port.path);
    if (before?.session === session) {
      before.gone = false;
      // udev gives a node its rights after it is there.
      if (before.denied) this.#schedule(before, 0);
      return;
    }
    if (before) stopTimer(before);
    const job = turns.running.find(({ key }) => {
      const other = this.#kept.get(key)?.port;
      return other !== undefined && mayBeSameBoard(other, port);
    })?.key ?? null;
    if (job === null) claims.forget(port.path);
    const kept = newlyKept(port, { session, known, job });
    this.#kept.set(port.path, kept);
    if (job === null && before !== undefined && this.#isBackFromJob(before)) {
      kept.board = before.board;
      this.#settle(kept, before.settledFor);
    } else if (job === null) this.#recall(kept);
    this.#schedule(kept, 0);
  }

  /**
   * Whether a port that was there before is the one whose board a job has brought to its release and
   * then reset: it may be seen to go, and to come back, only when the job has ended.
   */
  #isBackFromJob({ port, session, settledFor, gone, jobEndedMs }: Kept): boolean {
    const isSoon = gone || performance.now() - jobEndedMs < JUST_ENDED_MS;
    const noted = isSoon && settledFor !== null ? this.#noted(port.path) : null;
    return noted?.session === session && noted.sha256 === settledFor;
  }

  /** What an earlier daemon has found out about a board that was plugged in all the time. */
  #recall(kept: Kept): void {
    const { shared: { claims }, signal } = this.#options;
    const noted = this.#noted(kept.port.path);
    if (noted === null || noted.session !== kept.session) return;
    const { uid } = noted;
    const board = uid === null ? kept.known : identify(this.#config, kept.known, uid);
    if (noted.wish !== wish(board, this.#config)) return;
    kept.board = board;
    kept.settledFor = noted.sha256;
    using claim = claims.begin(kept.port.path);
    // Another port with the same board hears of it when it is visited.
    claim.identify(uid, signal).catch(() => {});
  }

  #noted(path: string): SettledBoard | null {
    try {
      return this.#options.shared.memory.store.settled.on(path);
    } catch (error) {
      this.#options.log(`What is known of ${path} cannot be read: ${messageOf(error)}`);
      return null;
    }
  }

  /** @param sha256 the archive for which there is nothing to do; null: nobody knows */
  #settle(kept: Kept, sha256: string | null): void {
    const { port: { path }, session, board } = kept;
    const { settled } = this.#options.shared.memory.store;
    kept.settledFor = sha256;
    try {
      if (sha256 === null) settled.forget(path);
      else settled.note(path, { session, uid: board.uid, wish: wish(board, this.#config), sha256 });
    } catch (error) {
      // Without the note the next daemon asks the board, which is no reason to fail a job.
      this.#options.log(`Nothing could be noted of ${path}: ${messageOf(error)}`);
    }
  }

  /** The board is there and was asked: who it is, and whether that settles it. */
  #learn(kept: Kept, { outcome, dry }: ProgressEvent & { readonly phase: "done" }): void {
    if (outcome.uid !== null) kept.board = identify(this.#config, kept.known, outcome.uid);
    const release = this.#releaseFor(kept);
    const isDecided = !dry && (outcome.reason === null || !UNDECIDED.has(outcome.reason.code));
    if (release && isDecided && outcome.offered === release.version) {
      this.#settle(kept, release.sha256);
    }
  }

  /** Somebody else's job has failed on the board. */
  #followUp(kept: Kept, outcome: Outcome): void {
    if (outcome.outcome !== "failed" || outcome.reason?.code === "cancelled") return;
    const delayMs = retryDelayMs(outcome, ++kept.failures);
    if (delayMs === null) return;
    this.#settle(kept, null);
    this.#schedule(kept, delayMs);
  }

  #schedule(kept: Kept, delayMs: number): void {
    if (this.#options.signal.aborted || kept.belongsTo !== null || kept.gone) return;
    if (kept.visiting) {
      kept.again = true;
      return;
    }
    stopTimer(kept);
    kept.timer = setTimeout(() => {
      kept.timer = null;
      const visit = this.#visit(kept).finally(() => this.#visits.delete(visit));
      this.#visits.add(visit);
    }, delayMs);
  }

  async #visit(kept: Kept): Promise<void> {
    const generation = this.#generation;
    kept.visiting = true;
    kept.again = false;
    let retryMs: number | null = null;
    try {
      retryMs = await this.#visitOnce(kept);
    } catch (error) {
      if (this.#options.signal.aborted) return;
      this.#options.onDefect(error);
      retryMs = retryDelayMs({ outcome: "failed", reason: null }, ++kept.failures);
    } finally {
      kept.visiting = false;
    }
    // A port that went meanwhile, or came back as another, has a record of its own.
    if (this.#kept.get(kept.port.path) !== kept) return;
    if (generation !== this.#generation) {
      this.#settle(kept, null);
      kept.again = true;
    }
    if (kept.again) this.#schedule(kept, 0);
    else if (retryMs !== null) this.#schedule(kept, retryMs);
  }

  /** @returns when to visit again; null: not by itself */
  async #visitOnce(kept: Kept): Promise<number | null> {
    const { shared, signal, log, releases } = this.#options;
    if (!this.#needsVisit(kept)) return null;
    const [outcome] = await bringToOffers([kept.board], offersOf(releases()), {
      ...{ config: this.#config, memory: shared.memory, shared, signal, log, jobs: 1 },
      request: { versionCheck: true, force: false, dryRun: false },
      byItself: true,
    });
    if (!outcome) throw new UotaError("internal", "A visit had no outcome");
    kept.denied = outcome.reason?.code === "port_denied";
    kept.failures = isPresent(outcome) ? 0 : kept.failures + 1;
    const retryMs = retryDelayMs(outcome, kept.failures);
    // Nothing to gain by itself: settled as far as this release is concerned.
    if (retryMs === null && !isPresent(outcome)) {
      // Not noted: whoever starts the daemon again may have mended what was wrong.
      kept.settledFor = this.#releaseFor(kept)?.sha256 ?? null;
    }
    return retryMs;
  }

  #needsVisit(kept: Kept): boolean {
    const entries = this.#config.boards;
    if (mayHaveEntry(kept.board, this.#config)) {
      // Only the board itself can say whose settings and source it has.
      const mayBeAuto = this.#config.defaults.auto || entries.some(({ settings }) => settings.auto);
      return mayBeAuto && this.#options.releases().size > 0;
    }
    const release = this.#releaseFor(kept);
    return release !== null && this.#settingsOf(kept).auto && !this.#isSettled(kept, release);
  }

  /** Whether the board can be left alone as far as this release is concerned. */
  #isSettled(kept: Kept, release: Release): boolean {
    const { settledFor, board, port } = kept;
    if (settledFor === release.sha256) return true;
    // A board that has not been visited yet may have been left in the middle of something.
    if (settledFor === null) return false;
    const { pin } = this.#settingsOf(kept);
    if (pin !== "" && compareVersions(release.version, pin) !== "same") return true;
    const key = boardKey({ uid: board.uid, port: port.path });
    return this.#options.shared.memory.store.badRelease(key, release.sha256) !== null;
  }

  #settingsOf({ board }: Kept): BoardSettings {
    return board.entry?.settings ?? this.#config.defaults;
  }

  #releaseFor({ board }: Kept): Release | null {
    return this.#options.releases().get(board.entry?.url ?? null) ?? null;
  }
}

/** The kernel tells of ports within much less; nobody exchanges a board as fast. */
const JUST_ENDED_MS = 1000;
/** Reasons after which the release may still be for the board. */
const UNDECIDED: ReadonlySet<string> = new Set(["dry_run", "by_hand_only", "not_offered"]);

/** The board is there and was asked; whatever it has, the job has settled it. */
function isPresent({ outcome }: Outcome): boolean {
  return outcome !== "unreachable" && outcome !== "failed";
}

function offersOf(releases: Releases) {
  return new Map(
    [...releases].map(([url, release]) => [url, { kind: "release" as const, release }]),
  );
}
