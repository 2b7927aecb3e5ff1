/** From a source to a release: the calls that the update makes. */

import { UotaError } from "../../errors/mod.ts";
import type { Notice } from "./notice.ts";
import type { SourceOptions } from "./source.ts";
import type { Release } from "./verify.ts";

/** What every call here takes beside its subject. */
export interface Cancellable {
  readonly signal: AbortSignal;
}

/** Reads what the source offers. */
export function fetchNotice(_source: SourceOptions, _options: Cancellable): Promise<Notice> {
  return Promise.reject(new UotaError("internal", "Polling is not written yet"));
}

/** Downloads, verifies and unpacks what the notice names. */
export function obtainRelease(
  _source: SourceOptions,
  _notice: Notice,
  _options: Cancellable,
): Promise<Release> {
  return Promise.reject(new UotaError("internal", "Downloading is not written yet"));
}

/** Verifies and unpacks a local archive; its version is the one in its own `version` file. */
export function releaseFromFile(_path: string, _options: Cancellable): Promise<Release> {
  return Promise.reject(new UotaError("internal", "Reading an archive is not written yet"));
}
