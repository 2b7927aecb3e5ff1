/**
 * The system calls of MicroPython's WebAssembly build, served from a board's flash and console
 * instead of Emscripten's file system: so error numbers, free space and `stat` are a board's, and
 * standard input and output are the serial line.
 *
 * INVARIANTS
 * - A call that fails returns the negative error number (the `wasi` ones: the positive number), as
 *   musl expects; nothing but `PowerOff` is thrown through the interpreter.
 * - The layouts are musl's for wasm32, as Emscripten fills them in `writeStat` and `writeStatFs`.
 */

import type { Console } from "./console.ts";
import { ERRNO, FlashError } from "./errno.ts";
import { BINARY_FD } from "./wasm_image.ts";
import { type FileSystemKind, type OpenFile, openFile, renameOn } from "./open_file.ts";
import { BLOCK_BYTES, type Flash, type FlashNode, splitPath } from "./flash.ts";

/** An imported function of the module: numbers in, a number out. */
export type HostFunction = (...args: number[]) => number;

/** The files that the interpreter may import but nobody sees in a listing: its frozen modules. */
export type FrozenFiles = ReadonlyMap<string, Uint8Array<ArrayBuffer>>;

const O_CREAT = 0o100;
const O_EXCL = 0o200;
const O_TRUNC = 0o1000;
const O_APPEND = 0o2000;
const O_DIRECTORY = 0o200000;
const AT_FDCWD = -100;
const AT_REMOVEDIR = 0x200;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const FIRST_FILE_FD = 3;
const DIRENT_BYTES = 280;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;
const POLLIN = 0x1;
const POLLOUT = 0x4;

export class Syscalls {
  readonly #flash: Flash;
  readonly #fileSystem: FileSystemKind;
  readonly #console: Console;
  readonly #frozen: FrozenFiles;
  readonly #memory: WebAssembly.Memory;
  #open = new Map<number, OpenFile>();
  #directory = "/";

  constructor(options: {
    readonly flash: Flash;
    readonly fileSystem: FileSystemKind;
    readonly console: Console;
    readonly memory: WebAssembly.Memory;
    readonly frozen: FrozenFiles;
  }) {
    this.#flash = options.flash;
    this.#fileSystem = options.fileSystem;
    this.#console = options.console;
    this.#memory = options.memory;
    this.#frozen = options.frozen;
  }

