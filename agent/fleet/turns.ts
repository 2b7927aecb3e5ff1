/**
 * One job a board, however many ask for it: who asks for what is already being done gets that job,
 * who asks for something else waits until it has ended. For a process in which several runs go on,
 * which is the daemon.
 *
 * INVARIANTS
 * - At most one job with the same key is under way, and at most `jobs` altogether, those aside that
 *   have given up their place: they keep their key until they end.
 * - Who waits for a job hears when that gives up its place, and need not keep one for it either.
 * - A job is cancelled only when everybody who asked for it has gone.
 */
import type { ProgressEvent } from "../attempts.ts";

/** Somebody who waits for a job. */
export interface Participant {
  readonly signal: AbortSignal;
  readonly onProgress?: ((event: ProgressEvent) => void) | undefined;
  /** Told once, when the job takes longer than it may and somebody else gets its place. */
  readonly onOverdue?: (() => void) | undefined;
}

/** A job under way; one that waits for its turn is none. */
export interface RunningTurn {
  readonly key: string;
}

export interface TurnsOptions {
  /** How many side by side. */
  readonly jobs: number;
  /** Sees the events of all jobs, once. */
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Told once a job, when it takes longer than it may. */
  readonly onOverdue?: (key: string) => void;
  /** Told when a job has ended, however that came about, and its key is free. */
  readonly onEnd?: (key: string) => void;
}

/** What the job itself gets. */
export interface Given {
  readonly signal: AbortSignal;
  readonly onProgress: (event: ProgressEvent) => void;
  /** The job takes longer than it may: the next one begins. Does nothing the second time. */
  readonly giveUpPlace: () => void;
}

export type Run<Result> = (given: Given) => Promise<Result>;

