/**
 * The flash of an emulated board: a tree of directories and files in blocks of a limited size.
 * The interpreter's thread works on one, and each change is told to an observer, which the board
 * uses to keep a second one that survives a power cut.
 *
 * INVARIANTS
 * - Every change of the tree goes through {@linkcode Flash.apply}, one {@linkcode FlashChange} at a
 *   time; applying the same changes in order to an equal tree gives an equal tree. So power can be
 *   cut between any two of them; which ones a file operation is made of, `open_file.ts` decides.
 * - A file occupies whole blocks, a directory one; a change that does not fit leaves all as it was.
 */

import { FlashError } from "./errno.ts";

/** One change of the tree: the unit in which power can be cut. Paths are absolute. */
export type FlashChange =
  | { readonly op: "write"; readonly path: string; readonly at: number; readonly bytes: Uint8Array }
  /** As write, but behind its end a file does not grow: FAT writes clusters before the size. */
  | { readonly op: "fill"; readonly path: string; readonly at: number; readonly bytes: Uint8Array }
  /** Makes what was filled in part of the file. */
  | { readonly op: "extend"; readonly path: string; readonly sizeBytes: number }
  /** Exchanges the whole content at once. */
  | { readonly op: "replace"; readonly path: string; readonly bytes: Uint8Array }
  /** Writes blocks that no directory names yet, `blocks` of them by now: no file changes. */
  | { readonly op: "spill"; readonly path: string; readonly blocks: number }
  | { readonly op: "truncate"; readonly path: string; readonly sizeBytes: number }
  | { readonly op: "create"; readonly path: string }
  | { readonly op: "mkdir"; readonly path: string }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "rmdir"; readonly path: string }
  | { readonly op: "rename"; readonly path: string; readonly to: string };

/** A file of the tree; `content` may be longer than the file. */
export interface FlashFile {
  readonly kind: "file";
  readonly inode: number;
  content: Uint8Array;
  sizeBytes: number;
  modifiedMs: number;
}

/** A directory of the tree. */
export interface FlashDirectory {
  readonly kind: "directory";
  readonly inode: number;
  readonly entries: Map<string, FlashNode>;
  modifiedMs: number;
}

export type FlashNode = FlashFile | FlashDirectory;

/** Size of a block in bytes, as littlefs on rp2 and esp32 has it. */
export const BLOCK_BYTES = 4096;
const NAME_MAX_BYTES = 255;

/** Whom the flash tells of changes. */
export interface FlashObserver {
  /** Before a change; what this throws keeps it from happening, such as a power cut. */
  readonly before?: (change: FlashChange) => void;
  /** After a change. */
  readonly after?: (change: FlashChange) => void;
}

export class Flash {
  readonly sizeBytes: number;
  readonly root: FlashDirectory;
  #usedBlocks = 2; // littlefs keeps the root directory in a pair of blocks
  #nextInode = 1;
  readonly #observer: FlashObserver;

  constructor(sizeBytes: number, observer: FlashObserver = {}) {
    this.sizeBytes = sizeBytes;
    this.#observer = observer;
    this.root = this.#newDirectory();
  }

  get totalBlocks(): number {
    return Math.floor(this.sizeBytes / BLOCK_BYTES);
  }

  get freeBlocks(): number {
    return Math.max(0, this.totalBlocks - this.#usedBlocks);
  }

  /**
   * Finds a node.
   *
   * @throws {FlashError} ENOENT, ENOTDIR
   */
  lookup(path: string): FlashNode {
    let node: FlashNode = this.root;
    for (const name of splitPath(path)) {
      if (node.kind !== "directory") throw new FlashError("ENOTDIR");
      const next = node.entries.get(name);
      if (next === undefined) throw new FlashError("ENOENT");
      node = next;
    }
    return node;
  }

  /** As {@linkcode lookup}, but `null` where nothing is. */
  find(path: string): FlashNode | null {
    try {
      return this.lookup(path);
    } catch (error) {
      if (error instanceof FlashError) return null;
      throw error;
    }
  }

  /** Every file's content by absolute path, and every directory's path with a `/` behind. */
  snapshot(): Map<string, Uint8Array<ArrayBuffer>> {
    const found = new Map<string, Uint8Array<ArrayBuffer>>();
    const walk = (directory: FlashDirectory, prefix: string) => {
      for (const [name, node] of directory.entries) {
        const path = `${prefix}/${name}`;
        if (node.kind === "file") found.set(path, node.content.slice(0, node.sizeBytes));
        else {
          found.set(`${path}/`, new Uint8Array());
          walk(node, path);
        }
      }
    };
    walk(this.root, "");
    return found;
  }

  /** Fills the tree with what {@linkcode snapshot} gave. */
  restore(snapshot: ReadonlyMap<string, Uint8Array>): void {
    for (const [path, content] of snapshot) {
      if (path.endsWith("/")) this.makeDirectories(path);
      else this.writeFile(path, content);
    }
  }

  /** Writes a whole file, with the directories above it. */
  writeFile(path: string, content: Uint8Array): void {
    this.makeDirectories(path.slice(0, path.lastIndexOf("/")));
    if (this.find(path) === null) this.apply({ op: "create", path });
    this.apply({ op: "truncate", path, sizeBytes: 0 });
    this.apply({ op: "write", path, at: 0, bytes: content });
  }

  /** Makes a directory and those above it, where missing. */
  makeDirectories(path: string): void {
    let above = "";
    for (const name of splitPath(path)) {
      above += `/${name}`;
      if (this.find(above) === null) this.apply({ op: "mkdir", path: above });
    }
  }

  /**
   * Carries out one change and tells the observer.
   *
   * @throws {FlashError} and changes nothing
   */
  apply(change: FlashChange): void {
    this.#observer.before?.(change);
    switch (change.op) {
      case "write":
        this.#write(this.#file(change.path), change.at, change.bytes);
        break;
      case "fill":
        this.#fill(this.#file(change.path), change.at, change.bytes);
        break;
      case "spill":
        if (change.blocks > this.freeBlocks) throw new FlashError("ENOSPC");
        break;
      case "replace": {
        const file = this.#file(change.path);
        this.#resize(file, change.bytes.length);
        file.content.set(change.bytes);
        break;
      }
      case "extend":
      case "truncate":
        this.#resize(this.#file(change.path), change.sizeBytes);
        break;
      case "create": {
        const { directory, name } = this.#place(change.path);
        directory.entries.set(name, {
          kind: "file",
          inode: this.#nextInode++,
          content: new Uint8Array(),
          sizeBytes: 0,
          modifiedMs: Date.now(),
        });
        break;
      }
      case "mkdir": {
        const { directory, name } = this.#place(change.path);
        if (directory.entries.has(name)) throw new FlashError("EEXIST");
        this.#occupy(1);
        directory.entries.set(name, this.#newDirectory());
        break;
      }
      case "remove": {
        const { directory, name } = this.#place(change.path);
        const node = this.lookup(change.path);
        if (node.kind === "directory") throw new FlashError("EISDIR");
        this.#usedBlocks -= blocksOf(node.sizeBytes);
        directory.entries.delete(name);
        break;
      }
      case "rmdir": {
        const { directory, name } = this.#place(change.path);
        const node = this.lookup(change.path);
        if (node.kind !== "directory") throw new FlashError("ENOTDIR");
        if (node.entries.size > 0) throw new FlashError("ENOTEMPTY");
        this.#usedBlocks -= 1;
        directory.entries.delete(name);
        break;
      }
      case "rename":
        this.#rename(change.path, change.to);
        break;
    }
    this.#observer.after?.(change);
  }

  #newDirectory(): FlashDirectory {
    return {
      kind: "directory",
      inode: this.#nextInode++,
      entries: new Map(),
      modifiedMs: Date.now(),
    };
  }

  #file(path: string): FlashFile {
    const node = this.lookup(path);
    if (node.kind === "directory") throw new FlashError("EISDIR");
    return node;
  }

