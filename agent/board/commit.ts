/**
 * Commit, roll-back and finish: each one script on the board, without traffic in between, so that
 * only the board's own power can cut it short. All can be repeated.
 */
import { UotaError } from "../../errors/mod.ts";
import { type Board, script } from "../../serial/mod.ts";
import transaction from "./on_board/transaction.py" with { type: "text" };

const transactionScript = script(transaction);

interface Asking {
  readonly signal: AbortSignal;
}

/**
 * Carries out the journal. When the board reports a failure in the middle, goes back to the old
 * files before it throws.
 *
 * @throws {UotaError} what the board reported; `unfinished_transaction` when it could not go back
 *   either, and the journal stays for the next visit
 */
export async function commit(board: Board, options: Asking): Promise<void> {
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

/** Goes back to the files from before the journal, and removes what was staged. */
export async function rollBack(board: Board, options: Asking): Promise<void> {
  await board.load([transactionScript], options);
  try {
    await call(board, "roll_back", options);
    await call(board, "finish", options);
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

const REPORTED_BY_BOARD = new Set(["board_error", "board_memory", "no_space"]);

async function call(board: Board, name: string, options: Asking): Promise<void> {
  await board.call(name, [board.locate("").replace(/\/$/, "")], options);
}
