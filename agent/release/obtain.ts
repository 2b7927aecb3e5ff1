/**
 * From a source to a release: the calls that the update makes.
 *
 * INVARIANTS
 * - With a pin, notice and archive both come over connections to the pinned key.
 */

import { messageOf, UotaError } from "../../errors/mod.ts";
import { basename } from "node:path";
import type { ArchiveCache } from "./cache.ts";
import { cancelled } from "./cancelled.ts";
import { download, type Validators } from "./download.ts";
import { type Notice, parseNotice } from "./notice.ts";
import { parsePin } from "./pin.ts";
import type { SourceOptions } from "./source.ts";
import { type Release, requireHash, verifyArchive } from "./verify.ts";

/** What every call here takes beside its subject. */
export interface Cancellable {
  /** Ends the waiting with `cancelled`. */
  readonly signal: AbortSignal;
}

/** What it takes to obtain an archive. */
export interface Obtaining extends Cancellable {
  /** Where verified archives are kept; without it, each is downloaded anew. */
  readonly archives?: ArchiveCache | undefined;
}

/** What a poll takes: the validators of the poll before make `not_modified` possible. */
export interface PollOptions extends Cancellable {
  /** Those of the last answer. */
  readonly validators?: Validators | undefined;
}

/** The answer to a poll. */
export type Poll =
  | { readonly status: "fetched"; readonly notice: Notice; readonly validators: Validators }
  | { readonly status: "not_modified" };

/** The most that an archive may have, unless its source has a limit of its own. */
export const MAX_ARCHIVE_BYTES = 32 * 1024 * 1024;

/** More than a notice may have, so that a web page in its place is recognised as one. */
const NOTICE_DOWNLOAD_BYTES = 1024 * 1024;

/**
 * Reads what the source offers.
 *
 * @throws {UotaError} as {@linkcode pollNotice}
 */
export async function fetchNotice(source: SourceOptions, options: Cancellable): Promise<Notice> {
  const poll = await pollNotice(source, { signal: options.signal });
  // Without validators nothing was asked conditionally; download() refuses a 304 then.
  if (poll.status === "not_modified") throw new UotaError("internal", "A poll was unmodified");
  return poll.notice;
}

/**
 * Reads what the source offers, or learns that it still offers the same.
 *
 * @throws {UotaError} `notice_invalid`, and as `download`: `server_unreachable`, `server_error`,
 * `not_found`, `too_large`, `tls`, `pin_mismatch`, `config_invalid`, `cancelled`.
 */
export async function pollNotice(source: SourceOptions, options: PollOptions): Promise<Poll> {
  const { signal, validators } = options;
  const answer = await download(source, "latest", {
    maxBytes: NOTICE_DOWNLOAD_BYTES,
    signal,
    validators,
  });
  if (answer.status === "not_modified") return answer;
  return {
    status: "fetched",
    notice: parseNotice(answer.body),
    validators: answer.validators,
  };
}

/**
 * Downloads, verifies and unpacks what the notice names.
 *
 * @throws {UotaError} as `download` and `verifyArchive`; `hash_required` before the download.
 */
export async function obtainRelease(
  source: SourceOptions,
  notice: Notice,
  { signal, archives }: Obtaining,
): Promise<Release> {
  const { require, limits } = source;
  requireHash(notice, require);
  const isPinned = parsePin(source.pubkeyHash) !== null;
  const claims = { notice, require, isPinned, limits, signal };
  const kept = notice.sha256 === null ? null : await archives?.get(notice.sha256) ?? null;
  if (kept !== null) return await verifyArchive(kept, claims);
  const maxBytes = limits?.archiveBytes ?? MAX_ARCHIVE_BYTES;
  const answer = await download(source, notice.archive, { maxBytes, signal });
  if (answer.status === "not_modified") {
    throw new UotaError("internal", "An archive was unmodified");
  }
  const release = await verifyArchive(answer.body, claims);
  await archives?.put(release.sha256, answer.body);
  return release;
}

/** An archive that somebody handed over before, and the cache keeps. */
export interface KeptArchive {
  /** As the file was called. */
  readonly name: string;
  /** 64 lower-case hex digits. */
  readonly sha256: string;
}

/**
 * Verifies and unpacks a local archive: a file, or what was handed over from one. Nobody states its
 * hash, and its version is the one in its own `version` file.
 *
 * @throws {UotaError} `usage` where it cannot be read, `too_large`, and as `verifyArchive`.
 */
export async function localRelease(
  local: string | KeptArchive,
  { signal, archives }: Obtaining,
): Promise<Release> {
  const archive = typeof local === "string"
    ? await readArchive(local, { signal })
    : await archives?.get(local.sha256) ?? null;
  const name = typeof local === "string" ? basename(local) : local.name;
  if (archive === null) {
    throw new UotaError("usage", `The archive ${name} is no longer kept; hand it over again`);
  }
  const release = await verifyArchive(archive, {
    notice: null,
    name,
    require: "none",
    isPinned: false,
    signal,
  });
  if (typeof local === "string") await archives?.put(release.sha256, archive);
  return release;
}

/** The bytes of a local archive. @throws {UotaError} `usage`, `too_large`, `cancelled` */
export async function readArchive(
  path: string,
  { signal }: Cancellable,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    const { size } = await Deno.stat(path);
    if (size > MAX_ARCHIVE_BYTES) {
      throw new UotaError(
        "too_large",
        `The archive ${path} has ${size} bytes, the limit is ${MAX_ARCHIVE_BYTES}`,
      );
    }
    return await Deno.readFile(path, { signal });
  } catch (error) {
    if (signal.aborted) throw cancelled(`reading ${path}`, signal);
    if (error instanceof UotaError) throw error;
    throw new UotaError("usage", `The archive ${path} cannot be read: ${messageOf(error)}`, {
      cause: error,
    });
  }
}
