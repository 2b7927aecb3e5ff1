/**
 * The one place where bytes from outside become a {@linkcode Release}.
 *
 * INVARIANTS
 * - `Release` is nominal and its class is not exported as a value: nothing outside this file can
 *   make one, so unverified bytes cannot reach a board without failing to compile.
 * - The hash is compared before anything of the archive is read.
 * - What a release writes and deletes stays below the board's root and leaves `version` there.
 */

import { createHash } from "node:crypto";
import { UotaError } from "../../errors/mod.ts";
import { unpackArchive, type UnpackedArchive } from "./archive.ts";
import type { Notice } from "./notice.ts";
import { deletionPath, excludes } from "./paths.ts";
import { quote } from "./quote.ts";
import type { Limits, SourceOptions } from "./source.ts";
import { EMPTY_UOTA_CONFIG, parseUotaConfig, type UotaConfig } from "./uota_cfg.ts";
import { compareVersions } from "./versions.ts";

/** One file of a release. */
export interface ReleaseFile {
  /** Relative, `/`-separated, normalised; unique in its release even without regard to case. */
  readonly path: string;
  /** The whole file. */
  readonly content: Uint8Array;
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** What vouched for a release: the hash in its notice, the pinned key of its server. */
export type VerifiedBy = "sha256" | "pubkey_hash";

interface ReleaseFacts {
  readonly version: string;
  /** The archive's name, as the notice has it. */
  readonly archive: string;
  /** Of the archive, 64 lower-case hex digits. */
  readonly sha256: string;
  readonly verifiedBy: readonly VerifiedBy[];
  /** Sorted by path; `version` is among them. */
  readonly files: readonly ReleaseFile[];
  /** All that the files need, and empty ones; parents first. */
  readonly directories: readonly string[];
  /** The release's own; `delete` holds normalised paths. Empty where it has none. */
  readonly uotaConfig: UotaConfig;
  /** Free space in kB that the release asks for beyond its own files. */
  readonly additionalFreeKb: number;
}

class VerifiedRelease implements ReleaseFacts {
  /** Makes the type nominal: an object with the same properties is no release. */
  readonly #verified = true;
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  readonly verifiedBy: readonly VerifiedBy[];
  readonly files: readonly ReleaseFile[];
  readonly directories: readonly string[];
  readonly uotaConfig: UotaConfig;
  readonly additionalFreeKb: number;

