/**
 * The long-running agent: polls the sources, keeps the attached boards on the releases that they
 * should have, and serves the control socket.
 *
 * INVARIANTS
 * - It is ready when it can serve, whether or not a server or a board is there.
 * - A configuration that is wrong leaves the one before in force.
 * - It ends when its signal aborts, after every job has come to where its board can be left.
 */
import type { GatewayConfig, SourceConfig } from "../../config/mod.ts";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { PortWatch } from "../../serial/mod.ts";
import type { ProgressEvent, Shared } from "../attempts.ts";
import type { Clock } from "../clock.ts";
import { Claims } from "../fleet/claims.ts";
import { EXIT, exitCodeOfError } from "../exit_code.ts";
import { Turns } from "../fleet/turns.ts";
import type { Gateway } from "../gateway.ts";
import { Memory } from "../memory.ts";
import { type DaemonEvent, type EventLog, outcomeEvent } from "../report/event_log.ts";
import { MESSAGE_ID } from "../report/message_ids.ts";
import { DaemonGateway } from "./daemon_gateway.ts";
import { whatHangs } from "./health.ts";
import { Keeper } from "./keeper.ts";
import type { PollerEvent } from "./source_poller.ts";
import { Sources } from "./sources.ts";
import type { ServiceManager } from "./systemd.ts";

export interface DaemonOptions {
  readonly config: GatewayConfig;
  /** Reads the configuration anew. */
  readonly loadConfig: () => Promise<GatewayConfig>;
  readonly events: EventLog;
  /** Null where nobody asked to be notified. */
  readonly manager: ServiceManager | null;
  /** Serves a gateway until it is disposed of. */
  readonly serve: (
    gateway: Gateway,
    options: { readonly memory: Memory; readonly signal: AbortSignal },
  ) => Promise<AsyncDisposable>;
  /** Aborts when the daemon is to end. */
  readonly signal: AbortSignal;
  /** As `Math.random`. */
  readonly random: () => number;
  /** Of the bounds on visits. @default the system's */
  readonly clock?: Clock;
}

/** Several keep-alives may get lost before systemd loses patience. */
const KEEP_ALIVE_SHARE = 1 / 3;

/** The daemon. Call {@linkcode Daemon.run} once. */
export class Daemon {
  readonly #options: DaemonOptions;
  readonly #shared: Shared;
  readonly #sources: Sources;
  readonly #keeper: Keeper;
  readonly #defect = Promise.withResolvers<never>();
  /** Aborts with the options' signal, or when the daemon cannot go on. */
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  #config: GatewayConfig;
  #rewatch = new AbortController();
  #hanging: string | null = null;
  #reloading: Promise<void> = Promise.resolve();

