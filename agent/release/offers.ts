/**
 * What the sources of a run offer: each distinct source is asked once. A failure of the common
 * source ends the run; that of a board's own source is that board's alone.
 */
import type { SourceConfig } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { fetchNotice, obtainRelease, releaseFromFile } from "./obtain.ts";
import type { SourceOptions } from "./source.ts";
import type { Release } from "./verify.ts";

export type Offer =
  | { readonly kind: "release"; readonly release: Release }
  | { readonly kind: "refused"; readonly error: UotaError };

export interface Offers {
  /** The common source's. */
  readonly common: Release;
  /** What a board with the source `url` is offered; null means the common one. */
  forUrl(url: string | null): Offer;
}

export interface OffersOptions {
  /** A local archive instead of every source; null for none. */
  readonly archive: string | null;
  /** The boards' own sources. */
  readonly urls: readonly string[];
  readonly signal: AbortSignal;
}

/** @throws {UotaError} as `fetchNotice`, `obtainRelease` and `releaseFromFile` */
export async function readOffers(source: SourceConfig, options: OffersOptions): Promise<Offers> {
  const { archive, signal } = options;
  if (archive !== null) {
    const release = await releaseFromFile(archive, { signal });
    return { common: release, forUrl: () => ({ kind: "release", release }) };
  }
  const common = await obtain(source, signal);
  const offers = new Map<string, Offer>();
  for (const url of new Set(options.urls)) {
    offers.set(url, await tryOffer(sourceAt(source, url), signal));
  }
  return {
    common,
    forUrl: (url) =>
      (url === null ? null : offers.get(url)) ?? { kind: "release", release: common },
  };
}

async function obtain(source: SourceOptions, signal: AbortSignal): Promise<Release> {
  return await obtainRelease(source, await fetchNotice(source, { signal }), { signal });
}

async function tryOffer(source: SourceOptions, signal: AbortSignal): Promise<Offer> {
  try {
    return { kind: "release", release: await obtain(source, signal) };
  } catch (error) {
    if (!(error instanceof UotaError) || signal.aborted) throw error;
    return { kind: "refused", error };
  }
}

/** The same rules at another place; headers may hold secrets, so they stay with their origin. */
function sourceAt(source: SourceConfig, url: string): SourceConfig {
  const headers = new URL(url).origin === new URL(source.url).origin ? source.headers : {};
  return { ...source, url, headers };
}
