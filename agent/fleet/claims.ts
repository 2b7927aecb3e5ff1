/**
 * Which port of a run has which board, by what the boards themselves say. Cloned boards, and a hub
 * that shows one board twice, say the same `unique_id` on two ports: then nobody can tell which one
 * a name, a setting or a backup is for.
 *
 * INVARIANTS
 * - Of two ports that are visited at the same time with one uid, both stop before the installed
 *   files change. One that is visited later stops by itself, and names the first.
 * - A board that does not answer holds up the others for {@linkcode ASKING_BOUND_MS} at most.
 */
import { UotaError } from "../../errors/mod.ts";
import { pause } from "../../serial/mod.ts";

/** Boards that are opened together answer within much less of each other. */
const ASKING_BOUND_MS = 1000;

/** The claims of one run, or of all runs of a process. */
export class Claims {
  readonly #byUid = new Map<string, Claim[]>();
  readonly #asking = new Set<Promise<void>>();

  /** The board on `port` is about to be asked who it is. */
  begin(port: string): Claim {
    const asked = Promise.withResolvers<void>();
    this.#asking.add(asked.promise);
    return new Claim(port, {
      settled: () => {
        this.#asking.delete(asked.promise);
        asked.resolve();
      },
      claim: (uid, claim) => {
        const others = (this.#byUid.get(uid) ?? []).filter((other) => other.port !== claim.port);
        this.#byUid.set(uid, [...others, claim]);
        for (const other of others) {
          other.dispute(ambiguous(uid, other.port, port));
          claim.dispute(ambiguous(uid, port, other.port));
        }
      },
      othersAsked: (signal) => this.#othersAsked(signal),
    });
  }

  /** What was on the port is there no longer. */
  forget(port: string): void {
    for (const [uid, claims] of this.#byUid) {
      const left = claims.filter((claim) => claim.port !== port);
      if (left.length === 0) this.#byUid.delete(uid);
      else this.#byUid.set(uid, left);
    }
  }

  async #othersAsked(signal: AbortSignal): Promise<void> {
    if (this.#asking.size === 0) return;
    const enough = new AbortController();
    const bound = pause(ASKING_BOUND_MS, AbortSignal.any([signal, enough.signal]));
    await Promise.race([Promise.all(this.#asking), bound]).finally(() => {
      bound.catch(() => {});
      enough.abort();
    });
  }
}

interface ClaimOptions {
  readonly settled: () => void;
  readonly claim: (uid: string, claim: Claim) => void;
  readonly othersAsked: (signal: AbortSignal) => Promise<void>;
}

/** One port's claim to a board; disposing of it ends the asking, not the claim. */
export class Claim implements Disposable {
  readonly port: string;
  readonly #options: ClaimOptions;
  readonly #disputed = new AbortController();

  constructor(port: string, options: ClaimOptions) {
    this.port = port;
    this.#options = options;
  }

  /** Aborted when another port claims the same board; the reason is a `UotaError`. */
  get signal(): AbortSignal {
    return this.#disputed.signal;
  }

  /**
   * The board has said its uid; null for one that has none.
   *
   * @throws {UotaError} `ambiguous_board` when another port's board has said the same
   */
  async identify(uid: string | null, signal: AbortSignal): Promise<void> {
    if (uid !== null) this.#options.claim(uid, this);
    this.#options.settled();
    if (uid !== null) await this.#options.othersAsked(signal);
    this.signal.throwIfAborted();
  }

  dispute(error: UotaError): void {
    this.#disputed.abort(error);
  }

  [Symbol.dispose](): void {
    this.#options.settled();
  }
}

function ambiguous(uid: string, port: string, other: string): UotaError {
  return new UotaError(
    "ambiguous_board",
    `The boards on ${port} and on ${other} have the same unique_id, ${uid}, so nobody can tell ` +
      `which one is meant; the one on ${port} was left as it is. Unplug one of them, or take the ` +
      "other port out of gateway.ports where both are the same board",
  );
}
