/**
 * One visit of a board: the open board, whatever port it is on after a reset, and the way back to
 * it. Used by `update.ts` and `rollback.ts`.
 *
 * INVARIANTS
 * - After a reset the visit goes on only with the same board: the same uid where it has one.
 * - Closing a visit leaves the board's program running.
 */
import { UotaError } from "../../errors/mod.ts";
import { type Board, connectBoard, findPorts, pause, type PortInfo } from "../../serial/mod.ts";

export interface VisitOptions {
  readonly signal: AbortSignal;
  readonly baud: number;
  /** Where a port may come back under another number. */
  readonly portGlobs: readonly string[];
  /** The time of the watchdog on the board, which then is fed; null for none. */
  readonly watchdogMs: number | null;
  /** How long a board may take to come back from a reset. @default 20000 */
  readonly returnBoundMs?: number;
}

interface Asking {
  readonly signal: AbortSignal;
}

/** At its raw REPL, or with its program running since the port did not go away. */
export type AfterReset = "at_prompt" | "running";

const DEFAULT_RETURN_BOUND_MS = 20_000;
const APPEAR_BOUND_MS = 3000;
const LOOK_AGAIN_MS = 50;
/** A board whose program resets it is at its prompt only for who comes at once. */
const SOON_MS = 5000;
const LOOK_SOON_MS = 5;
/** By then `machine.reset()` is carried out, so that Ctrl-C does not stop that. */
const HANG_UP_SOON_MS = 100;

/** An open board. Made by {@linkcode openVisit}. */
export class Visit implements AsyncDisposable {
  #options: VisitOptions;
  readonly #uid: string | null;
  #port: PortInfo;
  #board: Board;
  #bytesBefore = 0;

  constructor(board: Board, port: PortInfo, options: VisitOptions) {
    this.#board = board;
    this.#port = port;
    this.#options = options;
    this.#uid = board.capabilities.uid;
  }

  get board(): Board {
    return this.#board;
  }

  get port(): PortInfo {
    return this.#port;
  }

  /** Bytes written to the board's ports during this visit. */
  get bytesWritten(): number {
    return this.#bytesBefore + this.#board.bytesWritten;
  }

  /** Feeds the watchdog on the board, which the board's uid has told of, from now on. */
  async feedWatchdog(
    watchdogMs: number | null,
    options: { readonly signal: AbortSignal },
  ): Promise<void> {
    if (watchdogMs === this.#options.watchdogMs) return;
    this.#options = { ...this.#options, watchdogMs };
    if (watchdogMs !== null) await this.#board.feedWatchdog(watchdogMs, options);
  }

  /**
   * Resets the board as a power-on would, where it can, else softly.
   *
   * @param options `soon`: answers at once where the port does not go away at once, for whoever is
   *   about to {@linkcode Visit.enter} a program that may soon be asleep
   * @throws {UotaError} `board_lost` when it is not there again in time
   */
  async reset(options: Asking & { readonly soon?: boolean }): Promise<AfterReset> {
    if (!this.#board.capabilities.hardReset) {
      await this.#board.interrupt(options);
      return "at_prompt";
    }
    const { signal, soon = false } = options;
    if (!await this.#board.hardReset(soon ? { signal, hangUpMs: HANG_UP_SOON_MS } : { signal })) {
      return "running";
    }
    await this.comeBack(options);
    return "at_prompt";
  }

  /**
   * Finds the board again whose port has gone, and brings it to its raw REPL.
   *
   * @throws {UotaError} `board_lost` when it is not there again in time
   */
  async comeBack(options: Asking): Promise<void> {
    // What was installed meanwhile does not change where it is.
    const { root } = this.#board.capabilities;
    await this.#board[Symbol.asyncDispose]();
    const { board, port } = await this.#findAgain(options, async (candidate) => ({
      // What goes away by itself may do so again at once.
      board: await connect(candidate, { ...this.#options, ...options, isReturning: true, root }),
      port: candidate,
    }));
    this.#bytesBefore += this.#board.bytesWritten;
    this.#board = board;
    this.#port = port;
  }

  /**
   * To the raw REPL, from a program that runs or from wherever the board has gone meanwhile.
   *
   * @throws {UotaError} `board_lost`, `no_response`
   */
  async enter(options: Asking & { readonly eager?: boolean }): Promise<void> {
    try {
      await this.#board.interrupt(options);
    } catch (error) {
      if (!(error instanceof UotaError) || error.code !== "port_lost") throw error;
      await this.comeBack(options);
    }
  }

