/**
 * The gateway's memory: boards, attempts with their steps, what became of clean-up lists, releases
 * known to be bad. Losing it costs time, never a board: versions and transactions are on the boards.
 *
 * INVARIANTS
 * - An attempt is open from before its board is touched until its outcome is recorded. One that a
 *   killed agent left open is settled when the store is opened next.
 * - Every write that succeeds is durable when the call returns (WAL, synchronous = FULL).
 * - What is noted of an attempt under way never fails it, whatever becomes of the disk: a board in the
 *   middle of a transaction must not be left there for want of a line in a history.
 */
import type { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import type { UotaError } from "../../errors/mod.ts";
import { shortened } from "../../errors/shown_text.ts";
import type { Outcome, Reason, ReasonCode } from "../board/outcome.ts";
import { isRunning, thisProcess } from "./process_name.ts";
import type { AttemptRecord, BoardStatus } from "./records.ts";
import { storeFailure } from "./store_failure.ts";
import { SettledBoards } from "./store_settled.ts";
import {
  attemptsOf,
  statusOf,
  type StoredBoard,
  storedBoards,
  thinAttempts,
} from "./store_history.ts";
import { databasePath, openDatabase, type OpenDatabaseOptions } from "./store_schema.ts";

export type { AttemptRecord, BoardStatus } from "./records.ts";

/** How the store knows a board: by its uid, else by its port. */
export type BoardKey = string & { readonly boardKey: unique symbol };

export function boardKey(board: { readonly uid: string | null; readonly port: string }): BoardKey {
  // The brand has no other maker, so that keys cannot be mixed up with names.
  return (board.uid ?? `port:${board.port}`) as BoardKey;
}

/**
 * Counts that a release was rolled back for what the release before it does, too. It outlives that
 * the board is well again.
 */
const AS_ITS_PREDECESSOR = "as_its_predecessor";

export interface BadRelease {
  readonly version: string;
  readonly reason: Reason;
  readonly at: string;
}

const badRow = z.object({
  version: z.string(),
  code: z.string(),
  message: z.string(),
  at: z.string(),
});

/** An archive that a board has or had, by its hash, and the version of its release. */
export interface InstalledArchive {
  readonly sha256: string;
  readonly version: string;
}

/** What became of one path that a release or the configuration asked to delete. */
export type CleanUpFate = "deleted" | "was_missing" | "kept_excluded";

export interface AttemptedBoard {
  readonly key: BoardKey;
  readonly name: string;
  readonly uid: string | null;
  readonly port: string;
}

/** An open store. Dispose of it to close the file. */
export class Store implements Disposable {
  /** Which boards need nothing while they stay plugged in. */
  readonly settled: SettledBoards;
  readonly #database: DatabaseSync;
  readonly #stateDir: string;
  readonly #options: OpenDatabaseOptions;
  /** Whether the last note failed, so that one full disk is told once. */
  #failing = false;

  private constructor(stateDir: string, options: OpenDatabaseOptions) {
    const database = openDatabase(stateDir, options);
    this.settled = new SettledBoards(database);
    this.#database = database;
    this.#stateDir = stateDir;
    this.#options = options;
  }

  /**
   * @throws {UotaError} `config_invalid` where the state directory cannot be written,
   * `state_unavailable` where the disk is full, fails, or another program is in the way
   */
  static open(stateDir: string, options: OpenDatabaseOptions): Store {
    const store = new Store(stateDir, options);
    try {
      store.#settleOpenAttempts();
      return store;
    } catch (error) {
      store[Symbol.dispose]();
      throw store.#failure(error);
    }
  }

  /**
   * Notes that an attempt begins; the steps and the outcome refer to it. Null where that cannot be
   * noted: the board may be in the middle of something that has to be brought to an end all the same.
   */
  beginAttempt({ key, name, uid, port }: AttemptedBoard): number | null {
    const noted = this.#note(() =>
      this.#database.prepare(
        `INSERT INTO attempt (board_key, name, uid, port, started_at, process, meaning)
         VALUES (?, ?, ?, ?, ?, ?, 2)`,
      ).run(key, name, uid, port, this.#time(), thisProcess())
    );
    if (noted === null) return null;
    // Small notes may find room where larger ones do not: only this tells that the disk is right again.
    this.#failing = false;
    return Number(noted.lastInsertRowid);
  }

  /** The board said who it is, after the attempt had begun. */
  identify(attempt: number | null, { key, name, uid, port }: AttemptedBoard): void {
    if (attempt === null) return;
    this.#note(() =>
      this.#database.prepare(
        "UPDATE attempt SET board_key = ?, name = ?, uid = ?, port = ? WHERE id = ?",
      ).run(key, name, uid, port, attempt)
    );
  }

  addStep(attempt: number | null, step: string): void {
    if (attempt === null) return;
    this.#note(() =>
      this.#database.prepare("INSERT INTO step (attempt_id, at, step) VALUES (?, ?, ?)")
        .run(attempt, this.#time(), step)
    );
  }

  /** Records how an attempt ended, and the board as it is now. */
  endAttempt(attempt: number | null, key: BoardKey, ended: EndedAttempt): void {
    const { outcome, archiveSha256, version, isVersionLost = false } = ended;
    this.#wholly(() => {
      if (attempt !== null) this.#recordEnd(attempt, key, ended);
      if (outcome.port !== null) {
        this.#database.prepare(
          `INSERT INTO board (key, name, uid, port, version, archive_sha256, seen_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (key) DO UPDATE SET name = excluded.name, port = excluded.port,
             version = CASE WHEN ? THEN NULL ELSE coalesce(excluded.version, version) END,
             archive_sha256 = coalesce(excluded.archive_sha256, archive_sha256),
             seen_at = CASE WHEN excluded.version IS NULL THEN seen_at ELSE excluded.seen_at END`,
        ).run(
          key,
          outcome.name,
          outcome.uid,
          outcome.port,
          version,
          outcome.outcome === "updated" ? archiveSha256 : null,
          this.#time(),
          isVersionLost ? 1 : 0,
        );
      }
      thinAttempts(this.#database, key);
    });
  }

  /** Whether this very archive is known to have been installed on the board and found healthy. */
  isConfirmed(key: BoardKey, archiveSha256: string): boolean {
    const row = this.#note(() =>
      this.#database.prepare(
        `SELECT outcome, archive_sha256 AS sha256 FROM attempt WHERE board_key = ? AND outcome IN
           ('updated', 'rolled_back') ORDER BY id DESC LIMIT 1`,
      ).get(key)
    );
    return row?.["outcome"] === "updated" && row["sha256"] === archiveSha256;
  }

  /** The uid of the board that was reached last on a port; null where it had none, or none was. */
  lastUidOn(port: string): string | null {
    const row = this.#database.prepare(
      `SELECT uid FROM attempt WHERE port = ? AND ended_at IS NOT NULL
         AND outcome <> 'unreachable' AND coalesce(reason_code, '') <> 'uid_missing'
       ORDER BY id DESC LIMIT 1`,
    ).get(port);
    return z.string().nullable().parse(row?.["uid"] ?? null);
  }

  /** Whether this gateway remembers having tried a release on a board. */
  knowsOf(key: BoardKey, archiveSha256: string): boolean {
    const row = this.#note(() =>
      this.#database.prepare(
        "SELECT 1 FROM attempt WHERE board_key = ? AND archive_sha256 = ? LIMIT 1",
      ).get(key, archiveSha256)
    );
    return row !== null && row !== undefined;
  }

  /** What an attempt is for, as soon as that is known: it may never come to its end. */
  noteOffer(attempt: number | null, release: InstalledArchive): void {
    if (attempt === null) return;
    this.#note(() =>
      this.#database.prepare(
        "UPDATE attempt SET offered_version = ?, archive_sha256 = ? WHERE id = ?",
      ).run(release.version, release.sha256, attempt)
    );
  }

  /** The archives that the board is known to have had, each once, the latest first. */
  installedArchives(key: BoardKey): readonly InstalledArchive[] {
    const rows = this.#database.prepare(
      `SELECT archive_sha256 AS sha256, to_version AS version, max(id) FROM attempt
       WHERE board_key = ? AND outcome IN ('updated', 'current')
         AND archive_sha256 IS NOT NULL AND to_version IS NOT NULL
       GROUP BY archive_sha256 ORDER BY max(id) DESC`,
    ).all(key);
    return rows.map((row) => z.object({ sha256: z.string(), version: z.string() }).parse(row));
  }

  /** Why a release is not to be tried on a board again by itself; null where nothing speaks against it. */
  badRelease(key: BoardKey, archiveSha256: string): BadRelease | null {
    const row = this.#database.prepare(
      "SELECT version, code, message, at FROM bad_release WHERE board_key = ? AND archive_sha256 = ?",
    ).get(key, archiveSha256);
    if (!row) return null;
    const { version, code, message, at } = badRow.parse(row);
    // The code was a ReasonCode when it was written.
    return { version, reason: { code: code as ReasonCode, message }, at };
  }

  /** Whether a release of this version is known to be bad for the board. */
  isBadVersion(key: BoardKey, version: string): boolean {
    return this.#database.prepare("SELECT 1 FROM bad_release WHERE board_key = ? AND version = ?")
      .get(key, version) !== undefined;
  }

  /**
   * Counts that a row of the recovery table is carried out for a release on a board, before it is:
   * so that what never comes to an end is not tried for ever, whoever is killed meanwhile.
   *
   * @param situation without one: that it was rolled back for what its predecessor does, too
   * @returns how often, this time included; 1 where that cannot be noted
   */
  countTry(
    key: BoardKey,
    archiveSha256: string,
    situation: string = AS_ITS_PREDECESSOR,
  ): number {
    const row = this.#note(() =>
      this.#database.prepare(
        `INSERT INTO recovery_try (board_key, archive_sha256, situation, tries)
         VALUES (?, ?, ?, 1)
         ON CONFLICT DO UPDATE SET tries = tries + 1 RETURNING tries`,
      ).get(key, archiveSha256, situation)
    );
    return Number(row?.["tries"] ?? 1);
  }

  /** The board is wholly on one release again: what was counted for it counts no longer. */
  clearTries(key: BoardKey): void {
    this.#note(() =>
      this.#database.prepare(
        `DELETE FROM recovery_try WHERE board_key = ? AND situation <> '${AS_ITS_PREDECESSOR}'`,
      ).run(key)
    );
  }

  markBad(
    key: BoardKey,
    release: { readonly sha256: string; readonly version: string },
    reason: Reason,
  ): void {
    this.#note(() =>
      this.#database.prepare(
        `INSERT OR REPLACE INTO bad_release (board_key, archive_sha256, version, code, message, at)
         VALUES (?, ?, ?, ?, ?, ?)`,
      ).run(
        key,
        release.sha256,
        release.version,
        reason.code,
        shortened(reason.message),
        this.#time(),
      )
    );
  }

  /** A release that works after all. */
  clearBad(key: BoardKey, archiveSha256: string): void {
    this.#note(() =>
      this.#database.prepare("DELETE FROM bad_release WHERE board_key = ? AND archive_sha256 = ?")
        .run(key, archiveSha256)
    );
  }

  /** Every board that was ever visited, by name. */
  status(): readonly BoardStatus[] {
    return statusOf(this.#database);
  }

  /** Every board that was ever visited or attempted, for selecting from. */
  boards(): readonly StoredBoard[] {
    return storedBoards(this.#database);
  }

  /** The newest attempts of each of the boards, newest first. */
  history(boards: readonly StoredBoard[] = this.boards()): readonly AttemptRecord[] {
    return attemptsOf(this.#database, boards);
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }

  #recordEnd(attempt: number, key: BoardKey, ended: EndedAttempt): void {
    const { outcome, outcome: { files, reason }, archiveSha256, cleanUp } = ended;
    const insert = this.#database.prepare(
      "INSERT INTO clean_up (attempt_id, path, fate) VALUES (?, ?, ?)",
    );
    for (const [path, fate] of cleanUp) insert.run(attempt, path, fate);
    this.#database.prepare(
      `UPDATE attempt SET board_key = ?, ended_at = ?, outcome = ?, from_version = ?, to_version = ?,
         offered_version = ?, archive_sha256 = ?, reason_code = ?, reason_message = ?, strategy = ?, written = ?,
         unchanged = ?, deleted = ?, excluded = ?, bytes_on_wire = ?, seconds = ? WHERE id = ?`,
    ).run(
      key,
      this.#time(),
      outcome.outcome,
      outcome.from,
      outcome.to,
      outcome.offered,
      archiveSha256,
      reason?.code ?? null,
      reason === null ? null : shortened(reason.message),
      outcome.strategy,
      files.written,
      files.unchanged,
      files.deleted,
      files.excluded,
      outcome.bytesOnWire,
      outcome.seconds,
      attempt,
    );
  }

  /** Notes all of it or nothing. */
  #wholly(change: () => void): void {
    this.#note(() => {
      this.#database.exec("BEGIN IMMEDIATE");
      try {
        change();
        this.#database.exec("COMMIT");
      } catch (error) {
        // After some failures, a full disk for one, SQLite has rolled back by itself.
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** What is good to note or to know; where that fails, it is told, once, and goes no further. */
  #note<Result>(write: () => Result): Result | null {
    try {
      return write();
    } catch (error) {
      const isFirst = !this.#failing;
      this.#failing = true;
      if (isFirst) this.#options.log(this.#failure(error).message);
      return null;
    }
  }

  #failure(error: unknown): UotaError {
    return storeFailure(this.#stateDir, databasePath(this.#stateDir), error);
  }

  #settleOpenAttempts(): void {
    const open = this.#database.prepare("SELECT id, process FROM attempt WHERE ended_at IS NULL")
      .all().map((row) => z.object({ id: z.number(), process: z.string() }).parse(row));
    for (const { id, process } of open) {
      if (isRunning(process)) continue;
      this.#database.prepare(
        `UPDATE board SET version = NULL WHERE key = (SELECT board_key FROM attempt WHERE id = ?)
           AND EXISTS (SELECT 1 FROM step WHERE attempt_id = ? AND step IN
             ('committing', 'confirming', 'rolling_back'))`,
      ).run(id, id);
      this.#database.prepare(
        `UPDATE attempt SET ended_at = ?, outcome = 'failed', reason_code = 'interrupted',
           reason_message = ? WHERE id = ? AND ended_at IS NULL`,
      ).run(
        this.#time(),
        "The agent was stopped in the middle; the next visit of the board settles what was begun",
        id,
      );
    }
  }

  #time(): string {
    return this.#options.now().toISOString();
  }
}

export interface EndedAttempt {
  readonly outcome: Outcome;
  /** Of the release that was offered; null where there was none. */
  readonly archiveSha256: string | null;
  /** What the board has now; null where nobody knows. */
  readonly version: string | null;
  /** Whether the board may be on another version than before, and nobody knows on which. */
  readonly isVersionLost?: boolean;
  /** What became of the paths of the clean-up list. */
  readonly cleanUp: ReadonlyMap<string, CleanUpFate>;
}
