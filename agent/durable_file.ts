/**
 * Files that are either wholly there or not there: temporary name, fsync, rename, fsync of the
 * directory. For the cache and for what the gateway keeps of a board.
 */
import { type FileHandle, mkdir, open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file so that a power cut leaves the old content or the new, readable by its owner only. */
export async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  await using draft = await Draft.create(dirname(path));
  await draft.write(content);
  await draft.publish(path);
}

/** A file under a temporary name, whose real one may depend on what will be in it. */
export class Draft implements AsyncDisposable {
  readonly #directory: string;
  readonly #path: string;
  readonly #file: FileHandle;
  #published = false;

  private constructor(directory: string, path: string, file: FileHandle) {
    this.#directory = directory;
    this.#path = path;
    this.#file = file;
  }

  /** Begins a file that will be somewhere in `directory`. */
  static async create(directory: string): Promise<Draft> {
    await mkdir(directory, { recursive: true, mode: 0o750 });
    const path = `${directory}/${crypto.randomUUID()}.tmp`;
    return new Draft(directory, path, await open(path, "wx", 0o640));
  }

  /** Appends. */
  async write(chunk: Uint8Array): Promise<void> {
    await this.#file.writeFile(chunk);
  }

  /** Gives the file its name, in place of what had it. */
  async publish(path: string): Promise<void> {
    await this.#file.sync();
    await rename(this.#path, path);
    this.#published = true;
    const handle = await open(this.#directory, "r");
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close();
    if (!this.#published) await rm(this.#path, { force: true });
  }
}