export class Turns {
  readonly #turns = new Map<string, Turn>();
  readonly #options: TurnsOptions;
  #free: number;
  readonly #queue = new Set<() => void>();

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#free = options.jobs;
  }

  get running(): readonly RunningTurn[] {
    return [...this.#turns.values()].filter(({ isRunning }) => isRunning);
  }

  /** Whether a job with this key is under way or waits for its turn. */
  isTaken(key: string): boolean {
    return this.#turns.has(key);
  }

  /**
   * Does a job, or joins the one under way that has the same key and purpose.
   *
   * @param purpose tells jobs whose results are the same, and of the same type
   * @throws the participant's reason when it aborts while others still want the job; whatever `run`
   *   throws
   */
  async take<Result>(
    key: string,
    purpose: string,
    participant: Participant,
    run: Run<Result>,
  ): Promise<Result> {
    const { signal } = participant;
    signal.throwIfAborted();
    for (let turn = this.#turns.get(key); turn; turn = this.#turns.get(key)) {
      // The same purpose has the same type of result, see above.
      if (turn.isJoinable(purpose)) return await turn.join(participant) as Result;
      using _hearing = turn.tellOverdue(participant);
      await settledOrAborted(turn.ended, signal);
    }
    const turn = new Turn(key, purpose, this.#options.onProgress);
    this.#turns.set(key, turn);
    turn.start(async (given) => {
      try {
        await this.#enter(given.signal);
        let hasPlace = true;
        const leave = () => {
          if (hasPlace) this.#leave();
          hasPlace = false;
        };
        try {
          turn.isRunning = true;
          return await run({
            ...given,
            giveUpPlace: () => {
              if (hasPlace) this.#options.onOverdue?.(key);
              leave();
              turn.overdue();
            },
          });
        } finally {
          leave();
        }
      } finally {
        this.#turns.delete(key);
        this.#options.onEnd?.(key);
      }
    });
    return await turn.join(participant) as Result;
  }

  /** Waits until no job is under way. */
  async idle(): Promise<void> {
    while (this.#turns.size > 0) {
      await Promise.allSettled([...this.#turns.values()].map(({ ended }) => ended));
    }
  }

  async #enter(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    if (this.#free > 0) {
      this.#free--;
      return;
    }
    const admitted = Promise.withResolvers<void>();
    this.#queue.add(admitted.resolve);
    try {
      await settledOrAborted(admitted.promise, signal);
    } catch (error) {
      // Admitted in the same moment: the place goes on to the next.
      if (!this.#queue.delete(admitted.resolve)) this.#leave();
      throw error;
    }
  }

  #leave(): void {
    const [next] = this.#queue;
    if (!next) {
      this.#free++;
      return;
    }
    this.#queue.delete(next);
    next();
  }
}

class Turn implements RunningTurn {
  readonly key: string;
  isRunning = false;
  readonly #purpose: string;
  readonly #controller = new AbortController();
  readonly #participants = new Set<Participant>();
  readonly #result = Promise.withResolvers<unknown>();
  readonly #observe: ((event: ProgressEvent) => void) | undefined;
  /** What somebody who joins later has missed. */
  #latest: ProgressEvent | null = null;
  readonly #overdue = new AbortController();

  constructor(key: string, purpose: string, observe: ((event: ProgressEvent) => void) | undefined) {
    this.key = key;
    this.#purpose = purpose;
    this.#observe = observe;
  }

  /** Settles when the job has; never rejects. */
  get ended(): Promise<void> {
    return this.#result.promise.then(() => {}, () => {});
  }

  isJoinable(purpose: string): boolean {
    return this.#purpose === purpose && !this.#controller.signal.aborted;
  }

  /** It takes longer than it may. */
  overdue(): void {
    this.#overdue.abort();
  }

  /** Until disposed of, tells somebody who waits for it when it takes longer than it may. */
  tellOverdue({ onOverdue }: Participant): Disposable {
    const { signal } = this.#overdue;
    const tell = () => onOverdue?.();
    if (signal.aborted) tell();
    else signal.addEventListener("abort", tell, { once: true });
    return { [Symbol.dispose]: () => signal.removeEventListener("abort", tell) };
  }

  start(run: (given: Omit<Given, "giveUpPlace">) => Promise<unknown>): void {
    const given = { signal: this.#controller.signal, onProgress: this.#progress };
    run(given).then(this.#result.resolve, this.#result.reject);
  }

  async join(participant: Participant): Promise<unknown> {
    const { signal, onProgress } = participant;
    using _hearing = this.tellOverdue(participant);
    this.#participants.add(participant);
    if (this.#latest) onProgress?.(this.#latest);
    const left = Promise.withResolvers<never>();
    const onAbort = () => {
      this.#participants.delete(participant);
      // The last one waits for the end, since the job may have to be carried through.
      if (this.#participants.size === 0) this.#controller.abort(signal.reason);
      else left.reject(signal.reason);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    if (signal.aborted) onAbort();
    try {
      return await Promise.race([this.#result.promise, left.promise]);
    } finally {
      signal.removeEventListener("abort", onAbort);
      this.#participants.delete(participant);
    }
  }

  readonly #progress = (event: ProgressEvent): void => {
    this.#latest = event;
    this.#observe?.(event);
    for (const { onProgress } of this.#participants) onProgress?.(event);
  };
}

async function settledOrAborted(ended: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<never>();
  const onAbort = () => aborted.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  if (signal.aborted) onAbort();
  try {
    await Promise.race([ended, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** What a job alone on a port gets. */
export interface Alone extends Participant {
  readonly giveUpPlace: () => void;
}

/** Alone on a port: with other runs in this process, in turn. */
export async function inTurn<Result>(
  port: string,
  options: Participant & { readonly turns?: Turns | undefined },
  purpose: string,
  run: (turn: Alone) => Promise<Result>,
): Promise<Result> {
  const { signal, onProgress, onOverdue = () => {} } = options;
  if (!options.turns) return await run({ signal, onProgress, giveUpPlace: onOverdue });
  return await options.turns.take(port, purpose, options, run);
}
