/** What a `uota.cfg` says; see uOTA's README. */
export interface UotaConfig {
  readonly url: string | null;
  readonly tmpFilename: string | null;
  readonly excludedFiles: readonly string[];
  readonly delete: readonly string[];
}
