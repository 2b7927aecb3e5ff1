/**
 * The only `dlopen` of libc: the calls that a serial port needs and that Deno does not offer.
 * Used by `tty.ts` and `reactor.ts`, and by the test boards for their pseudo-terminals.
 *
 * INVARIANTS
 * - Whoever wants `errno` calls the synchronous form: a non-blocking FFI call runs on another
 *   thread, and `errno` belongs to a thread.
 * - What may wait for hardware (`open`, `close`, `ioctl` on a USB line, `poll`) has an asynchronous
 *   form that runs on Deno's blocking pool. `read` and `write` are only ever used on descriptors
 *   with `O_NONBLOCK` and therefore return at once.
 * - Constants are those of Linux's generic ABI: x86-64, arm64 and riscv64 agree on all of them.
 */

const library = Deno.dlopen("libc.so.6", {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  open_async: { name: "open", parameters: ["buffer", "i32"], result: "i32", nonblocking: true },
  close: { parameters: ["i32"], result: "i32" },
  close_async: { name: "close", parameters: ["i32"], result: "i32", nonblocking: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  ioctl_async: {
    name: "ioctl",
    parameters: ["i32", "u64", "buffer"],
    result: "i32",
    nonblocking: true,
  },
  ioctl_value: { name: "ioctl", parameters: ["i32", "u64", "i64"], result: "i32" },
  flock: { parameters: ["i32", "i32"], result: "i32" },
  poll: { parameters: ["buffer", "u64", "i32"], result: "i32" },
  poll_async: {
    name: "poll",
    parameters: ["buffer", "u64", "i32"],
    result: "i32",
    nonblocking: true,
  },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  posix_openpt: { parameters: ["i32"], result: "i32" },
  grantpt: { parameters: ["i32"], result: "i32" },
  unlockpt: { parameters: ["i32"], result: "i32" },
  ptsname_r: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
});
const c = library.symbols;

export const O_RDWR = 0o2;
export const O_NOCTTY = 0o400;
export const O_NONBLOCK = 0o4000;
export const O_CLOEXEC = 0o2000000;
export const LOCK_EX = 2;
export const LOCK_NB = 4;
export const POLLIN = 0x1;
export const POLLOUT = 0x4;
export const POLLERR = 0x8;
export const POLLHUP = 0x10;
export const POLLNVAL = 0x20;
export const TCGETS2 = 0x802c542an;
export const TCSETS2 = 0x402c542bn;
export const TCFLSH = 0x540bn;
export const TIOCEXCL = 0x540cn;
export const TIOCNXCL = 0x540dn;
export const TIOCGEXCL = 0x80045440n;
export const TIOCMGET = 0x5415n;
export const TIOCMBIS = 0x5416n;
export const TIOCMBIC = 0x5417n;
/** inotify: somebody opened the watched path. */
export const IN_OPEN = 0x20;
export const IN_ATTRIB = 0x4;
export const IN_MOVED_FROM = 0x40;
export const IN_MOVED_TO = 0x80;
export const IN_CREATE = 0x100;
export const IN_DELETE = 0x200;
export const IN_ONLYDIR = 0x01000000;
export const TIOCM_DTR = 0x002;
export const TIOCM_RTS = 0x004;
const EFD_CLOEXEC = O_CLOEXEC;
const EFD_NONBLOCK = O_NONBLOCK;

const ERRNO_NAMES: Readonly<Record<number, string>> = {
  1: "EPERM",
  2: "ENOENT",
  4: "EINTR",
  5: "EIO",
  6: "ENXIO",
  9: "EBADF",
  11: "EAGAIN",
  12: "ENOMEM",
  13: "EACCES",
  16: "EBUSY",
  19: "ENODEV",
  20: "ENOTDIR",
  21: "EISDIR",
  22: "EINVAL",
  25: "ENOTTY",
  28: "ENOSPC",
  32: "EPIPE",
  71: "EPROTO",
  110: "ETIMEDOUT",
};

/** A libc call that failed; `errnoName` is the symbolic name, such as `"EBUSY"`. */
export class LibcError extends Error {
  override readonly name = "LibcError";
  readonly errno: number;
  readonly errnoName: string;

  constructor(call: string, errno: number) {
    const errnoName = ERRNO_NAMES[errno] ?? `errno ${errno}`;
    super(`${call}: ${errnoName}`);
    this.errno = errno;
    this.errnoName = errnoName;
  }
}

function lastError(call: string): LibcError {
  const pointer = c.__errno_location();
  const errno = pointer === null ? 0 : new Deno.UnsafePointerView(pointer).getInt32();
  return new LibcError(call, errno);
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/**
 * Opens a path without blocking the event loop, even where the driver waits for its device.
 *
 * @throws {LibcError} when the path cannot be opened
 */
export async function openPath(path: string, flags: number): Promise<number> {
  const name = cString(path);
  const fd = await c.open_async(name, flags);
  if (fd >= 0) return fd;
  // The failure's errno stayed on the other thread. Failures come back at once, so ask again here.
  const again = c.open(name, flags);
  if (again >= 0) return again;
  throw lastError(`open ${path}`);
}

/**
 * As {@linkcode openPath}, but holds the calling thread: for workers that have no event loop.
 *
 * @throws {LibcError} when the path cannot be opened
 */
export function openPathNow(path: string, flags: number): number {
  const fd = c.open(cString(path), flags | O_CLOEXEC);
  if (fd < 0) throw lastError(`open ${path}`);
  return fd;
}

/** Closes a descriptor; closing a tty may wait for its driver, so it runs off the event loop. */
export async function closeFd(fd: number): Promise<void> {
  await c.close_async(fd);
}

/** Closes a descriptor at once, for callers that cannot wait (pseudo-terminals, eventfds). */
export function closeFdNow(fd: number): void {
  c.close(fd);
}

/**
 * Reads from an `O_NONBLOCK` descriptor.
 *
 * @returns the number of bytes, 0 at end of file, or `null` where nothing is there to read yet
 * @throws {LibcError} for any other failure; a tty whose other side has gone reports EIO
 */
export function readFd(fd: number, into: Uint8Array<ArrayBuffer>): number | null {
  const count = Number(c.read(fd, into, BigInt(into.byteLength)));
  if (count >= 0) return count;
  const error = lastError("read");
  if (error.errnoName === "EAGAIN" || error.errnoName === "EINTR") return null;
  throw error;
}

/**
 * Writes to an `O_NONBLOCK` descriptor.
 *
 * @returns the number of bytes taken, or `null` where the descriptor takes none yet
 * @throws {LibcError} for any other failure
 */
export function writeFd(fd: number, bytes: Uint8Array<ArrayBuffer>): number | null {
  const count = Number(c.write(fd, bytes, BigInt(bytes.byteLength)));
  if (count >= 0) return count;
  const error = lastError("write");
  if (error.errnoName === "EAGAIN" || error.errnoName === "EINTR") return null;
  throw error;
}

/**
 * An ioctl with a pointer argument, such as `TCSETS2` or `TIOCMBIS`, off the event loop: on USB it
 * becomes a control transfer, which a hung device answers only after seconds.
 *
 * @throws {LibcError} when the request is refused
 */
export async function ioctlBuffer(
  fd: number,
  request: bigint,
  argument: Uint8Array<ArrayBuffer>,
): Promise<void> {
  if (await c.ioctl_async(fd, request, argument) >= 0) return;
  if (c.ioctl(fd, request, argument) >= 0) return;
  throw lastError(`ioctl 0x${request.toString(16)}`);
}

/**
 * As {@linkcode ioctlBuffer}, but holds the calling thread: for ports that never wait for hardware.
 *
 * @throws {LibcError} when the request is refused
 */
export function ioctlBufferNow(
  fd: number,
  request: bigint,
  argument: Uint8Array<ArrayBuffer>,
): void {
  if (c.ioctl(fd, request, argument) < 0) throw lastError(`ioctl 0x${request.toString(16)}`);
}

/**
 * An ioctl whose argument is a number or nothing, such as `TIOCEXCL` or `TCFLSH`.
 *
 * @throws {LibcError} when the request is refused
 */
export function ioctlValue(fd: number, request: bigint, value = 0): void {
  if (c.ioctl_value(fd, request, BigInt(value)) < 0) {
    throw lastError(`ioctl 0x${request.toString(16)}`);
  }
}

/**
 * Takes `flock(LOCK_EX | LOCK_NB)`, the lock of pyserial's `exclusive=True` and so of mpremote.
 *
 * @returns whether the lock is ours now
 * @throws {LibcError} for any failure but "somebody else holds it"
 */
export function lockExclusively(fd: number): boolean {
  if (c.flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
  const error = lastError("flock");
  if (error.errnoName === "EAGAIN") return false;
  throw error;
}

/** One descriptor to watch: `events` and the resulting `revents` are masks of `POLL*`. */
export interface PollEntry {
  readonly fd: number;
  readonly events: number;
}

function encodePoll(entries: readonly PollEntry[]): DataView<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(entries.length * 8));
  entries.forEach(({ fd, events }, index) => {
    view.setInt32(index * 8, fd, true);
    view.setInt16(index * 8 + 4, events, true);
  });
  return view;
}

function decodePoll(view: DataView<ArrayBuffer>, count: number): number[] {
  return Array.from({ length: count }, (_, index) => view.getInt16(index * 8 + 6, true));
}

/** Waits, off the event loop, until a descriptor is ready; answers one `revents` an entry. */
export async function pollFds(entries: readonly PollEntry[], timeoutMs: number): Promise<number[]> {
  const view = encodePoll(entries);
  await c.poll_async(new Uint8Array(view.buffer), BigInt(entries.length), timeoutMs);
  return decodePoll(view, entries.length);
}

/** As {@linkcode pollFds}, but holds the calling thread: for workers that have no event loop. */
export function pollFdsBlocking(entries: readonly PollEntry[], timeoutMs: number): number[] {
  const view = encodePoll(entries);
  c.poll(new Uint8Array(view.buffer), BigInt(entries.length), timeoutMs);
  return decodePoll(view, entries.length);
}

/**
 * An eventfd: the descriptor that wakes a `poll` in progress.
 *
 * @throws {LibcError} when the process has no descriptor left
 */
export function createEventFd(): number {
  const fd = c.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) throw lastError("eventfd");
  return fd;
}

