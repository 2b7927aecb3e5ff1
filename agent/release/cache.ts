/**
 * The archives that were installed, by their SHA-256: what a roll-back installs again, and what
 * spares a download. Content-addressed, so an archive that was damaged on disk is no archive.
 *
 * INVARIANTS
 * - What a source offered last and what came in just now stay; of all else, what was used last.
 * - Which use was the last does not depend on the clock, which jumps on gateways without a battery.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { Draft, writeDurably } from "../durable_file.ts";
import { offeredArchives } from "./known_offers.ts";
import { isFromSystem, unlessFromSystem } from "../system_error.ts";

/** Archives beside those on offer; older ones are removed. */
const KEPT_ARCHIVES = 16;
/** More unfinished files than can be under way at once; what is older was left by a killed process. */
const KEPT_DRAFTS = 16;
const ARCHIVE_SUFFIX = ".tar.gz";

/** A directory of archives. */
export class ArchiveCache {
  readonly #stateDir: string;
  readonly #directory: string;
  readonly #now: () => Date;

  constructor(stateDir: string, now: () => Date) {
    this.#stateDir = stateDir;
    this.#directory = `${stateDir}/archives`;
    this.#now = now;
  }

  /** The archive with this hash, or null where it is not kept, cannot be read or is not whole. */
  async get(sha256: string): Promise<Uint8Array<ArrayBuffer> | null> {
    const path = this.#path(sha256);
    let content: Uint8Array<ArrayBuffer>;
    try {
      content = new Uint8Array(await readFile(path));
    } catch (error) {
      if (isFromSystem(error)) return null;
      throw error;
    }
    // Nothing depends on these two: a damaged archive is replaced by the next whole one, and the
    // time says only which archive may go first. A file of root's, say, allows neither.
    if (createHash("sha256").update(content).digest("hex") !== sha256) {
      await rm(path, { force: true }).catch(unlessFromSystem);
      return null;
    }
    await this.#markUsed(path).catch(unlessFromSystem);
    return content;
  }

  async put(sha256: string, archive: Uint8Array): Promise<void> {
    if (await this.get(sha256) !== null) return;
    await writeDurably(this.#path(sha256), archive);
    await this.#added(sha256);
  }

  /**
   * Keeps what the chunks make up, without having all of it in memory, and says its hash. Whether it
   * is a release turns out when it is verified.
   *
   * @throws whatever the chunks throw; nothing is kept then
   */
  async receive(chunks: AsyncIterable<Uint8Array>): Promise<string> {
    const hash = createHash("sha256");
    await using draft = await Draft.create(this.#directory);
    for await (const chunk of chunks) {
      hash.update(chunk);
      await draft.write(chunk);
    }
    const sha256 = hash.digest("hex");
    await draft.publish(this.#path(sha256));
    await this.#added(sha256);
    return sha256;
  }

  #path(sha256: string): string {
    return `${this.#directory}/${sha256}${ARCHIVE_SUFFIX}`;
  }

  async #added(sha256: string): Promise<void> {
    const path = this.#path(sha256);
    await this.#markUsed(path).catch(unlessFromSystem);
    const offered = await offeredArchives(this.#stateDir);
    const staying = new Set([path, ...[...offered].map((offer) => this.#path(offer))]);
    const files = await this.#newestFirst();
    const [archives, drafts] = [files.filter(isArchive), files.filter((file) => !isArchive(file))];
    const old = [
      ...archives.filter((file) => !staying.has(file.path)).slice(KEPT_ARCHIVES),
      ...drafts.slice(KEPT_DRAFTS),
    ];
    for (const file of old) await rm(file.path, { force: true }).catch(unlessFromSystem);
  }

  /** Later than all others, whatever the clock says. */
  async #markUsed(path: string): Promise<void> {
    const others = (await this.#newestFirst()).filter((file) => file.path !== path);
    const nowMs = Math.max(this.#now().getTime(), (others[0]?.usedMs ?? 0) + 1);
    await utimes(path, nowMs / 1000, nowMs / 1000);
  }

  async #newestFirst(): Promise<readonly CacheFile[]> {
    const names = await readdir(this.#directory);
    const files = await Promise.all(names.map(async (name) => {
      const path = `${this.#directory}/${name}`;
      // Drafts get their names meanwhile.
      const found = await stat(path).catch(() => null);
      return found === null ? [] : [{ path, usedMs: found.mtimeMs }];
    }));
    return files.flat().sort((a, b) => b.usedMs - a.usedMs);
  }
}

interface CacheFile {
  readonly path: string;
  readonly usedMs: number;
}

function isArchive({ path }: CacheFile): boolean {
  return path.endsWith(ARCHIVE_SUFFIX);
}
