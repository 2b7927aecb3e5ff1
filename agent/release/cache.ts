/**
 * The archives that were installed, by their SHA-256: what a roll-back installs again, and what
 * spares a download. Content-addressed, so an archive that was damaged on disk is no archive.
 */
import { createHash } from "node:crypto";
import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { Draft, writeDurably } from "../durable_file.ts";

/** Archives of a fleet with a few sources; older ones are removed. */
const KEPT_ARCHIVES = 16;

/** A directory of archives. */
export class ArchiveCache {
  readonly #directory: string;
  readonly #now: () => Date;

  constructor(stateDir: string, now: () => Date) {
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
    await utimes(path, this.#now(), this.#now()).catch(unlessFromSystem);
    return content;
  }

  async put(sha256: string, archive: Uint8Array): Promise<void> {
    if (await this.get(sha256) !== null) return;
    await writeDurably(this.#path(sha256), archive);
    await this.#prune();
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
    await this.#prune();
    return sha256;
  }

  #path(sha256: string): string {
    return `${this.#directory}/${sha256}.tar.gz`;
  }

  async #prune(): Promise<void> {
    const names = await readdir(this.#directory);
    const files = await Promise.all(names.map(async (name) => {
      const path = `${this.#directory}/${name}`;
      // Drafts get their names meanwhile.
      return {
        path,
        usedMs: await stat(path).then(({ mtimeMs }) => mtimeMs, () => Number.MAX_VALUE),
      };
    }));
    files.sort((a, b) => b.usedMs - a.usedMs);
    for (const { path } of files.slice(KEPT_ARCHIVES)) await rm(path, { force: true });
  }
}

/** ENOENT, EACCES, EIO, …: of the disk, not of this program. */
function isFromSystem(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}

function unlessFromSystem(error: unknown): void {
  if (!isFromSystem(error)) throw error;
}
