/**
 * Keeps the attached boards on the releases that they should have: visits one when it is plugged in,
 * when its source offers something else, and again after a failure.
 *
 * INVARIANTS
 * - A board that is as it should be is left alone: its program is not interrupted to find out.
 * - A port that comes back while a job on its board is under way belongs to that job.
 * - Visits go through the turns, so that a board never has two jobs.
 */
import type { GatewayConfig } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import type { PortInfo } from "../../serial/mod.ts";
import type { ProgressEvent } from "../attempts.ts";
import type { Outcome } from "../board/outcome.ts";
import { askWhoItIs } from "../fleet/choose.ts";
import { type FleetBoard, identify, knownBoards } from "../fleet/identity.ts";
import { boardKey } from "../fleet/store.ts";
import type { Turns } from "../fleet/turns.ts";
import type { Memory } from "../memory.ts";
import { compareVersions, type Release } from "../release/mod.ts";
import { bringToOffers } from "../update.ts";
import { attachedPorts, mayBeSameBoard } from "./attached.ts";
import { retryDelayMs } from "./retry_delay.ts";

/** What sources offer, by a board's own URL; null is the common source. */
export type Releases = ReadonlyMap<string | null, Release>;

export interface KeeperOptions {
  readonly config: GatewayConfig;
  readonly memory: Memory;
  readonly turns: Turns;
  /** What is offered now. */
  readonly releases: () => Releases;
  /** Told when a visit fails for what is no fault of the board, such as a full disk. */
  readonly onDefect: (error: unknown) => void;
  readonly log: (line: string) => void;
  /** Ends all visits. */
  readonly signal: AbortSignal;
}

/** One port with what is known of the board on it. */
interface Kept {
  readonly port: PortInfo;
  readonly session: string;
  /** Who it is; null while nobody had to ask. */
  board: FleetBoard | null;
  /** The archive for which there is nothing to do; null: nobody knows. */
  settledFor: string | null;
  failures: number;
  /** Whether the last visit failed for lack of rights. */
  denied: boolean;
  timer: ReturnType<typeof setTimeout> | null;
  visiting: boolean;
  /** Set when something changed during a visit. */
  again: boolean;
  /** Whether the port is away, while a job on its board goes on. */
  gone: boolean;
  /** The port whose job this one belongs to. */
  belongsTo: string | null;
}

export class Keeper {
  readonly #options: KeeperOptions;
  #config: GatewayConfig;
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

  async #look(): Promise<void> {
    const attached = await attachedPorts(this.#config.gateway.ports);
    const paths = new Set(attached.map(({ port }) => port.path));
    for (const [path, kept] of this.#kept) {
      if (paths.has(path)) continue;
      stopTimer(kept);
      // A job resets its board: what is known stays until it has ended.
      kept.gone = this.#options.turns.isTaken(path);
      if (!kept.gone) this.#kept.delete(path);
    }
    for (const { port, session } of attached) {
      const before = this.#kept.get(port.path);
      if (before?.session === session) {
        // udev gives a node its rights after it is there.
        if (before.denied) this.#schedule(before, 0);
        continue;
      }
      if (before) stopTimer(before);
      const job = this.#options.turns.running.find(({ key }) =>
        key === port.path || mayBeSameBoard(this.#kept.get(key)?.port ?? port, port)
      );
      const kept = newlyKept(port, session, job?.key ?? null);
      if (job) kept.board = before?.board ?? null;
      this.#kept.set(port.path, kept);
      if (!job) this.#schedule(kept, 0);
    }
  }