  constructor(facts: ReleaseFacts) {
    this.version = facts.version;
    this.archive = facts.archive;
    this.sha256 = facts.sha256;
    this.verifiedBy = facts.verifiedBy;
    this.files = facts.files;
    this.directories = facts.directories;
    this.uotaConfig = facts.uotaConfig;
    this.additionalFreeKb = facts.additionalFreeKb;
  }
}

/** A verified and unpacked archive. Made by verification only. */
export type Release = VerifiedRelease;

/** What verification needs to know beside the archive's bytes. */
export interface Claims {
  /** Null: a local archive, which says its version itself. */
  readonly notice: Notice | null;
  /** The archive's name where there is no notice. */
  readonly name?: string;
  /** The source's rule. */
  readonly require: SourceOptions["require"];
  /** Whether notice and archive came over connections to the pinned key. */
  readonly isPinned: boolean;
  /** The source's bounds. */
  readonly limits?: Limits | undefined;
  /** Ends the unpacking with `cancelled`. */
  readonly signal?: AbortSignal;
}

/**
 * Verifies and unpacks an archive.
 *
 * @throws {UotaError} `hash_required`, `hash_mismatch`, `archive_invalid`, `archive_unsafe`,
 * `release_invalid`, `cancelled`.
 */
export async function verifyArchive(archive: Uint8Array, claims: Claims): Promise<Release> {
  const { notice, limits, signal } = claims;
  if (notice !== null) requireHash(notice, claims.require);
  const sha256 = createHash("sha256").update(archive).digest("hex");
  if (notice !== null && notice.sha256 !== null && notice.sha256 !== sha256) {
    throw new UotaError(
      "hash_mismatch",
      `The archive ${quote(notice.archive)} has the SHA-256 ${sha256}, but latest says ` +
        `${notice.sha256}: one of them was changed; publish the archive and then latest again`,
    );
  }
  const unpacked = await unpackArchive(archive, {
    unpackedBytes: limits?.unpackedBytes,
    files: limits?.files,
    signal,
  });
  return new VerifiedRelease({
    version: versionOf(unpacked, notice),
    archive: notice?.archive ?? claims.name ?? "",
    sha256,
    verifiedBy: [
      ...(notice?.sha256 === sha256 ? ["sha256" as const] : []),
      ...(claims.isPinned ? ["pubkey_hash" as const] : []),
    ],
    files: unpacked.files,
    directories: unpacked.directories,
    uotaConfig: configOf(unpacked),
    additionalFreeKb: notice?.additionalFreeKb ?? 0,
  });
}

/**
 * Refuses a notice without a hash where the source requires one, which can be known before the
 * archive is downloaded.
 *
 * @throws {UotaError} `hash_required`
 */
export function requireHash(notice: Notice, require: SourceOptions["require"]): void {
  if (require === "none" || notice.sha256 !== null) return;
  const { version, archive, additionalFreeKb } = notice;
  throw new UotaError(
    "hash_required",
    `The file latest states no SHA-256 for ${quote(archive)}; publish it as ` +
      `${version};${archive};${additionalFreeKb};SHA256 with what sha256sum prints for the ` +
      `archive, or set require = "none" in the source to do without`,
  );
}

/** Of the file `version`, here and on a board: white space around the version counts, too. */
export const LONGEST_VERSION_BYTES = 256;

/**
 * The version, which the archive must contain: the board knows its version from that file, so
 * without it, or with another one in it, the release would be installed for ever (uOTA issue 13).
 */
function versionOf(unpacked: UnpackedArchive, notice: Notice | null): string {
  const wanted = notice?.version;
  const file = unpacked.files.find(({ path }) => path === "version");
  if (file === undefined) throw releaseInvalid(missingVersion(unpacked, wanted));
  if (file.content.byteLength > LONGEST_VERSION_BYTES) {
    throw releaseInvalid(
      `The file version in the archive has ${file.content.byteLength} bytes, and boards are read up to ` +
        `${LONGEST_VERSION_BYTES}; write one line with the version`,
    );
  }
  const found = new TextDecoder().decode(file.content).trim();
  if (found === "" || found.length > 128 || /\p{Cc}|\ufffd/u.test(found)) {
    throw releaseInvalid(
      `The file version in the archive holds ${quote(found)} instead of one line with a version`,
    );
  }
  if (wanted === undefined) return found;
  if (compareVersions(found, wanted) === "same") return wanted;
  throw releaseInvalid(
    `The file version in the archive says ${quote(found)}, but latest says ${quote(wanted)}; ` +
      `boards would install it again and again: make both the same and publish again`,
  );
}

function missingVersion({ files }: UnpackedArchive, wanted: string | undefined): string {
  const content = wanted === undefined ? "the version" : quote(wanted);
  const nested = files.find(({ path }) => /^[^/]+\/version$/.test(path))?.path;
  return nested === undefined
    ? `The archive has no file version in its root, so boards would install it again and again; ` +
      `add one that holds ${content}`
    : `The archive has no file version in its root, but ${quote(nested)}; ` +
      `make the archive inside that directory, with tar -czf firmware.tar.gz *`;
}

function configOf({ files }: UnpackedArchive): UotaConfig {
  const file = files.find(({ path }) => path === "uota.cfg");
  if (file === undefined) return EMPTY_UOTA_CONFIG;
  const config = parseUotaConfig(file.content);
  const where = "The delete list in the release's uota.cfg";
  for (const entry of config.delete) {
    if (excludes(entry, "version")) {
      throw releaseInvalid(
        `${where} names ${quote(entry)}, without which a board does not know its version; ` +
          `take it off the list`,
      );
    }
  }
  return { ...config, delete: config.delete.map((entry) => deletionPath(entry, { where })) };
}

function releaseInvalid(message: string): UotaError {
  return new UotaError("release_invalid", message);
}
