/**
 * What each single value of the configuration may be. A rule takes the value and returns what is
 * wrong with it, to be read after the key's path, or null. Pure; a rule never repeats a value that
 * may hold a secret.
 */
import { parseDuration } from "./durations.ts";

/** A rule for one value: what is wrong with it, or null. */
export type Rule<Value> = (value: Value) => string | null;

export const MIN_BAUD = 300;
export const MAX_BAUD = 12_000_000;
/** More than a gateway has ports for. */
export const MAX_JOBS = 256;

const MIN_POLL_INTERVAL_MS = 1000;
const MAX_POLL_INTERVAL_MS = 7 * 86_400_000;
const MAX_CONFIRM_MS = 600_000;
const MIN_WATCHDOG_MS = 500;
const MAX_WATCHDOG_MS = 600_000;

export function urlProblem(url: string): string | null {
  if (url === "") {
    return "is empty, give the base URL that holds the file latest, as in https://example.com/downloads/";
  }
  if (!URL.canParse(url)) return "is not a URL, write it as in https://example.com/downloads/";
  const parsed = new URL(url);
  if (parsed.protocol !== "http:" && parsed.protocol !== "https:") {
    return `must begin with http:// or https://, not ${parsed.protocol}`;
  }
  if (parsed.username !== "" || parsed.password !== "") {
    return "must not hold a user name or password, put an Authorization line into source.headers";
  }
  if (parsed.hash !== "") return "must not have a # part, which is never sent to a server";
  return null;
}

export function pubkeyHashProblem(hash: string): string | null {
  if (hash === "" || /^[0-9a-f]{64}$/i.test(hash)) return null;
  const base64 = /^sha256\/([A-Za-z0-9+/]{43}=)$/.exec(hash)?.[1];
  if (base64 !== undefined && atob(base64).length === 32) return null;
  return "must be 64 hex digits (uOTA's form) or sha256/ and the base64 of 32 bytes (the SPKI form)";
}

/** RFC 9110, 5.6.2: a field name is a token. */
export function headerNameProblem(name: string): string | null {
  return /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name) ? null : "is not a header name";
}

/** RFC 9110, 5.5: a field value has no line break or NUL. HTTP libraries take Latin-1 only. */
export function headerValueProblem(value: string): string | null {
  if (/(?!\t)\p{Cc}/u.test(value)) return "must not hold line breaks or control characters";
  return /^[\t\x20-\xff]*$/.test(value) ? null : "must not hold characters beyond Latin-1";
}

/** systemd.exec(5): a credential's name is a file's name in ASCII; a colon ends it in the unit. */
export function credentialProblem(name: string): string | null {
  return /^[!-~]{1,255}$/.test(name) && !/[/:]/.test(name) && name !== "." && name !== ".."
    ? null
    : "must be a credential's name, as in LoadCredential=NAME:PATH, without slashes, colons or spaces";
}

export function baudProblem(baud: number): string | null {
  return integerProblem(baud, MIN_BAUD, MAX_BAUD);
}

export function jobsProblem(jobs: number): string | null {
  return integerProblem(jobs, 1, MAX_JOBS);
}

function integerProblem(value: number, least: number, most: number): string | null {
  if (Number.isInteger(value) && value >= least && value <= most) return null;
  return `must be a whole number from ${least} to ${most}, not ${value}`;
}

export function durationProblem(text: string): string | null {
  return parseDuration(text) === null
    ? `is not a duration, write it as in "30s", "15m" or "1h30m"`
    : null;
}

/** The longest is what timers carry. */
export function pollIntervalProblem(text: string): string | null {
  const durationMs = parseDuration(text);
  if (durationMs === null) return durationProblem(text);
  return durationMs >= MIN_POLL_INTERVAL_MS && durationMs <= MAX_POLL_INTERVAL_MS
    ? null
    : 'must be between "1s" and "7d"';
}

/** A board is busy for as long as it is watched, so this cannot be hours. */
export function confirmProblem(text: string): string | null {
  const durationMs = parseDuration(text);
  if (durationMs === null) return durationProblem(text);
  return durationMs <= MAX_CONFIRM_MS ? null : 'must be "10m" at most';
}

/** What MicroPython's ports let a watchdog be set to, roughly. */
export function watchdogProblem(text: string): string | null {
  const durationMs = parseDuration(text);
  if (durationMs === null) return durationProblem(text);
  return durationMs >= MIN_WATCHDOG_MS && durationMs <= MAX_WATCHDOG_MS
    ? null
    : 'must be between "500ms" and "10m", what the board\'s program gives machine.WDT';
}

export function portGlobProblem(glob: string): string | null {
  return absoluteProblem(glob, "/dev/ttyACM*");
}

export function portPathProblem(path: string): string | null {
  return absoluteProblem(path, "/dev/ttyACM0") ??
    (/[*?[\]{}]/.test(path) ? "must be one port, not a glob" : null);
}

/** unix(7): `sun_path` holds 108 bytes, of which one ends it. */
const MAX_SOCKET_PATH_BYTES = 107;

export function socketPathProblem(path: string): string | null {
  const problem = absoluteProblem(path, "/run/uota-gateway/control.sock");
  if (problem !== null) return problem;
  if (path.includes("\0")) return "must not hold a NUL";
  return new TextEncoder().encode(path).byteLength <= MAX_SOCKET_PATH_BYTES
    ? null
    : `must be ${MAX_SOCKET_PATH_BYTES} bytes at most, which is all that a socket's address holds`;
}

function absoluteProblem(path: string, example: string): string | null {
  return path.startsWith("/") ? null : `must be an absolute path, as in ${example}`;
}

/** Names in commands stand beside `all`, `group:NAME`, globs, ports and commas. */
export function boardNameProblem(name: string): string | null {
  if (name === "all") return "must not be all, which selects every board";
  if (name.startsWith("group:")) return "must not begin with group:, which selects a group";
  return groupNameProblem(name);
}

export function groupNameProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (/[*?[\]{}()!+@,/\\]/.test(name)) {
    return "must not hold a slash, a comma or one of * ? [ ] { } ( ) ! + @ \\, which have a meaning in selectors";
  }
  return /^\S(.*\S)?$/.test(name) && !/\p{Cc}/u.test(name)
    ? null
    : "must not begin or end with a space or hold control characters";
}

export function uidProblem(uid: string): string | null {
  return /^([0-9a-f]{2})+$/i.test(uid)
    ? null
    : "must be hex digits, two a byte, as uota boards shows them";
}

export function usbSerialProblem(serial: string): string | null {
  return serial.trim() === "" ? "is empty" : null;
}

/** A path below the board's root, as `exclude` and `delete` list them. */
export function boardPathProblem(path: string): string | null {
  const parts = boardPath(path).split("/");
  if (boardPath(path) === "") return "names no file or directory";
  if (parts.includes("..")) return "must not hold .., paths count from the board's root";
  if (/\p{Cc}/u.test(path)) return "must not hold control characters";
  if (/[*?]/.test(path)) {
    return "must be a name, not a glob: names are compared whole, a directory covers all below it";
  }
  return null;
}

/** The path without what means nothing: leading and trailing slashes, empty and `.` parts. */
export function boardPath(path: string): string {
  return path.split("/").filter((part) => part !== "" && part !== ".").join("/");
}

/** A version is one field of `latest`, which semicolons and line breaks end. */
export function pinProblem(pin: string): string | null {
  if (/[;\p{Cc}]/u.test(pin)) return "must not hold semicolons or control characters";
  return pin === pin.trim() ? null : "must not begin or end with a space";
}