  /** @throws {UotaError} `config_invalid` where the state directory cannot be written */
  constructor(options: DaemonOptions) {
    const { config, events } = options;
    this.#options = options;
    this.#config = config;
    const { stateDir, jobs } = config.gateway;
    const log = (line: string) => this.#tell({ priority: "warning", message: line });
    this.#signal = AbortSignal.any([options.signal, this.#stop.signal]);
    const memory = Memory.open(stateDir, log);
    const turns = new Turns({
      jobs,
      onProgress: (event) => this.#observe(event),
      onOverdue: (key) =>
        this.#tell({
          priority: "warning",
          message: `The job on ${key} takes longer than it may: the next board gets its place`,
        }),
      onEnd: (key) => this.#turnEnded(key),
    });
    this.#shared = { turns, memory, claims: new Claims(), clock: options.clock };
    this.#sources = new Sources({
      ...{ memory, stateDir, random: options.random },
      onEvent: (event, source) => this.#heardOf(event, source),
      onDefect: (error) => this.#defect.reject(error),
    });
    this.#keeper = new Keeper({
      ...{ config, log, shared: this.#shared, signal: this.#signal },
      releases: () => this.#sources.releases(),
      onDefect: (error) =>
        events.write({ priority: "err", message: `A visit failed: ${messageOf(error)}` }),
    });
  }

  /**
   * Runs until the signal aborts.
   *
   * @throws {UotaError} when the control socket cannot be served, or the daemon cannot go on
   */
  async run(): Promise<void> {
    const { manager, serve } = this.#options;
    const { memory, turns } = this.#shared;
    const signal = this.#signal;
    // Rejections that come while nobody waits are no reason to end at once.
    this.#defect.promise.catch(() => {});
    using _memory = memory;
    const gateway = new DaemonGateway(() => this.#config, this.#shared);
    await using _control = await serve(gateway, { memory, signal });
    using _heartbeat = this.#startHeartbeat();
    const watching = this.#watchPorts().catch((error) => this.#defect.reject(error));
    this.#sources.configure(this.#config);
    manager?.ready(this.#status());
    this.#tell({ priority: "info", message: "Ready" });
    try {
      await Promise.race([aborted(signal), this.#defect.promise]);
    } finally {
      // Also when the daemon cannot go on: no job is to be cut in the middle.
      manager?.stopping("Waiting for jobs to come to an end");
      this.#stop.abort(new UotaError("cancelled", "The daemon is being stopped"));
      await this.#sources.stop();
      await this.#keeper.ended();
      await turns.idle();
      await watching;
    }
  }

  /** Reads the configuration anew; one that is wrong is told and changes nothing. */
  reload(): Promise<void> {
    this.#reloading = this.#reloading.then(() => this.#reload());
    return this.#reloading;
  }

  async #reload(): Promise<void> {
    const { manager, loadConfig } = this.#options;
    manager?.reloading();
    try {
      await this.#configure(await loadConfig());
      this.#tell({ priority: "info", message: "The configuration was read anew" });
    } catch (error) {
      this.#tell({
        priority: "err",
        message: `The configuration is not used, the one before stays: ${messageOf(error)}`,
        messageId: MESSAGE_ID.configurationRejected,
      });
    }
    manager?.ready(this.#status());
  }

  async #configure(config: GatewayConfig): Promise<void> {
    for (const what of needRestart(this.#config, config)) {
      this.#tell({ priority: "warning", message: `${what} has changed: restart the daemon` });
    }
    this.#config = { ...config, gateway: { ...this.#config.gateway, ports: config.gateway.ports } };
    try {
      this.#sources.configure(this.#config);
      await this.#keeper.configure(this.#config);
      this.#rewatch.abort();
    } catch (error) {
      // Half of it is in force: a start puts all of it there.
      this.#defect.reject(error);
    }
  }

  /** Follows what is plugged in and out. */
  async #watchPorts(): Promise<void> {
    const signal = this.#signal;
    while (!signal.aborted) {
      this.#rewatch = new AbortController();
      const watched = AbortSignal.any([signal, this.#rewatch.signal]);
      await using watch = new PortWatch(this.#config.gateway.ports);
      try {
        while (true) {
          await this.#keeper.portsChanged();
          this.#showStatus();
          await watch.changed({ signal: watched });
        }
      } catch (error) {
        if (!watched.aborted) throw error;
      }
    }
  }

  #startHeartbeat(): Disposable {
    const { manager } = this.#options;
    const everyMs = manager?.watchdogMs;
    if (!manager || !everyMs) return { [Symbol.dispose]() {} };
    const beat = () => {
      const hanging = whatHangs(this.#sources.pollsSinceMs, performance.now());
      if (hanging === null) manager.keepAlive();
      else if (hanging !== this.#hanging) this.#tell({ priority: "err", message: hanging });
      this.#hanging = hanging;
    };
    beat();
    const timer = setInterval(beat, everyMs * KEEP_ALIVE_SHARE);
    return { [Symbol.dispose]: () => clearInterval(timer) };
  }

  #heardOf(event: PollerEvent, source: SourceConfig): void {
    switch (event.kind) {
      case "release": {
        const { version } = event.release;
        const where = event.from === "memory" ? "remembered from" : "published at";
        this.#tell({
          priority: "info",
          message: `Release ${version} is ${where} ${source.url}`,
          release: version,
        });
        this.#keeper.releaseChanged();
        break;
      }
      case "problem":
        this.#tell(problemEvent(event.error, source));
        break;
      case "recovered":
        this.#tell({
          priority: "notice",
          message: `${source.url} is all right again`,
          messageId: MESSAGE_ID.serverBack,
        });
    }
    this.#showStatus();
  }

  #observe(event: ProgressEvent): void {
    this.#keeper.observe(event);
    if (event.phase === "done") this.#tell(outcomeEvent(event.outcome));
    else if (event.phase !== "staging") {
      this.#tell({
        priority: "debug",
        message: `${event.board} on ${event.port}: ${event.phase}`,
        board: event.board,
      });
    }
    if (event.phase === "opening") this.#showStatus();
  }

  #turnEnded(key: string): void {
    this.#keeper.turnEnded(key);
    this.#showStatus();
  }

  #tell(event: DaemonEvent): void {
    this.#options.events.write(event);
  }

  #showStatus(): void {
    this.#options.manager?.status(this.#status());
  }

  #status(): string {
    const attached = this.#keeper.attachedCount;
    const versions = new Set([...this.#sources.releases().values()].map(({ version }) => version));
    const jobs = this.#shared.turns.running.length;
    return [
      attached === 1 ? "1 board attached" : `${attached} boards attached`,
      versions.size === 0 ? "no release known" : `release ${[...versions].join(", ")}`,
      ...jobs === 0 ? [] : [jobs === 1 ? "1 job under way" : `${jobs} jobs under way`],
    ].join(", ");
  }
}

function problemEvent(error: UotaError, { url }: SourceConfig): DaemonEvent {
  const exit = exitCodeOfError(error);
  const messageId = exit === EXIT.serverUnreachable
    ? MESSAGE_ID.serverUnreachable
    : exit === EXIT.releaseRefused
    ? MESSAGE_ID.releaseRefused
    : null;
  return {
    priority: exit === EXIT.serverUnreachable ? "warning" : "err",
    message: error.message.includes(url) ? error.message : `${url}: ${error.message}`,
    ...messageId === null ? {} : { messageId },
  };
}

/** What only a start puts into force. */
function needRestart(before: GatewayConfig, after: GatewayConfig): readonly string[] {
  const keys = [
    ["stateDir", "gateway.state_dir"],
    ["controlSocket", "gateway.control_socket"],
    ["jobs", "gateway.jobs"],
  ] as const;
  return keys.filter(([key]) => before.gateway[key] !== after.gateway[key]).map(([, name]) => name);
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) =>
    signal.addEventListener("abort", () => resolve(), { once: true })
  );
}
