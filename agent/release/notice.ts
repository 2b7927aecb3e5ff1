/**
 * The notice: the file `latest` that a publisher puts beside the archive, in the format of uOTA's
 * README ("Publish new firmware on your HTTP(S) server"). Used by `obtain.ts`, and by whoever
 * writes such a file and wants to be sure that it can be read.
 *
 * INVARIANTS
 * - No I/O. What comes back names an archive below the source's base URL and nothing else: joining
 *   the two cannot leave that directory or change the host.
 * - Everything the original accepts in practice is accepted; what it would misread is refused.
 */

import { UotaError } from "../../errors/mod.ts";
import { quote } from "./quote.ts";

/** What a server offers, as its `latest` file says. */
export interface Notice {
  /** The version offered, without surrounding white space; never empty. */
  readonly version: string;
  /** The archive's name relative to the base URL; may lie in a sub-directory (`v2/fw.tar.gz`). */
  readonly archive: string;
  /** Free space in kB (1024 bytes) that the release asks for beyond its own files. */
  readonly additionalFreeKb: number;
  /** SHA-256 of the archive as 64 lower-case hex digits; null where the file states none. */
  readonly sha256: string | null;
}

/** The largest `latest` file that is read, in bytes. Valid ones have some hundred. */
export const MAX_NOTICE_BYTES = 4096;

const MAX_VERSION_CHARACTERS = 128;
const MAX_ARCHIVE_CHARACTERS = 512;
const EXAMPLE = "2.0.1;firmware.tar.gz;0;SHA256, where the last two are optional";
const CONTROL = /[\p{Cc}\u2028\u2029]/u;

/**
 * Reads the content of `latest`. A BOM and CRLF are tolerated, white space around each field too;
 * fields after the fourth are ignored, as uOTA does.
 *
 * @throws {UotaError} `notice_invalid`, naming the field, what was found, and what is right.
 */
export function parseNotice(body: Uint8Array | string): Notice {
  // uOTA: response.text.strip().rstrip(';').split(';')
  const text = textOf(body).trim().replace(/;+$/, "");
  if (text === "") throw invalid(`The file latest is empty; write one line like ${EXAMPLE}`);
  const [version = "", archive, freeKb, hash] = text.split(";").map((field) => field.trim());
  if (archive === undefined) {
    throw invalid(
      `The file latest has no archive name, only ${quote(text)}; write one line like ${EXAMPLE}`,
    );
  }
  return {
    version: versionField(version),
    archive: archiveField(archive),
    additionalFreeKb: freeKb === undefined ? 0 : freeKbField(freeKb),
    // An empty fourth field before a fifth says "no hash" to uOTA as well.
    sha256: hash === undefined || hash === "" ? null : hashField(hash),
  };
}

function textOf(body: Uint8Array | string): string {
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  const start = new TextDecoder().decode(bytes.subarray(0, 512)).trimStart();
  if (start.startsWith("<")) {
    throw invalid(
      `The file latest is a web page (it begins ${quote(start)}), not a notice; ` +
        `check that the source's url is the directory that holds latest, and that it needs no log-in`,
    );
  }
  if (bytes.byteLength > MAX_NOTICE_BYTES) {
    throw invalid(
      `The file latest has ${bytes.byteLength} bytes, more than ${MAX_NOTICE_BYTES}; ` +
        `it holds one line like ${EXAMPLE}`,
    );
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid(
      `The file latest is not UTF-8 text (it begins ${
        quote(start)
      }); write one line like ${EXAMPLE}`,
      cause,
    );
  }
}

function versionField(version: string): string {
  const asks = "the first field is the version, like 2.0.1";
  if (version === "") throw invalid(`The version in latest is empty; ${asks}`);
  if (CONTROL.test(version)) {
    throw invalid(`The version in latest has a control character, ${quote(version)}; ${asks}`);
  }
  if (version.length > MAX_VERSION_CHARACTERS) {
    throw invalid(
      `The version in latest is longer than ${MAX_VERSION_CHARACTERS} characters, ` +
        `${quote(version)}; ${asks}`,
    );
  }
  return version;
}

function archiveField(archive: string): string {
  const wrong = archiveProblem(archive);
  if (wrong === null) return archive;
  throw invalid(
    `The archive name in latest ${wrong}: ${quote(archive)}; the second field is the name of a ` +
      `file in the same directory or below it, like firmware.tar.gz or v2/firmware.tar.gz`,
  );
}

function archiveProblem(name: string): string | null {
  if (name === "") return "is empty";
  if (name.length > MAX_ARCHIVE_CHARACTERS) {
    return `is longer than ${MAX_ARCHIVE_CHARACTERS} characters`;
  }
  if (/[\r\n]/.test(name)) return "runs over several lines";
  if (CONTROL.test(name)) return "has a control character";
  if (/^[a-z][a-z0-9+.-]*:/i.test(name)) return "is an address with a scheme of its own";
  if (name.startsWith("/")) return "is absolute";
  if (name.includes("\\")) return "has a backslash";
  if (/[?#]/.test(name)) return "has a query or a fragment";
  for (const segment of name.split("/")) {
    const plain = percentDecoded(segment);
    if (plain === "") return "has an empty part or ends in a slash";
    if (plain === "." || plain === "..") return "leaves or repeats a directory";
    if (/[/\\]/.test(plain) || CONTROL.test(plain)) return "hides a special character behind %";
  }
  return null;
}

/** Percent escapes of ASCII characters resolved, which is all that a path check has to know. */
function percentDecoded(segment: string): string {
  return segment.replace(
    /%([0-7][0-9a-f])/gi,
    (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)),
  );
}

function freeKbField(field: string): number {
  const value = /^[0-9]+$/.test(field) ? Number(field) : NaN;
  if (Number.isSafeInteger(value)) return value;
  const hint = /^[0-9a-f]{64}$/i.test(field)
    ? "this looks like the SHA-256, which is the fourth field: put 0 before it"
    : "it is the additional free space in kB, a whole number like 0 or 16";
  throw invalid(`The third field in latest, the free space, is ${quote(field)}; ${hint}`);
}

function hashField(field: string): string {
  if (/^[0-9a-f]{64}$/i.test(field)) return field.toLowerCase();
  throw invalid(
    `The fourth field in latest, the SHA-256, is ${quote(field)} (${field.length} characters); ` +
      `it must be 64 hex digits, as sha256sum prints them`,
  );
}

function invalid(message: string, cause?: unknown): UotaError {
  return new UotaError("notice_invalid", message, cause === undefined ? {} : { cause });
}
