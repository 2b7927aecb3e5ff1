/**
 * Commit, roll-back and finish: each one script on the board, without traffic in between, so that
 * only the board's own power can cut it short. All can be repeated. Which of them is next is a
 * matter of `recovery_table.ts`.
 */
import { type Board, script } from "../../serial/mod.ts";
import {
  type JournalReading,
  oldVersionIndex,
  readJournal,
  type TransactionState,
} from "./journal.ts";
import { COMMITTED, DAMAGED, JOURNAL, OLD_DIRECTORY, ROLLBACK } from "./paths_on_board.ts";
import transaction from "./on_board/transaction.py" with { type: "text" };

const transactionScript = script(transaction);

interface Asking {
  readonly signal: AbortSignal;
}

interface Changing extends Asking {
  /** Whether the files were of two releases before, so that going back leads to that again. */
  readonly needsRepair: boolean;
}

/** Carries out the journal. @throws {UotaError} what the board reported */
export async function commit(board: Board, options: Asking): Promise<void> {
  await board.load([transactionScript], options);
  await call(board, "commit", options);
}

/**
 * Goes back to the files from before the journal, and removes what was staged; where they need a
 * repair, what says so stays.
 *
 * @throws {UotaError} what the board reported
 */
export async function rollBack(board: Board, options: Changing): Promise<void> {
  await board.load([transactionScript], options);
  await call(board, "roll_back", options);
  if (options.needsRepair) await board.files.removeTree(ROLLBACK, options);
  else await call(board, "finish", options);
}

/** Removes the journal and the files of the release before. */
export async function finish(board: Board, options: Asking): Promise<void> {
  await board.load([transactionScript], options);
  await call(board, "finish", options);
}

const FILES: Readonly<Record<TransactionState, string>> = {
  journal: JOURNAL,
  committed: COMMITTED,
  rollback: ROLLBACK,
};

/** The file that tells where the transaction is. @throws {UotaError} as `readJournal` */
export async function readTransaction(
  board: Board,
  state: TransactionState,
  options: Asking,
): Promise<JournalReading> {
  return await readJournal(board, FILES[state], options);
}

/** The stripped `version` of the release before, which a journal has moved away; null without one. */
export async function oldVersion(
  board: Board,
  journal: Uint8Array,
  options: Asking & { readonly limitBytes: number },
): Promise<string | null> {
  const index = oldVersionIndex(journal);
  if (index === null) return null;
  const path = `${OLD_DIRECTORY}/${index}`;
  const [state] = await board.files.stat([path], options);
  if (state?.kind !== "file") return null;
  const text = new TextDecoder().decode(await board.files.readFile(path, options)).trim();
  return text === "" ? null : text;
}

/** Gives a damaged journal the name that says what the board needs now. */
export async function setAside(
  board: Board,
  state: TransactionState,
  options: Changing,
): Promise<void> {
  // FAT replaces nothing by a rename at one go; one of them says it all.
  if (options.needsRepair) await board.files.removeTree(FILES[state], options);
  else await board.files.rename(FILES[state], DAMAGED, options);
}

async function call(board: Board, name: string, options: Asking): Promise<void> {
  await board.call(name, [board.files.locate("").replace(/\/$/, "")], options);
}
