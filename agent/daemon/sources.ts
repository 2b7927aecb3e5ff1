/** The sources of a configuration: one poller each, started and stopped as the configuration changes. */
import type { GatewayConfig, SourceConfig } from "../../config/mod.ts";
import type { Memory } from "../memory.ts";
import { KnownOffers, type Release } from "../release/mod.ts";
import { sourceAt } from "../release/offers.ts";
import { type PollerEvent, SourcePoller } from "./source_poller.ts";

export interface SourcesOptions {
  readonly memory: Memory;
  readonly stateDir: string;
  readonly random: () => number;
  readonly onEvent: (event: PollerEvent, source: SourceConfig) => void;
  /** A poller ended by a failure that is no source's, such as a full disk. */
  readonly onDefect: (error: unknown) => void;
}

interface Running {
  readonly source: SourceConfig;
  readonly poller: SourcePoller;
  readonly stop: AbortController;
  readonly ended: Promise<void>;
}

export class Sources {
  readonly #options: SourcesOptions;
  readonly #offers: KnownOffers;
  /** By a board's own URL; null is the common source. */
  readonly #running = new Map<string | null, Running>();

  constructor(options: SourcesOptions) {
    this.#options = options;
    this.#offers = new KnownOffers(options.stateDir, options.memory.archives);
  }

  /** What is offered now. */
  releases(): ReadonlyMap<string | null, Release> {
    return new Map(
      [...this.#running].flatMap(([url, { poller }]) =>
        poller.release ? [[url, poller.release]] : []
      ),
    );
  }

  /** When each poll under way began. */
  get pollsSinceMs(): readonly (number | null)[] {
    return [...this.#running.values()].map(({ poller }) => poller.pollingSinceMs);
  }

  /** Starts, stops and leaves alone, so that the pollers are those of the configuration. */
  configure(config: GatewayConfig): void {
    const wanted = sourcesOf(config);
    for (const [url, { source, stop }] of this.#running) {
      if (sameSource(source, wanted.get(url))) continue;
      stop.abort();
      this.#running.delete(url);
    }
    for (const [url, source] of wanted) if (!this.#running.has(url)) this.#start(url, source);
  }

  async stop(): Promise<void> {
    const running = [...this.#running.values()];
    for (const { stop } of running) stop.abort();
    await Promise.all(running.map(({ ended }) => ended));
  }

  #start(url: string | null, source: SourceConfig): void {
    const { memory: { archives }, random, onEvent, onDefect } = this.#options;
    const poller = new SourcePoller({
      ...{ source, archives, random, offers: this.#offers },
      onEvent: (event) => {
        // One that was stopped in the middle of something has nothing to say any more.
        if (this.#running.get(url)?.poller === poller) onEvent(event, source);
      },
    });
    const stop = new AbortController();
    const ended = poller.run(stop.signal).catch(onDefect);
    this.#running.set(url, { source, poller, stop, ended });
  }
}

function sourcesOf(config: GatewayConfig): Map<string | null, SourceConfig> {
  const sources = new Map<string | null, SourceConfig>([[null, config.source]]);
  for (const { url } of config.boards) {
    if (url !== null) sources.set(url, sourceAt(url, config.source));
  }
  return sources;
}

function sameSource(one: SourceConfig, other: SourceConfig | undefined): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
