/**
 * Commit, roll-back and finish: each one script on the board, without traffic in between, so that
 * only the board's own power can cut it short. All can be repeated.
 */
import { UotaError } from "../../errors/mod.ts";
import { type Board, script } from "../../serial/mod.ts";
import { isWholeOnBoard } from "./journal.ts";
import { COMMITTED, DAMAGED, JOURNAL, ROLLBACK } from "./paths_on_board.ts";
import transaction from "./on_board/transaction.py" with { type: "text" };

const transactionScript = script(transaction);

interface Asking {
  readonly signal: AbortSignal;
}

interface Changing extends Asking {
  /** Whether the files were of two releases before, so that going back leads to that again. */
  readonly needsRepair: boolean;
}

/**
 * Carries out the journal. When the board reports a failure in the middle, goes back to the old
 * files before it throws.
 *
 * @throws {UotaError} what the board reported; `unfinished_transaction` when it could not go back
 *   either, and the journal stays for the next visit
 */
export async function commit(board: Board, options: Changing): Promise<void> {
  await board.load([transactionScript], options);
  try {
    await call(board, "commit", options);
  } catch (error) {
    // The line is gone or out of step: the journal is complete, so the next visit carries on.
    if (!(error instanceof UotaError) || !REPORTED_BY_BOARD.has(error.code)) throw error;
    await rollBack(board, options);
    throw error;
  }
}

/**
 * Goes back to the files from before the journal, and removes what was staged; where they need a
 * repair, what says so stays.
 */
export async function rollBack(board: Board, options: Changing): Promise<void> {
  await board.load([transactionScript], options);
  try {
    await call(board, "roll_back", options);
    if (options.needsRepair) await board.files.removeTree(ROLLBACK, options);
    else await call(board, "finish", options);
  } catch (error) {
    throw new UotaError(
      "unfinished_transaction",
      `The board on ${board.path} could neither finish the installation nor go back; ` +
        "everything needed for both is still on it, and the next visit tries again",
      { cause: error },
    );
  }
}

/** Removes the journal and the files of the release before. */
export async function finish(board: Board, options: Asking): Promise<void> {
  await board.load([transactionScript], options);
  await call(board, "finish", options);
}

const FILES = { journal: JOURNAL, committed: COMMITTED, rollback: ROLLBACK } as const;

/** Whether the file that tells where the transaction is is as it was written. */
export async function isReadable(
  board: Board,
  state: keyof typeof FILES,
  options: Asking,
): Promise<boolean> {
  return await isWholeOnBoard(board, FILES[state], options);
}

/** Gives a damaged journal the name that says what the board needs now. */
export async function setAside(
  board: Board,
  state: keyof typeof FILES,
  options: Changing,
): Promise<void> {
  // FAT replaces nothing by a rename at one go; one of them says it all.
  if (options.needsRepair) await board.files.removeTree(FILES[state], options);
  else await board.files.rename(FILES[state], DAMAGED, options);
}

const REPORTED_BY_BOARD = new Set(["board_error", "board_memory", "no_space"]);

async function call(board: Board, name: string, options: Asking): Promise<void> {
  await board.call(name, [board.files.locate("").replace(/\/$/, "")], options);
}
