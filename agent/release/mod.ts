/** Releases: from a source's notice to verified, unpacked files. The room's public surface. */

export { type Validators } from "./download.ts";
export { type Notice, parseNotice } from "./notice.ts";
export {
  type Cancellable,
  fetchNotice,
  type KeptArchive,
  localRelease,
  MAX_ARCHIVE_BYTES,
  obtainRelease,
  type Poll,
  pollNotice,
  type PollOptions,
  readArchive,
} from "./obtain.ts";
export {
  comparisonKey,
  coverKey,
  covers,
  deletionPath,
  excludes,
  exclusionKey,
  normalisePath,
  type PathRefusal,
  RESERVED_DIRECTORY,
} from "./paths.ts";
export { parsePin, type Pin } from "./pin.ts";
export { RetryLaterError } from "./retry_later.ts";
export { ArchiveCache } from "./cache.ts";
export { KnownOffers } from "./known_offers.ts";
export { baseUrl, type Limits, type SourceOptions, type Timeouts } from "./source.ts";
export { type ConfigBlame, parseUotaConfig, type UotaConfig } from "./uota_cfg.ts";
export {
  type Claims,
  LONGEST_VERSION_BYTES,
  type Release,
  type ReleaseFile,
  type VerifiedBy,
  verifyArchive,
} from "./verify.ts";
export { compareVersions, type VersionOrder } from "./versions.ts";
