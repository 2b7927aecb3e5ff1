/**
 * A serial port: bytes in, bytes out, modem lines, locks. Any tty will do, real or pseudo.
 * Used by `raw_repl.ts`, which sees only the {@linkcode SerialPort} interface.
 *
 * INVARIANTS
 * - The port is ours alone while it is open: `flock` keeps out mpremote and whoever else uses
 *   pyserial's `exclusive`, TIOCEXCL keeps out everybody else, and a program that had the port before
 *   us without a lock is found in /proc and left alone.
 * - Nothing is read before somebody asks for it: the kernel's buffer is the only one, and a board
 *   that floods is slowed down by its own port.
 * - Closing never waits for a dead line: what is still unsent is dropped first.
 */
import { UotaError } from "../errors/mod.ts";
import {
  closeFd,
  ioctlBuffer,
  ioctlValue,
  LibcError,
  lockExclusively,
  O_CLOEXEC,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  openPath,
  POLLIN,
  POLLOUT,
  readFd,
  TCFLSH,
  TCSETS2,
  TIOCEXCL,
  TIOCGEXCL,
  TIOCM_DTR,
  TIOCM_RTS,
  TIOCMBIS,
  TIOCNXCL,
  writeFd,
} from "./libc.ts";
import { findHolders, type Holder, isPseudoTerminal } from "./holders.ts";
import { type Reactor, sharedReactor } from "./reactor.ts";
import { encodeRawTermios } from "./termios.ts";

/** A source and a sink of bytes: a tty, or whatever a test puts in its place. */
export interface SerialPort extends AsyncDisposable {
  readonly path: string;
  /** Bytes written to the port since it was opened. */
  readonly bytesWritten: number;
  /**
   * Waits for bytes and returns what has arrived, at least one.
   *
   * @throws {UotaError} `port_lost` when the device has gone
   */
  read(options: { readonly signal: AbortSignal }): Promise<Uint8Array<ArrayBuffer>>;
  /** What has arrived already, perhaps nothing; never waits. */
  readAvailable(): Uint8Array<ArrayBuffer>;
  /**
   * Writes all of `bytes`. Where the line is full, what the board sends meanwhile goes to
   * `whileFull`, so that two sides that both wait to write cannot wait for each other.
   *
   * @throws {UotaError} `port_lost` when the device has gone
   */
  write(bytes: Uint8Array<ArrayBuffer>, options: WriteOptions): Promise<void>;
}

export interface WriteOptions {
  readonly signal: AbortSignal;
  readonly whileFull?: (bytes: Uint8Array<ArrayBuffer>) => void;
}

export interface OpenOptions {
  /** Speed of a UART; a USB-CDC port ignores it. @default 115200 */
  readonly baud?: number;
  readonly signal: AbortSignal;
}

const READ_CHUNK_BYTES = 64 * 1024;
const DISCARD_OUTPUT = 1;

/**
 * Opens a tty in raw mode at any baud rate, with DTR and RTS set, and takes it for ourselves.
 *
 * DTR and RTS are set together, as the kernel does on opening: on boards with an auto-reset circuit
 * both set is the neutral state, and USB-CDC boards drop what they send until DTR is set
 * (micropython#17999, #9659).
 *
 * @throws {UotaError} `port_missing`, `port_denied`, `port_busy` or `port_lost`, each saying what a
 *   person can do
 */
