/**
 * What the sources of a run offer: each distinct source is asked once. Whether a source that fails
 * ends the run or only concerns some boards is the caller's business, so a failure is a value here.
 */
import type { SourceConfig } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import {
  fetchNotice,
  type KeptArchive,
  localRelease,
  type Obtaining,
  obtainRelease,
} from "./obtain.ts";
import type { Release } from "./verify.ts";

export type Offer =
  | { readonly kind: "release"; readonly release: Release }
  | { readonly kind: "refused"; readonly error: UotaError };

export type OfferOptions = Obtaining;

/** What a source offers now. @throws the signal's reason */
export async function readOffer(source: SourceConfig, options: OfferOptions): Promise<Offer> {
  const { signal } = options;
  try {
    const notice = await fetchNotice(source, { signal });
    return { kind: "release", release: await obtainRelease(source, notice, options) };
  } catch (error) {
    if (!(error instanceof UotaError) || signal.aborted) throw error;
    return { kind: "refused", error };
  }
}

/** A local archive in place of a source. @throws {UotaError} as `localRelease` */
export async function readLocalOffer(
  archive: string | KeptArchive,
  options: OfferOptions,
): Promise<Offer> {
  return { kind: "release", release: await localRelease(archive, options) };
}

/**
 * A board's own source: the common source's rules at another place. Headers may hold secrets, so
 * they stay with their origin.
 */
export function sourceAt(url: string, source: SourceConfig): SourceConfig {
  const headers = new URL(url).origin === new URL(source.url).origin ? source.headers : {};
  return { ...source, url, headers };
}
