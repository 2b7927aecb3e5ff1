/** What `uota doctor` finds. */

/** `warning`: the gateway works, but not as well as it could, or nobody could tell. */
export type CheckState = "ok" | "warning" | "problem";

export interface Check {
  /** What was looked at, such as `clock`. */
  readonly check: string;
  readonly state: CheckState;
  /** One line: what is so. */
  readonly message: string;
  /** The command that mends it; null where nothing is to be mended. */
  readonly mend: string | null;
}

export function ok(check: string, message: string): Check {
  return { check, state: "ok", message, mend: null };
}

export function warning(check: string, message: string, mend: string): Check {
  return { check, state: "warning", message, mend };
}

export function problem(check: string, message: string, mend: string): Check {
  return { check, state: "problem", message, mend };
}

/** A word as a shell takes it, for commands to copy. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