export async function openTty(path: string, options: OpenOptions): Promise<SerialPort> {
  const { baud = 115_200, signal } = options;
  signal.throwIfAborted();
  let fd: number;
  try {
    fd = await openPath(path, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
  } catch (error) {
    throw await explainOpenFailure(path, error);
  }
  try {
    signal.throwIfAborted();
    await takeForOurselves(fd, path);
    try {
      await ioctlBuffer(fd, TCSETS2, encodeRawTermios(baud));
    } catch (error) {
      throw new UotaError(
        "port_lost",
        `${path} does not accept ${baud} baud; check that it is a serial port and its baud rate`,
        { cause: error },
      );
    }
    await setModemLine(fd, TIOCMBIS, TIOCM_DTR | TIOCM_RTS);
    signal.throwIfAborted();
  } catch (error) {
    await closeFd(fd);
    if (error instanceof LibcError) throw goneWhileOpening(path, error);
    throw error;
  }
  return new Tty(path, fd, sharedReactor);
}

class Tty implements SerialPort {
  readonly path: string;
  readonly #fd: number;
  readonly #reactor: Reactor;
  readonly #buffer = new Uint8Array(READ_CHUNK_BYTES);
  #bytesWritten = 0;
  #closed = false;

  constructor(path: string, fd: number, reactor: Reactor) {
    this.path = path;
    this.#fd = fd;
    this.#reactor = reactor;
  }

  get bytesWritten(): number {
    return this.#bytesWritten;
  }

  readAvailable(): Uint8Array<ArrayBuffer> {
    this.#assertOpen();
    let count: number | null;
    try {
      count = readFd(this.#fd, this.#buffer);
    } catch (error) {
      throw this.#lost(error);
    }
    // A tty in raw mode with VMIN 1 returns 0 bytes only after a hang-up.
    if (count === 0) throw this.#lost(new Error("hang-up"));
    return this.#buffer.slice(0, count ?? 0);
  }

  async read(options: { readonly signal: AbortSignal }): Promise<Uint8Array<ArrayBuffer>> {
    while (true) {
      options.signal.throwIfAborted();
      const bytes = this.readAvailable();
      if (bytes.byteLength > 0) return bytes;
      await this.#reactor.ready(this.#fd, POLLIN, options);
    }
  }

  async write(bytes: Uint8Array<ArrayBuffer>, options: WriteOptions): Promise<void> {
    const { signal, whileFull } = options;
    let sent = 0;
    while (sent < bytes.byteLength) {
      signal.throwIfAborted();
      this.#assertOpen();
      let count: number | null;
      try {
        count = writeFd(this.#fd, bytes.subarray(sent));
      } catch (error) {
        throw this.#lost(error);
      }
      if (count !== null && count > 0) {
        sent += count;
        this.#bytesWritten += count;
        continue;
      }
      await this.#reactor.ready(this.#fd, whileFull ? POLLIN | POLLOUT : POLLOUT, { signal });
      if (whileFull) {
        const arrived = this.readAvailable();
        if (arrived.byteLength > 0) whileFull(arrived);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#reactor.forget(this.#fd, new UotaError("port_lost", `${this.path} was closed`));
    // On a line that takes nothing the driver's close would wait for the rest, 30 s on some drivers.
    ignoreErrno(() => ioctlValue(this.#fd, TCFLSH, DISCARD_OUTPUT));
    // On a pseudo-terminal the flag outlives the descriptor and would lock out the next program.
    ignoreErrno(() => ioctlValue(this.#fd, TIOCNXCL));
    await closeFd(this.#fd);
  }

  #assertOpen(): void {
    if (this.#closed) throw new UotaError("port_lost", `${this.path} was closed`);
  }

  #lost(cause: unknown): UotaError {
    return new UotaError(
      "port_lost",
      `${this.path} went away while it was in use; check the cable and the board's power`,
      { cause },
    );
  }
}

async function takeForOurselves(fd: number, path: string): Promise<void> {
  const exclusive = new Uint8Array(4);
  try {
    await ioctlBuffer(fd, TIOCGEXCL, exclusive);
  } catch (error) {
    throw noSerialPort(path, { cause: error });
  }
  if (!lockExclusively(fd)) throw busy(path, await findHolders(path));
  // Only root gets this far past somebody else's TIOCEXCL. On a pseudo-terminal the flag may also
  // be left over from a program that was killed, so it counts only where somebody is there.
  const flagged = exclusive[0] !== 0;
  // An open descriptor proves nothing on a pseudo-terminal, and searching /proc takes its time.
  if (flagged || !await isPseudoTerminal(path)) {
    const holders = (await findHolders(path)).filter(({ certain }) => certain || flagged);
    if (holders.length > 0) throw busy(path, holders);
  }
  ioctlValue(fd, TIOCEXCL);
}

/** EIO, mostly: what was opened is not there any more. */
function goneWhileOpening(path: string, cause: LibcError): UotaError {
  return new UotaError(
    "port_lost",
    `${path} went away while it was being opened (${cause.errnoName}); check the cable and the ` +
      "board's power",
    { cause },
  );
}

async function explainOpenFailure(path: string, error: unknown): Promise<UotaError> {
  const name = error instanceof LibcError ? error.errnoName : "";
  const cause = { cause: error };
  switch (name) {
    case "ENOENT":
    case "ENXIO":
    case "ENODEV":
      return new UotaError(
        "port_missing",
        `${path} does not exist; check the cable and the board's power`,
        cause,
      );
    case "EACCES":
    case "EPERM":
      return new UotaError(
        "port_denied",
        `This user may not open ${path}; join its group (mostly dialout): ` +
          `sudo usermod -aG dialout "$USER", then log in again`,
        cause,
      );
    case "EISDIR":
      return noSerialPort(path, cause);
    case "EBUSY":
      return busy(path, await findHolders(path), cause);
    default:
      return new UotaError("port_lost", `Cannot open ${path}: ${String(error)}`, cause);
  }
}

function noSerialPort(path: string, options: ErrorOptions): UotaError {
  return new UotaError(
    "port_lost",
    `${path} is not a serial port; name ports that are ttys in gateway.ports`,
    options,
  );
}

function busy(path: string, holders: readonly Holder[], options?: ErrorOptions): UotaError {
  const who = holders.length === 0
    ? "another program, which this user may not see (try: sudo fuser -v " + path + ")"
    : holders.map(({ pid, command }) => `${command} (process ${pid})`).join(", ");
  return new UotaError(
    "port_busy",
    `${path} is in use by ${who}; close that program and try again`,
    options,
  );
}

async function setModemLine(fd: number, request: bigint, lines: number): Promise<void> {
  try {
    await ioctlBuffer(fd, request, new Uint8Array(new Uint32Array([lines]).buffer));
  } catch (error) {
    // Pseudo-terminals and some gadgets have no modem lines; there is nothing to set then.
    if (!(error instanceof LibcError)) throw error;
  }
}

function ignoreErrno(call: () => void): void {
  try {
    call();
  } catch (error) {
    // The device is on its way out already; closing is all that is left to do.
    if (!(error instanceof LibcError)) throw error;
  }
}