  /** The directory that holds a path's last name, whether or not that exists. */
  #place(path: string): { directory: FlashDirectory; name: string } {
    const names = splitPath(path);
    const name = names.pop();
    if (name === undefined) throw new FlashError("EINVAL");
    if (new TextEncoder().encode(name).length > NAME_MAX_BYTES) {
      throw new FlashError("ENAMETOOLONG");
    }
    const directory = this.lookup(`/${names.join("/")}`);
    if (directory.kind !== "directory") throw new FlashError("ENOTDIR");
    return { directory, name };
  }

  #occupy(blocks: number): void {
    if (blocks > this.freeBlocks) throw new FlashError("ENOSPC");
    this.#usedBlocks += blocks;
  }

  #resize(file: FlashFile, sizeBytes: number): void {
    const more = blocksOf(sizeBytes) - blocksOf(file.sizeBytes);
    if (more > 0) this.#occupy(more);
    else this.#usedBlocks += more;
    if (sizeBytes > file.content.length) {
      const grown = new Uint8Array(Math.max(sizeBytes, file.content.length * 2));
      grown.set(file.content.subarray(0, file.sizeBytes));
      file.content = grown;
    } else if (sizeBytes < file.sizeBytes) {
      file.content.fill(0, sizeBytes, file.sizeBytes);
    }
    file.sizeBytes = sizeBytes;
    file.modifiedMs = Date.now();
  }

  #write(file: FlashFile, at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    if (end > file.sizeBytes) this.#resize(file, end);
    file.content.set(bytes, at);
    file.modifiedMs = Date.now();
  }

  #fill(file: FlashFile, at: number, bytes: Uint8Array): void {
    const end = at + bytes.length;
    const more = blocksOf(end) - blocksOf(file.sizeBytes);
    if (more > this.freeBlocks) throw new FlashError("ENOSPC");
    if (end > file.content.length) {
      const grown = new Uint8Array(Math.max(end, file.content.length * 2));
      grown.set(file.content);
      file.content = grown;
    }
    file.content.set(bytes, at);
  }

  #rename(path: string, to: string): void {
    const from = this.#place(path);
    const target = this.#place(to);
    const node = this.lookup(path);
    if (node.kind === "directory" && `${normal(to)}/`.startsWith(`${normal(path)}/`)) {
      if (normal(to) === normal(path)) return;
      throw new FlashError("EINVAL");
    }
    const replaced = target.directory.entries.get(target.name);
    if (replaced === node) return;
    if (replaced?.kind === "directory") {
      if (node.kind !== "directory") throw new FlashError("EISDIR");
      if (replaced.entries.size > 0) throw new FlashError("ENOTEMPTY");
      this.#usedBlocks -= 1;
    } else if (replaced?.kind === "file") {
      if (node.kind === "directory") throw new FlashError("ENOTDIR");
      this.#usedBlocks -= blocksOf(replaced.sizeBytes);
    }
    from.directory.entries.delete(from.name);
    target.directory.entries.set(target.name, node);
  }
}

function blocksOf(sizeBytes: number): number {
  return Math.ceil(sizeBytes / BLOCK_BYTES);
}

function normal(path: string): string {
  return `/${splitPath(path).join("/")}`;
}

/** The names of a path, with `.` and `..` resolved. */
export function splitPath(path: string): string[] {
  const names: string[] = [];
  for (const name of path.split("/")) {
    if (name === "" || name === ".") continue;
    if (name === "..") names.pop();
    else names.push(name);
  }
  return names;
}
