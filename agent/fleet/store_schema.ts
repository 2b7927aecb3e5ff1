/** The tables of the store, and the file that holds them. */
import { DatabaseSync } from "node:sqlite";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { DamagedStore, isDamage, storeFailure } from "./store_failure.ts";

/**
 * The form of the tables, in `user_version`. What is only added leaves the number as it is, so that
 * the version of this program before can go on with the file; a file with another number was
 * written by a later version, and is left alone.
 */
const FORM = 1;

const TABLES = `
  CREATE TABLE board (
    key TEXT PRIMARY KEY, name TEXT NOT NULL, uid TEXT, port TEXT, usb_serial TEXT,
    version TEXT, archive_sha256 TEXT, seen_at TEXT NOT NULL
  ) STRICT;
  CREATE TABLE attempt (
    id INTEGER PRIMARY KEY, board_key TEXT NOT NULL, name TEXT NOT NULL, uid TEXT, port TEXT,
    from_version TEXT, to_version TEXT, archive_sha256 TEXT, strategy TEXT,
    started_at TEXT NOT NULL, ended_at TEXT, outcome TEXT, reason_code TEXT, reason_message TEXT,
    written INTEGER NOT NULL DEFAULT 0, unchanged INTEGER NOT NULL DEFAULT 0,
    deleted INTEGER NOT NULL DEFAULT 0, excluded INTEGER NOT NULL DEFAULT 0,
    bytes_on_wire INTEGER NOT NULL DEFAULT 0, seconds REAL NOT NULL DEFAULT 0,
    process TEXT NOT NULL
  ) STRICT;
  CREATE INDEX attempt_by_board ON attempt (board_key, id);
  CREATE TABLE step (
    attempt_id INTEGER NOT NULL REFERENCES attempt (id) ON DELETE CASCADE,
    at TEXT NOT NULL, step TEXT NOT NULL
  ) STRICT;
  CREATE TABLE clean_up (
    attempt_id INTEGER NOT NULL REFERENCES attempt (id) ON DELETE CASCADE,
    path TEXT NOT NULL, fate TEXT NOT NULL
  ) STRICT;
  CREATE TABLE bad_release (
    board_key TEXT NOT NULL, archive_sha256 TEXT NOT NULL, version TEXT NOT NULL,
    code TEXT NOT NULL, message TEXT NOT NULL, at TEXT NOT NULL,
    PRIMARY KEY (board_key, archive_sha256)
  ) STRICT;
  PRAGMA user_version = ${FORM};
`;

/** Not part of the form: a store that began without them gets them. */
const ADDITIONS = `
  CREATE INDEX IF NOT EXISTS step_by_attempt ON step (attempt_id);
  CREATE INDEX IF NOT EXISTS clean_up_by_attempt ON clean_up (attempt_id);
  CREATE INDEX IF NOT EXISTS attempt_by_port ON attempt (port, id);
  CREATE TABLE IF NOT EXISTS settled (
    port TEXT PRIMARY KEY, session TEXT NOT NULL, uid TEXT, wish TEXT NOT NULL,
    archive_sha256 TEXT NOT NULL, attempt_id INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE IF NOT EXISTS recovery_try (
    board_key TEXT NOT NULL, archive_sha256 TEXT NOT NULL, situation TEXT NOT NULL,
    tries INTEGER NOT NULL, PRIMARY KEY (board_key, archive_sha256, situation)
  ) STRICT;
`;

/** Columns that a store that began without them gets. */
const ADDED_COLUMNS: Readonly<Record<string, string>> = {
  offered_version: "TEXT",
  // What the versions of an attempt mean: 1 as they were written first, 2 as they are now.
  meaning: "INTEGER NOT NULL DEFAULT 1",
};

/**
 * In attempts of the first meaning `to_version` is what was wanted, not what the board had in the
 * end, and a roll-back by hand is told as one that went by itself. An earlier version of this
 * program, if it is put back, writes such rows again, so this runs at each start.
 */
