/**
 * Past attempts in the store's tables: whose there are, what they were, and which may go.
 *
 * INVARIANTS
 * - The attempts of one board never hide those of another, however often it is tried.
 * - A board has a bounded number of attempts. What it was installed with goes last: nothing else can
 *   push out what is confirmed and what a roll-back goes back to.
 * - No clock decides, only the order: gateways without a battery start in 1970.
 */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import {
  type AttemptRecord,
  attemptRow,
  type BoardStatus,
  boardStatusSchema,
  cleanUpRow,
  stepRow,
} from "./records.ts";

/** A board under one of the names that it had. */
export interface StoredBoard {
  readonly key: string;
  readonly name: string;
  readonly uid: string | null;
  /** Wherever it was, in no order. */
  readonly ports: readonly string[];
}

/** Shown of each board. */
const HISTORY_ROWS = 200;
/** Kept of each board: of installations and roll-backs, and as many of all else. */
const KEPT_ROWS = 1000;
const INSTALLED = "outcome IN ('updated', 'rolled_back')";

const boardRow = z.object({
  key: z.string(),
  name: z.string(),
  uid: z.string().nullable(),
  port: z.string().nullable(),
});

/** Every board that was ever visited, by name, with its last attempt that has ended. */
export function statusOf(database: DatabaseSync): readonly BoardStatus[] {
  const rows = database.prepare(
    `SELECT board.name, board.uid, board.port, board.version, attempt.outcome,
       attempt.reason_code, attempt.reason_message,
       coalesce(attempt.ended_at, attempt.started_at) AS at, board.seen_at
     FROM board LEFT JOIN attempt ON attempt.id =
       (SELECT max(id) FROM attempt WHERE board_key = board.key AND ended_at IS NOT NULL)
     ORDER BY board.name, board.key`,
  ).all();
  return rows.map((row) => boardStatusSchema.parse(row));
}

/** Every board that was ever visited or attempted, by name. */
export function storedBoards(database: DatabaseSync): readonly StoredBoard[] {
  const rows = database.prepare(
    `SELECT key, name, uid, port FROM board
     UNION SELECT board_key, name, uid, port FROM attempt ORDER BY name, key`,
  ).all().map((row) => boardRow.parse(row));
  const boards = Map.groupBy(rows, ({ key, name }) => JSON.stringify([key, name]));
  return [...boards.values()].flatMap((same) => {
    const [first] = same;
    if (first === undefined) return [];
    return [{
      ...{ key: first.key, name: first.name },
      uid: same.find(({ uid }) => uid !== null)?.uid ?? null,
      ports: [...new Set(same.flatMap(({ port }) => port === null ? [] : [port]))],
    }];
  });
}

/** The newest attempts of each of the boards, newest first. */
export function attemptsOf(
  database: DatabaseSync,
  boards: readonly StoredBoard[],
): readonly AttemptRecord[] {
  const attempts = database.prepare(
    `SELECT id, name, uid, port, outcome, from_version, to_version, reason_code, reason_message,
       offered_version, strategy, written, unchanged, deleted, excluded, bytes_on_wire, seconds, started_at,
       ended_at FROM attempt WHERE board_key = ? AND name = ? ORDER BY id DESC
     LIMIT ${HISTORY_ROWS}`,
  );
  const steps = database.prepare("SELECT at, step FROM step WHERE attempt_id = ?");
  const cleanUps = database.prepare("SELECT path, fate FROM clean_up WHERE attempt_id = ?");
  return boards
    .flatMap(({ key, name }) => attempts.all(key, name).map((row) => attemptRow.parse(row)))
    .sort((a, b) => b.id - a.id)
    .map((attempt) => ({
      ...attempt,
      steps: steps.all(attempt.id).map((step) => stepRow.parse(step)),
      cleanUp: cleanUps.all(attempt.id).map((fate) => cleanUpRow.parse(fate)),
    }));
}

/**
 * Takes away what a board has too much of, once an attempt has ended. Of a row of attempts in which
 * the board could not be reached for one reason, the first and the last stay: since when, and still.
 */
export function thinAttempts(database: DatabaseSync, key: string): void {
  const newest = database.prepare(
    "SELECT id, outcome, reason_code FROM attempt WHERE board_key = ? ORDER BY id DESC LIMIT 3",
  ).all(key);
  const [last, middle] = newest;
  const isRepeated = newest.length === 3 &&
    newest.every((row) =>
      row["outcome"] === "unreachable" && row["reason_code"] === last?.["reason_code"]
    );
  if (isRepeated) database.prepare("DELETE FROM attempt WHERE id = ?").run(Number(middle?.["id"]));
  for (const kind of [INSTALLED, `NOT ${INSTALLED}`]) {
    // An attempt that is open has no outcome, so it is of neither kind.
    database.prepare(
      `DELETE FROM attempt WHERE board_key = ? AND ${kind} AND id <= (SELECT id FROM attempt
         WHERE board_key = ? AND ${kind} ORDER BY id DESC LIMIT 1 OFFSET ${KEPT_ROWS})`,
    ).run(key, key);
  }
}
