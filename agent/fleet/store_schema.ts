/** The tables of the store, and the file that holds them. */
import { DatabaseSync } from "node:sqlite";
import { mkdirSync, renameSync, rmSync } from "node:fs";
import { messageOf } from "../../errors/mod.ts";
import { DamagedStore, isDamage, storeFailure } from "./store_failure.ts";

/** Where the form of the tables is kept; another form is another number. */
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
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON");
    const form = database.prepare("PRAGMA user_version").get()?.["user_version"];
    if (form === 0) createTables(database);
    else if (form !== FORM) throw new DamagedStore(`it has the unknown form ${form}`);
    database.exec(ADDITIONS);
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

const BUSY_TIMEOUT_MS = 10_000;
