/**
 * What each source offered last, on disk: with the archive in the cache it lets a gateway that
 * starts without a network bring boards to the release that they should have.
 */
import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { z } from "zod";
import { writeDurably } from "../durable_file.ts";
import { parsePin } from "./pin.ts";
import type { SourceOptions } from "./source.ts";
import { type Release, verifyArchive } from "./verify.ts";
import { UotaError } from "../../errors/mod.ts";

const knownSchema = z.object({
  url: z.string(),
  /** Of the archive, also where the notice states none. */
  archiveSha256: z.string(),
  notice: z.object({
    version: z.string(),
    archive: z.string(),
    additionalFreeKb: z.number(),
    sha256: z.string().nullable(),
  }),
});

/** What a source offered, and which archive that was. */
export type KnownOffer = z.output<typeof knownSchema>;

/** Where archives are kept. */
export interface Archives {
  get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null>;
}

/** The known offers of a gateway, one file a source. */
export class KnownOffers {
  readonly #directory: string;
  readonly #archives: Archives;

  constructor(stateDir: string, archives: Archives) {
    this.#directory = directoryOf(stateDir);
    this.#archives = archives;
  }

  async save(offer: KnownOffer): Promise<void> {
    await writeDurably(this.#path(offer.url), new TextEncoder().encode(JSON.stringify(offer)));
  }

  /**
   * The release that the source offered last, held against the source's rules of today; null where
   * it is not known, no longer kept, or no longer good enough.
   */
  async release(source: SourceOptions, signal: AbortSignal): Promise<Release | null> {
    const known = await this.#load(source.url);
    const archive = known && await this.#archives.get(known.archiveSha256);
    if (!known || !archive) return null;
    try {
      return await verifyArchive(archive, {
        notice: known.notice,
        require: source.require,
        // It came over such a connection, or the rules have changed and the next poll decides.
        isPinned: parsePin(source.pubkeyHash) !== null,
        limits: source.limits,
        signal,
      });
    } catch (error) {
      if (error instanceof UotaError && !signal.aborted) return null;
      throw error;
    }
  }

  async #load(url: string): Promise<KnownOffer | null> {
    return await load(this.#path(url));
  }

  #path(url: string): string {
    return `${this.#directory}/${createHash("sha256").update(url).digest("hex")}.json`;
  }
}

/** The SHA-256 of each archive that a source offered last, as far as that can be read. */
export async function offeredArchives(stateDir: string): Promise<ReadonlySet<string>> {
  const directory = directoryOf(stateDir);
  const names = await readdir(directory).catch(() => []);
  const known = await Promise.all(
    names.map((name) => load(`${directory}/${name}`).catch(() => null)),
  );
  return new Set(known.flatMap((offer) => offer === null ? [] : [offer.archiveSha256]));
}

function directoryOf(stateDir: string): string {
  return `${stateDir}/offers`;
}

async function load(path: string): Promise<KnownOffer | null> {
  try {
    return knownSchema.parse(JSON.parse(await readFile(path, "utf8")));
  } catch (error) {
    if (error instanceof z.ZodError || error instanceof SyntaxError) return null;
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
