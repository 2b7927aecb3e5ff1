/**
 * Which boards need nothing as far as a release is concerned, for as long as they stay plugged in: an
 * agent that starts again need not interrupt their programs to find out.
 *
 * INVARIANTS
 * - What was noted holds until the next attempt on the port begins, whoever makes it, and also when
 *   that one is killed.
 */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";

export interface SettledBoard {
  /** From when it was plugged in until it is pulled out. */
  readonly session: string;
  readonly uid: string | null;
  /** What decided which release it should have. */
  readonly wish: string;
  /** The archive for which there is nothing to do. */
  readonly sha256: string;
}

const settledRow = z.object({
  session: z.string(),
  uid: z.string().nullable(),
  wish: z.string(),
  sha256: z.string(),
});

const LAST_ATTEMPT = "(SELECT coalesce(max(id), 0) FROM attempt WHERE attempt.port = ?)";

/** The table of a store. */
export class SettledBoards {
  readonly #database: DatabaseSync;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  note(port: string, { session, uid, wish, sha256 }: SettledBoard): void {
    this.#database.prepare(
      `INSERT OR REPLACE INTO settled (port, session, uid, wish, archive_sha256, attempt_id)
       VALUES (?, ?, ?, ?, ?, ${LAST_ATTEMPT})`,
    ).run(port, session, uid, wish, sha256, port);
  }

  forget(port: string): void {
    this.#database.prepare("DELETE FROM settled WHERE port = ?").run(port);
  }

  /** What was noted of the board on a port; null where something was begun there since. */
  on(port: string): SettledBoard | null {
    const row = this.#database.prepare(
      `SELECT session, uid, wish, archive_sha256 AS sha256 FROM settled
       WHERE port = ? AND attempt_id = ${LAST_ATTEMPT}`,
    ).get(port, port);
    return row === undefined ? null : settledRow.parse(row);
  }
}