  /** A source offers something else. */
  releaseChanged(): void {
    for (const kept of this.#kept.values()) this.#schedule(kept, 0);
  }

  /** Another configuration holds from now on; jobs under way keep theirs. */
  async configure(config: GatewayConfig): Promise<void> {
    const before = this.#config;
    this.#config = config;
    for (const kept of this.#kept.values()) {
      const old = kept.board;
      if (old === null) continue;
      const [known = old] = await knownBoards(config, [kept.port]);
      kept.board = old.uid === null ? known : identify(config, known, old.uid);
      const settings = (board: FleetBoard, of: GatewayConfig) =>
        JSON.stringify([board.entry?.url, board.entry?.settings ?? of.defaults]);
      if (settings(old, before) !== settings(kept.board, config)) kept.settledFor = null;
    }
    await this.portsChanged();
    this.releaseChanged();
  }

  /** Sees how every job in this process goes on, whoever asked for it. */
  observe(event: ProgressEvent): void {
    if (event.phase !== "done") return;
    const visited = this.#kept.get(event.port)?.board ?? null;
    for (const kept of this.#kept.values()) {
      const cameBack = kept.belongsTo === event.port;
      if (kept.port.path !== event.port && !cameBack) continue;
      if (visited) kept.board ??= { ...visited, port: kept.port };
      this.#learn(kept, event.outcome);
      if (!cameBack) continue;
      kept.belongsTo = null;
      if (kept.settledFor === null) this.#schedule(kept, 0);
    }
    // By then the job's turn is over; a board that did not come back is forgotten.
    if (!this.#kept.get(event.port)?.gone) return;
    setTimeout(() => this.portsChanged().catch(this.#options.onDefect));
  }

  /** Waits until no visit is under way; call it after the signal has aborted. */
  async ended(): Promise<void> {
    await Promise.allSettled(this.#visits);
  }

  #learn(kept: Kept, outcome: Outcome): void {
    if (kept.board === null) return;
    if (outcome.uid !== null) kept.board = identify(this.#config, kept.board, outcome.uid);
    const release = this.#releaseFor(kept);
    const isDecided = isPresent(outcome) && outcome.reason?.code !== "dry_run";
    if (release && isDecided && outcome.to === release.version) kept.settledFor = release.sha256;
  }

  #schedule(kept: Kept, delayMs: number): void {
    if (this.#options.signal.aborted || kept.belongsTo !== null) return;
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
    if (kept.again) this.#schedule(kept, 0);
    else if (retryMs !== null) this.#schedule(kept, retryMs);
  }

  /** @returns when to visit again; null: not by itself */
  async #visitOnce(kept: Kept): Promise<number | null> {
    const { memory, turns, signal, log, releases } = this.#options;
    if (releases().size === 0) return null;
    kept.board ??= await this.#recognise(kept);
    const { board } = kept;
    const config = this.#config;
    const settings = board.entry?.settings ?? config.defaults;
    const release = this.#releaseFor(kept);
    if (!settings.auto || !release || this.#isSettled(kept, release)) return null;
    const [outcome] = await bringToOffers([board], offersOf(releases()), {
      ...{ config, memory, turns, signal, log, jobs: 1 },
      request: { versionCheck: true, force: false, dryRun: false },
    });
    if (!outcome) throw new UotaError("internal", "A visit had no outcome");
    const retryMs = retryDelayMs(outcome, kept.failures + 1);
    kept.denied = outcome.reason?.code === "port_denied";
    if (!isPresent(outcome)) {
      kept.failures++;
      // Nothing to gain by itself: settled as far as this release is concerned.
      if (retryMs === null) kept.settledFor = release.sha256;
    } else {
      kept.failures = 0;
      kept.settledFor = release.sha256;
    }
    return retryMs;
  }

  /** Whether the board can be left alone as far as this release is concerned. */
  #isSettled({ settledFor, board, port }: Kept, release: Release): boolean {
    if (settledFor === release.sha256) return true;
    // A board that has not been visited yet may have been left in the middle of something.
    if (settledFor === null || board === null) return false;
    const { pin } = board.entry?.settings ?? this.#config.defaults;
    if (pin !== "" && compareVersions(release.version, pin) !== "same") return true;
    const key = boardKey({ uid: board.uid, port: port.path });
    return this.#options.memory.store.badRelease(key, release.sha256) !== null;
  }

  #releaseFor(kept: Kept): Release | null {
    return this.#options.releases().get(kept.board?.entry?.url ?? null) ?? null;
  }

  /** Who hangs there, asked only where an entry of the configuration depends on it. */
  async #recognise(kept: Kept): Promise<FleetBoard> {
    const config = this.#config;
    const [known] = await knownBoards(config, [kept.port]);
    if (!known?.port) throw new UotaError("internal", "A port is no board's");
    const mayHaveEntry = config.boards.some(({ match }) => match.kind === "uid");
    if (known.identified || !mayHaveEntry) return known;
    const { turns, signal } = this.#options;
    return await askWhoItIs(known, config, { turns, signal });
  }
}

/** The board is there and was asked; whatever it has, the job has settled it. */
function isPresent({ outcome }: Outcome): boolean {
  return outcome !== "unreachable" && outcome !== "failed";
}

function newlyKept(port: PortInfo, session: string, belongsTo: string | null): Kept {
  return {
    ...{ port, session, belongsTo },
    board: null,
    settledFor: null,
    failures: 0,
    denied: false,
    timer: null,
    visiting: false,
    again: false,
    gone: false,
  };
}

function stopTimer(kept: Kept): void {
  if (kept.timer !== null) clearTimeout(kept.timer);
  kept.timer = null;
}

function offersOf(releases: Releases) {
  return new Map(
    [...releases].map(([url, release]) => [url, { kind: "release" as const, release }]),
  );
}