const GIVE_NEW_MEANING = `
  UPDATE attempt SET
    offered_version = to_version,
    outcome = CASE WHEN outcome = 'rolled_back' AND reason_code IS NULL THEN 'updated'
      ELSE outcome END,
    to_version = CASE
      WHEN outcome IN ('updated', 'current') THEN to_version
      WHEN outcome = 'rolled_back' AND reason_code IS NULL THEN to_version
      WHEN outcome IN ('skipped', 'rolled_back', 'unreachable') THEN from_version
      ELSE NULL END,
    meaning = 2
  WHERE meaning = 1 AND ended_at IS NOT NULL;
`;

export interface OpenDatabaseOptions {
  readonly log: (line: string) => void;
  readonly now: () => Date;
}

/** The store's file. */
export function databasePath(stateDir: string): string {
  return `${stateDir}/gateway.db`;
}

/**
 * Opens `gateway.db` in the state directory. One that is damaged is set aside under a name of its
 * own and a new one begun: the boards know their versions themselves.
 *
 * @throws {UotaError} `config_invalid` where the state directory cannot be written,
 * `state_unavailable` where the disk is full, fails, or another program is in the way
 */
export function openDatabase(stateDir: string, options: OpenDatabaseOptions): DatabaseSync {
  const path = databasePath(stateDir);
  try {
    mkdirSync(stateDir, { recursive: true, mode: 0o750 });
    return openOrBegin(path, options);
  } catch (error) {
    throw storeFailure(stateDir, path, error);
  }
}

function openOrBegin(path: string, options: OpenDatabaseOptions): DatabaseSync {
  let why: string;
  try {
    return prepare(path);
  } catch (error) {
    if (!isDamage(error)) throw error;
    why = messageOf(error);
  }
  const aside = `${path}.damaged-${options.now().toISOString().replaceAll(":", "")}`;
  renameSync(path, aside);
  for (const rest of ["-wal", "-shm"]) rmSync(`${path}${rest}`, { force: true });
  options.log(
    `The store was damaged (${why}); it is kept as ${aside} and a new one was begun. ` +
      "Nothing is lost on the boards, but their history starts anew",
  );
  return prepare(path);
}

function prepare(path: string): DatabaseSync {
  const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  try {
    const check = database.prepare("PRAGMA quick_check").get();
    if (check?.["quick_check"] !== "ok") throw new DamagedStore(String(check?.["quick_check"]));
    const form = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (form !== 0 && form !== FORM) throw fromLaterVersion(path, form);
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    if (form === 0) createTables(database);
    addTo(database);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Two processes may find the same empty file; the one that comes second finds the tables made. */
function createTables(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  const form = database.prepare("PRAGMA user_version").get()?.["user_version"];
  if (form === 0) database.exec(TABLES);
  database.exec("COMMIT");
}

/** Two processes may open the same file, so what is missing is looked for with the file held. */
function addTo(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  try {
    database.exec(ADDITIONS);
    const columns = database.prepare("PRAGMA table_info(attempt)").all().map(({ name }) => name);
    for (const [name, type] of Object.entries(ADDED_COLUMNS)) {
      if (columns.includes(name)) continue;
      database.exec(`ALTER TABLE attempt ADD COLUMN ${name} ${type}`);
    }
    database.exec(GIVE_NEW_MEANING);
    database.exec("COMMIT");
  } catch (error) {
    if (database.isTransaction) database.exec("ROLLBACK");
    throw error;
  }
}

function fromLaterVersion(path: string, form: unknown): UotaError {
  return new UotaError(
    "config_invalid",
    `The gateway's memory in ${path} has the form ${form}, and this version of uota knows only ` +
      `${FORM}: a later version has written it. Nothing was changed; install that version again, ` +
      "or name another directory with gateway.state_dir",
  );
}

const BUSY_TIMEOUT_MS = 10_000;
