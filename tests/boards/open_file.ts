/**
 * A file that a program on the board has open, for each kind of file system: when what it writes
 * reaches the flash, and when it counts. Also what a rename does there.
 *
 * - `write_through`: every page counts as soon as it is written.
 * - `littlefs` (LittleFS 2, `lib/littlefs/lfs2.c`): a file's content counts when it is closed or
 *   flushed, in one commit; until then the old content stands. A rename replaces its target in one
 *   commit.
 * - `fat` (`extmod/vfs_fat.c`, `lib/oofatfs/ff.c`): sectors are written as they come, the size in
 *   the directory follows at close or flush. A rename onto a file first removes that file.
 *
 * INVARIANTS
 * - Nothing changes the flash but `Flash.apply`, one change for each operation that power can be
 *   cut between.
 *
 * Left out, since no step of an update depends on it: FAT's lost clusters and case-blind names, two
 * writers of one file.
 */

import { FlashError } from "./errno.ts";
import { BLOCK_BYTES, type Flash, type FlashNode } from "./flash.ts";

/** How a board keeps its files. */
export type FileSystemKind = "write_through" | "littlefs" | "fat";

export const FILE_SYSTEM_KINDS: readonly FileSystemKind[] = ["write_through", "littlefs", "fat"];

/** What a program asked for when it opened a file. */
export interface Opening {
  readonly flash: Flash;
  readonly node: FlashNode;
  readonly path: string;
  readonly append: boolean;
  readonly truncate: boolean;
}

/** Opens a file that exists. */
export function openFile(kind: FileSystemKind, opening: Opening): OpenFile {
  switch (kind) {
    case "write_through":
      return new WriteThroughFile(opening);
    case "littlefs":
      return new LittleFile(opening);
    case "fat":
      return new FatFile(opening);
  }
}

/** Renames as the file system does it, in as many changes. */
export function renameOn(
  kind: FileSystemKind,
  flash: Flash,
  { path, to }: { readonly path: string; readonly to: string },
): void {
  const target = flash.find(to);
  if (kind === "fat" && target !== null && target !== flash.lookup(path)) {
    // fat_vfs_rename: f_rename says FR_EXIST, the target goes if it is a file, then f_rename again.
    flash.apply({ op: "remove", path: to });
  }
  flash.apply({ op: "rename", path, to });
}

/** A file or directory with its place and the position in it. */
export abstract class OpenFile {
  readonly node: FlashNode;
  readonly append: boolean;
  protected readonly flash: Flash;
  /** Follows a rename. */
  path: string;
  at = 0;

  constructor({ flash, node, path, append }: Opening) {
    this.flash = flash;
    this.node = node;
    this.path = path;
    this.append = append;
  }

  /** What the program sees as the file's size. */
  get sizeBytes(): number {
    return this.node.kind === "file" ? this.node.sizeBytes : 0;
  }

  /** Copies from the position on; answers how much there was. */
  read(into: Uint8Array<ArrayBufferLike>): number {
    if (this.node.kind === "directory") throw new FlashError("EISDIR");
    const end = Math.min(this.sizeBytes, this.at + into.length);
    const bytes = this.content().subarray(this.at, Math.max(end, this.at));
    into.set(bytes);
    this.at += bytes.length;
    return bytes.length;
  }

  /** Writes at the position, or at the end; answers how much was taken. */
  write(bytes: Uint8Array): number {
    if (this.node.kind === "directory") throw new FlashError("EISDIR");
    if (this.node.inode === 0) throw new FlashError("EROFS");
    // A file that was removed while open has no place to keep what is written.
    if (!this.inPlace) throw new FlashError("EIO");
    if (this.append) this.at = this.sizeBytes;
    const count = this.put(bytes);
    this.at += count;
    return count;
  }

  /** Makes count what was written: flush, and the first half of closing. */
  abstract sync(): void;

  protected abstract put(bytes: Uint8Array): number;

  protected content(): Uint8Array {
    return this.node.kind === "file" ? this.node.content : new Uint8Array();
  }

  protected get inPlace(): boolean {
    return this.flash.find(this.path) === this.node;
  }

  /** The bytes by the units in which the chip programs them, with the place of each. */
  protected *pages(bytes: Uint8Array, pageBytes: number): Generator<[number, Uint8Array]> {
    for (let done = 0; done < bytes.length;) {
      const at = this.at + done;
      const count = Math.min(pageBytes - at % pageBytes, bytes.length - done);
      yield [at, bytes.subarray(done, done + count)];
      done += count;
    }
  }
}

/** What NOR flash programs at once. */
const PAGE_BYTES = 256;
const SECTOR_BYTES = 512;

class WriteThroughFile extends OpenFile {
  constructor(opening: Opening) {
    super(opening);
    if (opening.truncate && this.sizeBytes > 0) {
      this.flash.apply({ op: "truncate", path: this.path, sizeBytes: 0 });
    }
  }

  protected override put(bytes: Uint8Array): number {
    for (const [at, page] of this.pages(bytes, PAGE_BYTES)) {
      this.flash.apply({ op: "write", path: this.path, at, bytes: page });
    }
    return bytes.length;
  }

  override sync(): void {}
}

class LittleFile extends OpenFile {
  /** What the file will be; null while it is what the flash has. */
  #pending: Uint8Array | null = null;

  constructor(opening: Opening) {
    super(opening);
    if (opening.truncate && this.sizeBytes > 0) this.#pending = new Uint8Array();
  }

  override get sizeBytes(): number {
    return this.#pending?.length ?? super.sizeBytes;
  }

  protected override content(): Uint8Array {
    return this.#pending ?? super.content();
  }

  protected override put(bytes: Uint8Array): number {
    const sizeBytes = this.sizeBytes;
    const pending = new Uint8Array(Math.max(sizeBytes, this.at + bytes.length));
    pending.set(this.content().subarray(0, sizeBytes));
    pending.set(bytes, this.at);
    for (let block = blocksOf(sizeBytes); block < blocksOf(pending.length); block++) {
      this.flash.apply({ op: "spill", path: this.path, blocks: block + 1 });
    }
    this.#pending = pending;
    return bytes.length;
  }

  override sync(): void {
    if (this.#pending === null || !this.inPlace) return;
    this.flash.apply({ op: "replace", path: this.path, bytes: this.#pending });
    this.#pending = null;
  }
}

class FatFile extends OpenFile {
  /** The file's size; the directory's entry has it only after a sync. */
  #sizeBytes: number;

  constructor(opening: Opening) {
    super(opening);
    if (opening.truncate && super.sizeBytes > 0) {
      this.flash.apply({ op: "truncate", path: this.path, sizeBytes: 0 });
    }
    this.#sizeBytes = super.sizeBytes;
  }

  override get sizeBytes(): number {
    return this.#sizeBytes;
  }

  protected override put(bytes: Uint8Array): number {
    let count = 0;
    for (const [at, sector] of this.pages(bytes, SECTOR_BYTES)) {
      try {
        this.flash.apply({ op: "fill", path: this.path, at, bytes: sector });
      } catch (error) {
        // f_write says how much of it there was room for.
        if (error instanceof FlashError) break;
        throw error;
      }
      count += sector.length;
    }
    this.#sizeBytes = Math.max(this.#sizeBytes, this.at + count);
    return count;
  }

  override sync(): void {
    if (this.#sizeBytes === super.sizeBytes || !this.inPlace) return;
    this.flash.apply({ op: "extend", path: this.path, sizeBytes: this.#sizeBytes });
  }
}

function blocksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}
