/** Opening a port and getting to the board behind it. */
import { Board } from "./board.ts";
import { RawRepl } from "./raw_repl.ts";
import { restartQuietly } from "./restart.ts";
import { openTty } from "./tty.ts";

/** What {@linkcode connectBoard} takes. */
export interface ConnectOptions {
  /** Ends the attempt; a program that was interrupted already is started again. */
  readonly signal: AbortSignal;
  /** The speed of a UART. USB-CDC boards ignore it. @default 115200 */
  readonly baud?: number;
  /** How long getting to the raw REPL may take. @default 12000 */
  readonly enterTimeoutMs?: number;
  /**
   * Whether to ask why the board started, before the soft reset that changes it: see
   * `Board.evidence`. @default false
   */
  readonly readEvidence?: boolean;
  /**
   * Whether the board may start anew at any moment, so that Ctrl-C comes again and again from the
   * beginning. @default false
   */
  readonly eager?: boolean;
  /**
   * The root that the board had earlier in a visit (`Capabilities.root`): what is
   * installed meanwhile, such as a boot.py that goes to another directory, does not change it.
   * @default what the board says
   */
  readonly root?: string | null | undefined;
}

/**
 * Opens a port, brings the board to the raw REPL, soft-resets it there (a fresh heap, nothing of
 * its program left running, main.py not started) and asks what it can do.
 *
 * @throws {UotaError} `port_*`, `no_response`, `not_micropython`, `protocol`, `board_error`
 */
export async function connectBoard(path: string, options: ConnectOptions): Promise<Board> {
  const { signal, baud, enterTimeoutMs, readEvidence = false, eager = false, root } = options;
  const port = await openTty(path, { signal, ...(baud === undefined ? {} : { baud }) });
  const entering = {
    ...{ signal, eager },
    ...(enterTimeoutMs === undefined ? {} : { timeoutMs: enterTimeoutMs }),
  };
  let repl: RawRepl | null = null;
  try {
    repl = await RawRepl.enter(port, entering);
    const board = new Board(port, repl);
    await board.lookAround({ signal, readEvidence });
    await repl.softReset(entering);
    await board.probe({ signal, root });
    return board;
  } catch (error) {
    // An attempt that was given up may have interrupted the program already.
    if (repl !== null || signal.aborted) await restartQuietly(port, repl);
    await port[Symbol.asyncDispose]();
    throw error;
  }
}
