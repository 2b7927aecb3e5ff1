/** Releases: from a source's notice to verified, unpacked files. The room's public surface. */

export { type Cancellable, fetchNotice, obtainRelease, releaseFromFile } from "./obtain.ts";
export { type Notice, parseNotice } from "./notice.ts";
export type { Limits, SourceOptions, Timeouts } from "./source.ts";
export type { UotaConfig } from "./uota_cfg.ts";
export { type Release, type ReleaseFile, type VerifiedBy, verifyArchive } from "./verify.ts";
