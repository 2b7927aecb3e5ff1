/**
 * How long one visit to a board may take. Each wait on the line has a bound of its own, but a board
 * that says a byte now and then outlasts them one after the other, while others wait for its place.
 * Used by whoever opens a board: `attempts.ts`, `survey.ts`, `fleet/choose.ts`.
 *
 * The bounds are several times what the slowest board that is known takes. One that is slower still
 * gets further with each visit, since what is staged counts; so a bound that is too tight costs time,
 * and one that is too loose costs the other boards theirs.
 *
 * INVARIANTS
 * - Only what has been begun counts: a visit that waits for its turn has no bound yet.
 * - What is past its bound gives up its place among those side by side, at once and once.
 * - It is ended, too, unless it is held: from the journal to the verdict a board is not left.
 */
import { UotaError } from "../errors/mod.ts";
import { type Clock, SYSTEM_CLOCK } from "./clock.ts";

/**
 * Interrupting a program takes 12 s at most, and so does what its boot.py does after a soft reset;
 * then come a look at what the board is, and at its version.
 */
const OPENING_MS = 90_000;
/** What a visit says to a board before it sends any file, with a margin: its scripts, mostly. */
const OPENING_BYTES = 16 * 1024;
/** 8N1. */
const BITS_A_BYTE = 10;
/** A byte of content is four characters at worst, `\x00`; a read one comes as two digits. */
const SENT_CHARACTERS = 4;
const READ_CHARACTERS = 2;
/** For lost bytes, for files that arrive damaged, for a line that only carries a part of its rate. */
const LINE_MARGIN = 2;
/**
 * Erasing and writing: the slowest flash that was measured takes 53 KB/s, and a micro:bit's file
 * system with scripts of 56 characters some 500 bytes.
 */
const FLASH_BYTES_A_SECOND = 400;
/** Creating, hashing or renaming one: 90 ms in a directory of 200 on a Pico. */
const FILE_MS = 1000;
/** Finishing what is committed: a reset, coming back (20 s), and being reached again. */
const COMMIT_MS = 180_000;

/** What is to be done on a board. */
export interface Workload {
  readonly files: number;
  /** Content for the board. */
  readonly sentBytes: number;
  /** Content of the board, to be hashed there or read back. */
  readonly readBytes: number;
  /** Of the line; boards on USB are faster. */
  readonly baud: number;
}

/** Milliseconds to open a board and to see what it is. */
export function openingBoundMs(baud: number): number {
  return Math.ceil(OPENING_MS + lineMs(OPENING_BYTES, baud));
}

/** Milliseconds for work with files. */
export function workBoundMs({ files, sentBytes, readBytes, baud }: Workload): number {
  const characters = sentBytes * SENT_CHARACTERS + readBytes * READ_CHARACTERS;
  const flashMs = sentBytes / FLASH_BYTES_A_SECOND * 1000;
  return Math.ceil(openingBoundMs(baud) + lineMs(characters, baud) + flashMs + files * FILE_MS);
}

/** Milliseconds from the journal to the verdict, of the new release and then of the old one. */
export function commitBoundMs(
  { files, confirmMs }: { readonly files: number; readonly confirmMs: number },
): number {
  return COMMIT_MS + files * FILE_MS + 2 * confirmMs;
}

function lineMs(bytes: number, baud: number): number {
  return bytes * BITS_A_BYTE * 1000 / baud * LINE_MARGIN;
}

export interface VisitBoundOptions {
  /** The port, for the message. */
  readonly port: string;
  /** For what comes first. */
  readonly allowMs: number;
  /** Told once, when the time is over: somebody else gets the place. */
  readonly onOverdue: () => void;
  /** @default the system's */
  readonly clock?: Clock | undefined;
}

/** The bound of one visit. Dispose of it when the visit has ended. */
export class VisitBound implements Disposable {
  readonly #options: VisitBoundOptions;
  readonly #clock: Clock;
  readonly #controller = new AbortController();
  #timer: Disposable;
  #allowMs: number;
  #doing = "being opened";
  #isHeld = false;
  #isOverdue = false;

  constructor(options: VisitBoundOptions) {
    this.#options = options;
    this.#clock = options.clock ?? SYSTEM_CLOCK;
    this.#allowMs = options.allowMs;
    this.#timer = this.#start();
  }

  /** Aborted with `too_slow` when the time is over, unless the visit is held. */
  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /**
   * What comes next may take `ms` from now on, however long the step before it was allowed.
   *
   * @param doing for the message, as in "the board was still `being inspected`"
   */
  allow(ms: number, doing: string): void {
    if (this.#isOverdue) return;
    this.#allowMs = ms;
    this.#doing = doing;
    this.#timer[Symbol.dispose]();
    this.#timer = this.#start();
  }

  /** From now on the board is not to be left; after `ms` the visit only gives up its place. */
  hold(ms: number): void {
    this.#isHeld = true;
    this.allow(ms, "being committed");
  }

  /** What was held has come to its end: the board can be left again, and what comes next takes `ms`. */
  resume(ms: number, doing: string): void {
    this.#isHeld = false;
    this.allow(ms, doing);
  }

  /** Runs `work` within the bound. @throws {UotaError} `too_slow` */
  async within<Result>(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work(AbortSignal.any([signal, this.signal]));
    } catch (error) {
      signal.throwIfAborted();
      this.signal.throwIfAborted();
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.#timer[Symbol.dispose]();
  }

  #start(): Disposable {
    return this.#clock.after(this.#allowMs, () => this.#expire());
  }

  #expire(): void {
    this.#isOverdue = true;
    if (!this.#isHeld) this.#controller.abort(this.#tooSlow());
    this.#options.onOverdue();
  }

  #tooSlow(): UotaError {
    return new UotaError(
      "too_slow",
      `The board on ${this.#options.port} is too slow: after ${duration(this.#allowMs)} it was ` +
        `still ${this.#doing}, and other boards wait for their turn. Check its cable, its power ` +
        "and its baud rate, or reset it; what has arrived on it counts at the next visit",
    );
  }
}

function duration(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1000)} s` : `${Math.round(ms / 60_000)} min`;
}
