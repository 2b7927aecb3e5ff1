/**
 * The one place where bytes from outside become a {@linkcode Release}.
 *
 * INVARIANTS
 * - `Release` is nominal and its class is not exported as a value: nothing outside this file can
 *   make one, so unverified bytes cannot reach a board without failing to compile.
 */

import { UotaError } from "../../errors/mod.ts";
import type { Notice } from "./notice.ts";
import type { Limits } from "./source.ts";
import type { UotaConfig } from "./uota_cfg.ts";

/** One file of a release. */
export interface ReleaseFile {
  /** Relative, `/`-separated, normalised; unique in its release even without regard to case. */
  readonly path: string;
  readonly content: Uint8Array;
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** What vouched for a release: the hash in its notice, the pinned key of its server. */
export type VerifiedBy = "sha256" | "pubkey_hash";

interface ReleaseFacts {
  readonly version: string;
  readonly archive: string;
  readonly sha256: string;
  readonly verifiedBy: readonly VerifiedBy[];
  readonly files: readonly ReleaseFile[];
  readonly directories: readonly string[];
  readonly uotaConfig: UotaConfig;
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
  readonly notice: Notice;
  readonly require: "sha256" | "none";
  /** Whether the archive came over connections to the pinned key. */
  readonly pinned: boolean;
  readonly limits?: Limits;
  readonly signal?: AbortSignal;
}

/** Verifies and unpacks an archive. */
export function verifyArchive(_archive: Uint8Array, _claims: Claims): Promise<Release> {
  void VerifiedRelease;
  return Promise.reject(new UotaError("internal", "Verification is not written yet"));
}
