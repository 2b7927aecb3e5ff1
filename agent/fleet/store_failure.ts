/**
 * What a failure of SQLite or of the state directory means: damage, a matter of rights that only a
 * person mends, or something that may be over by itself. The difference is whether systemd starts
 * the daemon again.
 */
import { closeSync, existsSync, openSync, rmSync, writeSync } from "node:fs";
import type { Environment } from "../../config/mod.ts";
import { messageOf, UotaError } from "../../errors/mod.ts";

/** A file that is a database, but none of this gateway. */
export class DamagedStore extends Error {}

/** Primary result codes (https://sqlite.org/rescode.html) with the text of sqlite3_errstr(). */
const SQLITE_TEXTS = {
  busy: [5, "database is locked"],
  corrupt: [11, "database disk image is malformed"],
  full: [13, "database or disk is full"],
  notADatabase: [26, "file is not a database"],
} as const;

/** The state directory is not the one to use, or not this user's: waiting does not help. */
const RIGHTS: ReadonlySet<string> = new Set([
  ...["EACCES", "EPERM", "EROFS", "ENOENT", "ENOTDIR", "EISDIR", "EEXIST", "ELOOP"],
  "ENAMETOOLONG",
]);
const FULL: ReadonlySet<string> = new Set(["ENOSPC", "EDQUOT"]);
/** A page, so that a full disk shows. */
const PROBE = new Uint8Array(4096);

/** Whether the database is to be set aside. */
export function isDamage(error: unknown): boolean {
  return error instanceof DamagedStore || isSqlite(error, "corrupt") ||
    isSqlite(error, "notADatabase");
}

/**
 * `config_invalid` where a person has to change rights or the configuration, `state_unavailable`
 * where trying again may help. `path` is the database's.
 */
export function storeFailure(
  stateDir: string,
  path: string,
  error: unknown,
  env: Environment = Deno.env,
): UotaError {
  if (error instanceof UotaError) return error;
  const cause = errnoOf(error) ?? probe(stateDir, path);
  const [code, mend] = whatToDo(error, { cause, stateDir, env });
  return new UotaError(
    code,
    `Cannot keep the gateway's memory in ${stateDir}: ${messageOf(error)}; ${mend}`,
    { cause: error },
  );
}

interface FailureAround {
  /** What the system said; null where it did not. */
  readonly cause: string | null;
  readonly stateDir: string;
  readonly env: Environment;
}

function whatToDo(
  error: unknown,
  { cause, stateDir, env }: FailureAround,
): readonly ["config_invalid" | "state_unavailable", string] {
  if (cause !== null && FULL.has(cause) || isSqlite(error, "full")) {
    return ["state_unavailable", `the disk is full: free space in ${stateDir}`];
  }
  if (cause !== null && RIGHTS.has(cause)) {
    // systemd sets it for what it starts, which the unit keeps from writing elsewhere.
    const unit = env.get("INVOCATION_ID") === undefined
      ? ""
      : `, and for the unit (sudo systemctl edit uota-gateway: [Service] ReadWritePaths=${stateDir})`;
    return [
      "config_invalid",
      `make it writable for this user${unit}, or name another with gateway.state_dir`,
    ];
  }
  if (isSqlite(error, "busy")) {
    return ["state_unavailable", "another program holds it for too long; try again"];
  }
  return ["state_unavailable", "look at the disk that holds it (dmesg says more), and try again"];
}

/** Whether an error came from SQLite at all. */
export function isFromSqlite(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ERR_SQLITE_ERROR";
}

/** SQLite does not pass on what the system said, so the same is tried without it. */
function probe(stateDir: string, path: string): string | null {
  const file = `${stateDir}/${crypto.randomUUID()}.tmp`;
  try {
    const descriptor = openSync(file, "wx", 0o600);
    try {
      writeSync(descriptor, PROBE);
    } finally {
      closeSync(descriptor);
      rmSync(file, { force: true });
    }
    if (existsSync(path)) closeSync(openSync(path, "r+"));
    return null;
  } catch (error) {
    return errnoOf(error);
  }
}

function errnoOf(error: unknown): string | null {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  return /^E(?!RR_)[A-Z]+$/.test(code) ? code : null;
}

/** Deno gives the number only for prepared statements, else the text alone. */
function isSqlite(error: unknown, kind: keyof typeof SQLITE_TEXTS): boolean {
  if (!(error instanceof Error)) return false;
  const [code, text] = SQLITE_TEXTS[kind];
  if ("errcode" in error) return (Number(error.errcode) & 0xff) === code;
  return error.message.startsWith(text);
}