/**
 * An inotify descriptor without watches; it becomes readable when something watched happens.
 *
 * @throws {LibcError} when the user has no inotify instance left
 */
export function createInotify(): number {
  const fd = c.inotify_init1(O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) throw lastError("inotify_init1");
  return fd;
}

/**
 * Watches a path for the events in `mask`, such as {@linkcode IN_OPEN}.
 *
 * @throws {LibcError} when the path cannot be watched
 */
export function addInotifyWatch(inotifyFd: number, path: string, mask: number): void {
  if (c.inotify_add_watch(inotifyFd, cString(path), mask) < 0) {
    throw lastError(`inotify_add_watch ${path}`);
  }
}

/** The two ends of a new pseudo-terminal: the master's descriptor, the other side's path. */
export interface PseudoTerminal {
  readonly masterFd: number;
  readonly path: string;
}

/**
 * Makes a pseudo-terminal; its master is `O_NONBLOCK`. The product never needs one, test boards do.
 *
 * @throws {LibcError} when the system has none left
 */
export function openPseudoTerminal(): PseudoTerminal {
  const masterFd = c.posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  if (masterFd < 0) throw lastError("posix_openpt");
  const name = new Uint8Array(128);
  if (c.grantpt(masterFd) !== 0 || c.unlockpt(masterFd) !== 0) {
    const error = lastError("unlockpt");
    c.close(masterFd);
    throw error;
  }
  if (c.ptsname_r(masterFd, name, BigInt(name.byteLength)) !== 0) {
    const error = lastError("ptsname_r");
    c.close(masterFd);
    throw error;
  }
  return { masterFd, path: new TextDecoder().decode(name.subarray(0, name.indexOf(0))) };
}