  /** Resets the board, and waits until its port is there again without opening it. */
  async resetAndLeave(options: Asking): Promise<void> {
    const { board } = this;
    const wentAway = board.capabilities.hardReset
      ? await board.hardReset(options)
      : (await board.restartProgram(options), false);
    await board[Symbol.asyncDispose]();
    if (wentAway) await this.#findAgain(options, (port) => Promise.resolve({ board: null, port }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#board[Symbol.asyncDispose]();
  }

  async #findAgain<Found extends { readonly board: Board | null }>(
    { signal }: { readonly signal: AbortSignal },
    reach: (port: PortInfo) => Promise<Found>,
  ): Promise<Found> {
    const { returnBoundMs = DEFAULT_RETURN_BOUND_MS } = this.#options;
    const begun = performance.now();
    const end = begun + returnBoundMs;
    let obstacle: unknown = null;
    while (performance.now() < end) {
      for (const port of await this.#candidates()) {
        try {
          const found = await reach(port);
          const uid = found.board?.capabilities.uid ?? this.#uid;
          if (uid === this.#uid) return found;
          await found.board?.[Symbol.asyncDispose]();
        } catch (error) {
          if (!(error instanceof UotaError) || signal.aborted) throw error;
          obstacle = error;
        }
      }
      const isSoon = performance.now() - begun < SOON_MS;
      await pause(isSoon ? LOOK_SOON_MS : LOOK_AGAIN_MS, signal);
    }
    const last = obstacle instanceof UotaError ? ` (${obstacle.message})` : "";
    throw new UotaError(
      "board_lost",
      `The board on ${this.#port.path} went away and did not come back within ` +
        `${returnBoundMs / 1000} s${last}; its next visit carries on from there. ` +
        "Check its power and cable, or reset it",
      { cause: obstacle },
    );
  }

  /** USB serial number first, then the place on the bus; without USB, the path. */
  async #candidates(): Promise<readonly PortInfo[]> {
    const { path, usb } = this.#port;
    // Without a USB device behind it, only its name says which it is.
    if (usb === null) return await findPorts([path]);
    const ports = await findPorts([path, ...this.#options.portGlobs]);
    return ports.filter((port) =>
      port.usb !== null &&
      (usb.serial === null ? port.usb.topology === usb.topology : port.usb.serial === usb.serial)
    );
  }
}

/**
 * Opens the board on `port`. Opening a port resets some boards, and others happen to reset just
 * then; on native USB the port goes away with that, so one that has gone is waited for a little.
 *
 * @throws {UotaError} as `connectBoard`
 */
export async function openVisit(port: PortInfo, options: VisitOptions): Promise<Visit> {
  const end = performance.now() + Math.min(APPEAR_BOUND_MS, options.returnBoundMs ?? Infinity);
  let losses = 0;
  let isReturning = false;
  while (true) {
    try {
      return new Visit(await connect(port, { ...options, isReturning }), port, options);
    } catch (error) {
      const isAway = error instanceof UotaError &&
        (error.code === "port_lost" || error.code === "port_missing");
      if (!isAway) throw error;
      if (error.code === "port_lost") losses++;
      if (performance.now() > end) throw losses > 1 ? resetsItself(port, losses, error) : error;
      isReturning = true;
      await pause(LOOK_SOON_MS, options.signal);
    }
  }
}

function resetsItself({ path }: PortInfo, losses: number, cause: UotaError): UotaError {
  return new UotaError(
    "port_lost",
    `The board on ${path} went away ${losses} times while it was being interrupted: its program ` +
      "may answer Ctrl-C with a reset, or its power may not be enough. Let the program end on " +
      "KeyboardInterrupt, or check the supply",
    { cause },
  );
}

async function connect(
  port: PortInfo,
  { signal, baud, watchdogMs, isReturning = false, root }:
    & Pick<VisitOptions, "signal" | "baud" | "watchdogMs">
    & { readonly isReturning?: boolean; readonly root?: string | null },
): Promise<Board> {
  const returning = { readEvidence: isReturning, eager: isReturning };
  const board = await connectBoard(port.path, { signal, baud, ...returning, root });
  if (watchdogMs !== null) await board.feedWatchdog(watchdogMs, { signal });
  return board;
}