  /** Closes what the program left open, as the sweep of a chip's soft reset does. */
  closeAll(): void {
    const files = [...this.#open.values()];
    this.#open.clear();
    for (const file of files) file.sync();
  }

  /** Whether there is a file with this name in the present directory. */
  hasFile(name: string): boolean {
    return this.#flash.find(`${this.#directory}/${name}`)?.kind === "file";
  }

  /** The functions by the names under which the module imports them. */
  functions(): Record<string, HostFunction> {
    const negative = (call: HostFunction): HostFunction => (...args) => {
      try {
        return call(...args);
      } catch (error) {
        if (error instanceof FlashError) return -error.errno;
        throw error;
      }
    };
    const wasi = (call: HostFunction): HostFunction => (...args) => -negative(call)(...args);
    return {
      __syscall_chdir: negative((path) => this.#chdir(path)),
      __syscall_getcwd: negative((buffer, size) => this.#getcwd(buffer, size)),
      __syscall_mkdirat: negative((at, path) => this.#mkdir(this.#path(at, path))),
      __syscall_openat: negative((at, path, flags) => this.#openFile(this.#path(at, path), flags)),
      __syscall_getdents64: negative((fd, buffer, size) => this.#entries(fd, buffer, size)),
      __syscall_renameat: negative((atOld, path, atNew, to) =>
        this.#rename(this.#path(atOld, path), this.#path(atNew, to))
      ),
      __syscall_rmdir: negative((path) => this.#change("rmdir", this.#path(AT_FDCWD, path))),
      __syscall_unlinkat: negative((at, path, flags) =>
        this.#change((flags & AT_REMOVEDIR) !== 0 ? "rmdir" : "remove", this.#path(at, path))
      ),
      __syscall_fstat64: negative((fd, buffer) => this.#stat(this.#file(fd).node, buffer)),
      __syscall_stat64: negative((path, buffer) => this.#statPath(AT_FDCWD, path, buffer)),
      __syscall_lstat64: negative((path, buffer) => this.#statPath(AT_FDCWD, path, buffer)),
      __syscall_newfstatat: negative((at, path, buffer) => this.#statPath(at, path, buffer)),
      __syscall_statfs64: negative((_path, _size, buffer) => this.#statfs(buffer)),
      __syscall_poll: negative((fds, count, timeout) => this.#poll(fds, count, timeout)),
      fd_close: wasi((fd) => this.#close(fd)),
      fd_sync: wasi((fd) => this.#sync(fd)),
      fd_read: wasi((fd, vectors, count, result) => this.#read(fd, vectors, count, result)),
      fd_write: wasi((fd, vectors, count, result) => this.#write(fd, vectors, count, result)),
      // The offset is an i64, so it arrives as a bigint.
      fd_seek: wasi((fd, offset, whence, result) => this.#seek(fd, Number(offset), whence, result)),
    };
  }

  get #view(): DataView {
    return new DataView(this.#memory.buffer);
  }

  #text(at: number): string {
    const bytes = new Uint8Array(this.#memory.buffer);
    // A copy, since a decoder takes no shared memory.
    return new TextDecoder().decode(bytes.slice(at, bytes.indexOf(0, at)));
  }

  #path(directoryFd: number, pointer: number): string {
    const path = this.#text(pointer);
    if (path.startsWith("/")) return path;
    const base = directoryFd === AT_FDCWD ? this.#directory : this.#file(directoryFd).path;
    return `${base}/${path}`;
  }

  #file(fd: number): OpenFile {
    const file = this.#open.get(fd);
    if (file === undefined) throw new FlashError("EBADF");
    return file;
  }

  #lookup(path: string): FlashNode {
    const content = this.#frozen.get(`/${splitPath(path).join("/")}`);
    if (content === undefined) return this.#flash.lookup(path);
    return { kind: "file", inode: 0, content, sizeBytes: content.length, modifiedMs: 0 };
  }

  #chdir(pointer: number): number {
    const path = `/${splitPath(this.#path(AT_FDCWD, pointer)).join("/")}`;
    if (this.#flash.lookup(path).kind !== "directory") throw new FlashError("ENOTDIR");
    this.#directory = path;
    return 0;
  }

  #getcwd(buffer: number, size: number): number {
    const bytes = new TextEncoder().encode(`${this.#directory}\0`);
    if (bytes.length > size) throw new FlashError("EINVAL");
    new Uint8Array(this.#memory.buffer).set(bytes, buffer);
    return bytes.length;
  }

  #mkdir(path: string): number {
    this.#flash.apply({ op: "mkdir", path });
    return 0;
  }

  #change(op: "remove" | "rmdir", path: string): number {
    // vfs.remove takes an empty directory too on littlefs, FAT refuses it; be strict.
    this.#flash.apply({ op, path });
    return 0;
  }

  #rename(path: string, to: string): number {
    renameOn(this.#fileSystem, this.#flash, { path, to });
    for (const file of this.#open.values()) {
      if (file.path === path || file.path.startsWith(`${path}/`)) {
        file.path = to + file.path.slice(path.length);
      }
    }
    return 0;
  }

  #openFile(path: string, flags: number): number {
    let node: FlashNode;
    try {
      node = this.#lookup(path);
      if ((flags & O_EXCL) !== 0) throw new FlashError("EEXIST");
    } catch (error) {
      const missing = error instanceof FlashError && error.errno === ERRNO.ENOENT;
      if (!missing || (flags & O_CREAT) === 0) throw error;
      this.#flash.apply({ op: "create", path });
      node = this.#flash.lookup(path);
    }
    const writes = (flags & 0o3) !== 0;
    if (node.kind === "directory" && writes) throw new FlashError("EISDIR");
    if (node.kind === "file" && (flags & O_DIRECTORY) !== 0) throw new FlashError("ENOTDIR");
    let fd = FIRST_FILE_FD;
    while (this.#open.has(fd)) fd++;
    const file = openFile(this.#fileSystem, {
      flash: this.#flash,
      node,
      path,
      append: (flags & O_APPEND) !== 0,
      truncate: (flags & O_TRUNC) !== 0,
    });
    this.#open.set(fd, file);
    return fd;
  }

  #close(fd: number): number {
    if (fd < FIRST_FILE_FD) return 0;
    const file = this.#file(fd);
    this.#open.delete(fd);
    file.sync();
    return 0;
  }

  #sync(fd: number): number {
    if (fd >= FIRST_FILE_FD) this.#file(fd).sync();
    return 0;
  }

  #entries(fd: number, buffer: number, size: number): number {
    const file = this.#file(fd);
    if (file.node.kind !== "directory") throw new FlashError("ENOTDIR");
    const listed = [...file.node.entries].slice(file.at);
    const taken = listed.slice(0, Math.floor(size / DIRENT_BYTES));
    const view = this.#view;
    taken.forEach(([name, node], index) => {
      const at = buffer + index * DIRENT_BYTES;
      view.setBigUint64(at, BigInt(node.inode), true);
      view.setBigUint64(at + 8, BigInt(file.at + index + 1), true);
      view.setUint16(at + 16, DIRENT_BYTES, true);
      view.setUint8(at + 18, node.kind === "directory" ? 4 : 8);
      new Uint8Array(view.buffer).set(new TextEncoder().encode(`${name}\0`), at + 19);
    });
    file.at += taken.length;
    return taken.length * DIRENT_BYTES;
  }

  #statPath(directoryFd: number, pointer: number, buffer: number): number {
    return this.#stat(this.#lookup(this.#path(directoryFd, pointer)), buffer);
  }

  #stat(node: FlashNode, buffer: number): number {
    const view = this.#view;
    const sizeBytes = node.kind === "file" ? node.sizeBytes : 0;
    new Uint8Array(view.buffer).fill(0, buffer, buffer + 96);
    view.setUint32(buffer + 4, node.kind === "file" ? S_IFREG : S_IFDIR, true);
    view.setUint32(buffer + 8, 1, true);
    view.setBigInt64(buffer + 24, BigInt(sizeBytes), true);
    view.setInt32(buffer + 32, BLOCK_BYTES, true);
    view.setInt32(buffer + 36, Math.ceil(sizeBytes / 512), true);
    for (const at of [40, 56, 72]) {
      view.setBigInt64(buffer + at, BigInt(Math.floor(node.modifiedMs / 1000)), true);
    }
    view.setBigInt64(buffer + 88, BigInt(node.inode), true);
    return 0;
  }

  #statfs(buffer: number): number {
    const view = this.#view;
    new Uint8Array(view.buffer).fill(0, buffer, buffer + 88);
    view.setUint32(buffer + 4, BLOCK_BYTES, true);
    view.setBigInt64(buffer + 8, BigInt(this.#flash.totalBlocks), true);
    view.setBigInt64(buffer + 16, BigInt(this.#flash.freeBlocks), true);
    view.setBigInt64(buffer + 24, BigInt(this.#flash.freeBlocks), true);
    view.setUint32(buffer + 56, 255, true);
    view.setUint32(buffer + 60, BLOCK_BYTES, true);
    return 0;
  }

  #poll(fds: number, count: number, timeoutMs: number): number {
    const view = this.#view;
    const wantsInput = Array.from({ length: count }, (_, index) => index)
      .some((index) => isConsole(view.getInt32(fds + index * 8, true)));
    // select.poll() asks again and again with a time-out of 0; a short wait here spares the
    // processor and still answers within a tick.
    if (wantsInput && !this.#console.readable) {
      this.#console.wait(timeoutMs === 0 ? 1 : timeoutMs < 0 ? Infinity : timeoutMs);
    }
    let ready = 0;
    for (let index = 0; index < count; index++) {
      const at = fds + index * 8;
      const able = !isConsole(view.getInt32(at, true)) || this.#console.readable
        ? POLLIN | POLLOUT
        : POLLOUT;
      const events = view.getInt16(at + 4, true) & able;
      view.setInt16(at + 6, events, true);
      if (events !== 0) ready++;
    }
    return ready;
  }

  #vectors(at: number, count: number): Uint8Array<ArrayBufferLike>[] {
    const view = this.#view;
    return Array.from({ length: count }, (_, index) => {
      const pointer = view.getUint32(at + index * 8, true);
      const length = view.getUint32(at + index * 8 + 4, true);
      return new Uint8Array(view.buffer, pointer, length);
    });
  }

  #read(fd: number, vectors: number, count: number, result: number): number {
    let total = 0;
    for (const into of this.#vectors(vectors, count)) {
      const taken = fd === 0 || fd === BINARY_FD
        ? this.#readConsole(into, { some: total > 0, text: fd === 0 })
        : this.#file(fd).read(into);
      total += taken;
      if (taken < into.length) break;
    }
    this.#view.setUint32(result, total, true);
    return 0;
  }

  #readConsole(
    into: Uint8Array<ArrayBufferLike>,
    { some, text }: { some: boolean; text: boolean },
  ): number {
    let count = 0;
    while (count < into.length && (this.#console.readable || (count === 0 && !some))) {
      const byte = this.#console.readByte();
      into[count++] = text && byte === CARRIAGE_RETURN ? LINE_FEED : byte;
    }
    return count;
  }

  #write(fd: number, vectors: number, count: number, result: number): number {
    let total = 0;
    for (const shared of this.#vectors(vectors, count)) {
      if (shared.length === 0) continue;
      const bytes = new Uint8Array(shared);
      let count = bytes.length;
      if (fd === BINARY_FD) this.#console.write(bytes);
      else if (fd < FIRST_FILE_FD) this.#console.write(withCarriageReturns(bytes));
      else count = this.#file(fd).write(bytes);
      total += count;
      if (count < bytes.length) break;
    }
    this.#view.setUint32(result, total, true);
    return 0;
  }

  #seek(fd: number, offset: number, whence: number, result: number): number {
    const file = this.#file(fd);
    const at = offset + (whence === 1 ? file.at : whence === 2 ? file.sizeBytes : 0);
    if (at < 0) throw new FlashError("EINVAL");
    file.at = at;
    this.#view.setBigInt64(result, BigInt(at), true);
    return 0;
  }
}

function isConsole(fd: number): boolean {
  return fd === 0 || fd === BINARY_FD;
}

/** `mp_hal_stdout_tx_strn_cooked` (shared/runtime/stdout_helpers.c). */
function withCarriageReturns(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
  let feeds = 0;
  for (const byte of bytes) if (byte === LINE_FEED) feeds++;
  if (feeds === 0) return bytes;
  const cooked = new Uint8Array(bytes.length + feeds);
  let at = 0;
  for (const byte of bytes) {
    if (byte === LINE_FEED) cooked[at++] = CARRIAGE_RETURN;
    cooked[at++] = byte;
  }
  return cooked;
}
