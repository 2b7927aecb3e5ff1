/**
 * Asks one source again and again, and has the release that boards should be on at hand.
 *
 * INVARIANTS
 * - A release that was refused leaves the one before in its place.
 * - What is wrong is told once, until it changes or is over.
 * - Validators belong to a release that was obtained: after a failure the notice is read anew.
 */
import type { SourceConfig } from "../../config/mod.ts";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { pause } from "../../serial/mod.ts";
import { type Clock, SYSTEM_CLOCK } from "../clock.ts";
import {
  type ArchiveCache,
  KnownOffers,
  obtainRelease,
  pollNotice,
  type Release,
  RetryLaterError,
  type Validators,
} from "../release/mod.ts";
import { POLL_BOUND_MS } from "./health.ts";
import { pollDelayMs, type PollEnd, pollEndOf } from "./poll_delay.ts";

export type PollerEvent =
  | { readonly kind: "release"; readonly release: Release; readonly from: "server" | "memory" }
  | { readonly kind: "problem"; readonly error: UotaError }
  | { readonly kind: "recovered" };

export interface PollerOptions {
  readonly source: SourceConfig;
  readonly archives: ArchiveCache;
  readonly offers: KnownOffers;
  readonly onEvent: (event: PollerEvent) => void;
  /** As `Math.random`. */
  readonly random: () => number;
  /** @default the system's */
  readonly clock?: Clock;
}

/** Polls until its signal aborts. */
export class SourcePoller {
  readonly #options: PollerOptions;
  #release: Release | null = null;
  #validators: Validators | undefined;
  #problem: string | null = null;
  #failures = 0;
  #retryAfterMs: number | null = null;
  #pollingSinceMs: number | null = null;

  constructor(options: PollerOptions) {
    this.#options = options;
  }

  /** What boards of this source should be on; null while nobody knows. */
  get release(): Release | null {
    return this.#release;
  }

  /** When the poll under way began, on the clock of `performance.now()`; null between polls. */
  get pollingSinceMs(): number | null {
    return this.#pollingSinceMs;
  }

  /** Returns when the signal aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { source, random } = this.#options;
    try {
      const known = await this.#remembered(signal);
      if (known) this.#take(known, "memory");
      while (!signal.aborted) {
        const end = await this.#poll(signal);
        const delayMs = pollDelayMs(end, {
          intervalMs: source.pollIntervalMs,
          failures: this.#failures,
          retryAfterMs: this.#retryAfterMs,
          random: random(),
        });
        await pause(delayMs, signal);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** Null also where nothing can be read: the server is there to be asked. */
  async #remembered(signal: AbortSignal): Promise<Release | null> {
    const { source, offers } = this.#options;
    try {
      return await offers.release(source, signal);
    } catch (error) {
      signal.throwIfAborted();
      const message = `What was offered last cannot be read, the server has to be asked: ` +
        messageOf(error);
      this.#tellProblem(new UotaError("internal", message, { cause: error }));
      return null;
    }
  }

  async #poll(signal: AbortSignal): Promise<PollEnd> {
    this.#pollingSinceMs = performance.now();
    this.#retryAfterMs = null;
    using bound = this.#bound();
    try {
      await this.#ask(AbortSignal.any([signal, bound.signal]));
      this.#failures = 0;
      if (this.#problem !== null) this.#options.onEvent({ kind: "recovered" });
      this.#problem = null;
      return "answered";
    } catch (error) {
      signal.throwIfAborted();
      const failure = bound.signal.aborted
        ? bound.signal.reason
        : error instanceof UotaError
        ? error
        : new UotaError("internal", `Polling failed: ${messageOf(error)}`, { cause: error });
      this.#failures++;
      this.#validators = undefined;
      this.#tellProblem(failure);
      if (failure instanceof RetryLaterError) this.#retryAfterMs = failure.retryAfterMs;
      return pollEndOf(failure.code);
    } finally {
      this.#pollingSinceMs = null;
    }
  }

  /** Each download has a bound, but a server may have many. */
  #bound(): Disposable & { readonly signal: AbortSignal } {
    const { source, clock = SYSTEM_CLOCK } = this.#options;
    const controller = new AbortController();
    const timer = clock.after(POLL_BOUND_MS, () =>
      controller.abort(
        new UotaError(
          "server_unreachable",
          `${source.url} did not finish answering within ${
            POLL_BOUND_MS / 60_000
          } min; check the ` +
            "server and the network",
        ),
      ));
    return { signal: controller.signal, [Symbol.dispose]: () => timer[Symbol.dispose]() };
  }

  async #ask(signal: AbortSignal): Promise<void> {
    const { source, archives, offers } = this.#options;
    const poll = await pollNotice(source, { signal, validators: this.#validators });
    if (poll.status === "not_modified") return;
    const { notice } = poll;
    const release = await obtainRelease(source, notice, { signal, archives });
    await offers.save({ url: source.url, archiveSha256: release.sha256, notice });
    this.#validators = poll.validators;
    if (release.sha256 !== this.#release?.sha256 || release.version !== this.#release.version) {
      this.#take(release, "server");
    }
  }

  #tellProblem(error: UotaError): void {
    // How many bytes came, say, differs from poll to poll; what is wrong does not.
    const problem = `${error.code} ${error.message.replaceAll(/\d+/g, "#")}`;
    if (problem !== this.#problem) this.#options.onEvent({ kind: "problem", error });
    this.#problem = problem;
  }

  #take(release: Release, from: "server" | "memory"): void {
    this.#release = release;
    this.#options.onEvent({ kind: "release", release, from });
  }
}
