/**
 * What the daemon tells systemd: its state, by the notification protocol of sd_notify(3), and its
 * log entries, by journald's native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL/). Both are
 * datagrams on Unix sockets, which Deno does not offer, so this is the only dlopen beside
 * `serial/libc.ts`.
 *
 * INVARIANTS
 * - No call waits: a datagram for which there is no room is not sent.
 * - A change of state that could not be sent goes out, in order, before the next message. A keep-alive
 *   or a status that was overtaken is dropped.
 * - What is sent as a status is one line, whatever a board or a server put into it.
 */
import { statSync } from "node:fs";
import type { Environment } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { escaped } from "../../errors/shown_text.ts";

const library = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});
const c = library.symbols;

// Linux's generic ABI, the same on x86-64, arm64 and riscv64.
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const CLOCK_MONOTONIC = 1;
/** The size of `sun_path`, its terminating NUL included. */
const SUN_PATH_BYTES = 108;

/** systemd ignores a message above 4096 bytes; a code point has at most four. */
const LONGEST_STATUS = 500;
/** More changes of state than this are not waiting for room: nobody reads the socket. */
const MOST_UNSENT = 16;
const JOURNAL_SOCKET = "/run/systemd/journal/socket";
/** The descriptor itself; `fstat` by node:fs would follow what Deno has put in its place. */
const STDERR = "/proc/self/fd/2";

const encoder = new TextEncoder();

/** One way to one Unix datagram socket. The address is looked up anew for every datagram. */
class DatagramSocket implements Disposable {
  readonly #fd: number;
  readonly #address: Uint8Array<ArrayBuffer>;

  /** @throws {UotaError} `internal` where the process may open no further socket */
  constructor(address: Uint8Array<ArrayBuffer>) {
    this.#address = address;
    this.#fd = c.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (this.#fd < 0) throw new UotaError("internal", "Cannot open a Unix datagram socket");
  }

  /** Whether the datagram was taken. */
  send(bytes: Uint8Array<ArrayBuffer>): boolean {
    const flags = MSG_DONTWAIT | MSG_NOSIGNAL;
    const length = BigInt(bytes.byteLength);
    const address = this.#address;
    return c.sendto(this.#fd, bytes, length, flags, address, address.byteLength) >= 0;
  }

  [Symbol.dispose](): void {
    c.close(this.#fd);
  }
}

/**
 * A `struct sockaddr_un` (unix(7)): a path ends in NUL; an abstract name, written `@name`, begins
 * with NUL and ends where the structure does. Null for what is neither, or is too long.
 */
function unixAddress(name: string): Uint8Array<ArrayBuffer> | null {
  const isAbstract = name.startsWith("@");
  if (!isAbstract && !name.startsWith("/")) return null;
  const path = encoder.encode(isAbstract ? `\0${name.slice(1)}` : `${name}\0`);
  if (path.byteLength > SUN_PATH_BYTES || path.byteLength < 2) return null;
  const address = new Uint8Array(2 + path.byteLength);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  return address;
}

/** What waits for room: the text of a message, and whether a later status makes it void. */
interface Message {
  readonly text: string;
  readonly isStatus: boolean;
}

/** systemd, where it started this process as a service of `Type=notify` or `notify-reload`. */
export class ServiceManager implements Disposable {
  /** Within what time it wants to hear a keep-alive; null: no watchdog asked for. */
  readonly watchdogMs: number | null;
  readonly #socket: DatagramSocket;
  readonly #unsent: Message[] = [];

  private constructor(socket: DatagramSocket, watchdogMs: number | null) {
    this.#socket = socket;
    this.watchdogMs = watchdogMs;
  }

  /**
   * Null where nobody asked to be notified over a Unix socket (`$NOTIFY_SOCKET`). Unsets nothing.
   *
   * @throws {UotaError} `internal` where the process may open no further socket
   */
  static connect(env: Environment): ServiceManager | null {
    const address = unixAddress(env.get("NOTIFY_SOCKET") ?? "");
    if (address === null) return null;
    return new ServiceManager(new DatagramSocket(address), watchdogMs(env));
  }

  /** The service serves: at the start, and when a reload has ended, also one that was refused. */
  ready(status: string): void {
    this.#send({ text: `READY=1\n${statusLine(status)}`, isStatus: false });
  }

  /** What `systemctl status` shows. */
  status(status: string): void {
    this.#send({ text: statusLine(status), isStatus: true });
  }

  /** The configuration is being read again; {@linkcode ready} ends it. */
  reloading(): void {
    this.#send({ text: `RELOADING=1\nMONOTONIC_USEC=${monotonicMicros()}`, isStatus: false });
  }

  /** The service ends, in its own time. */
  stopping(status: string): void {
    this.#send({ text: `STOPPING=1\n${statusLine(status)}`, isStatus: false });
  }

  /** The service makes progress. */
  keepAlive(): void {
    if (this.#sendUnsent()) this.#socket.send(encoder.encode("WATCHDOG=1"));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }

  #send(message: Message): void {
    if (this.#unsent.at(-1)?.isStatus) this.#unsent.pop();
    if (this.#unsent.length === MOST_UNSENT) this.#unsent.shift();
    this.#unsent.push(message);
    this.#sendUnsent();
  }

  /** Whether nothing waits any more. */
  #sendUnsent(): boolean {
    while (this.#unsent[0] !== undefined) {
      if (!this.#socket.send(encoder.encode(this.#unsent[0].text))) return false;
      this.#unsent.shift();
    }
    return true;
  }
}

function statusLine(status: string): string {
  return `STATUS=${[...escaped(status)].slice(0, LONGEST_STATUS).join("")}`;
}

/** sd_watchdog_enabled(3): a child of the service inherits the variables, which are not for it. */
function watchdogMs(env: Environment): number | null {
  const pid = env.get("WATCHDOG_PID");
  if (pid !== undefined && Number(pid) !== Deno.pid) return null;
  const micros = Number(env.get("WATCHDOG_USEC"));
  return Number.isFinite(micros) && micros > 0 ? micros / 1000 : null;
}

/** The time on the clock by which systemd tells this reload from an earlier one. */
function monotonicMicros(): bigint {
  const time = new Uint8Array(16);
  c.clock_gettime(CLOCK_MONOTONIC, time);
  const view = new DataView(time.buffer);
  return view.getBigInt64(0, true) * 1_000_000n + view.getBigInt64(8, true) / 1000n;
}

/** journald, where stderr goes there. */
export class Journal implements Disposable {
  readonly #socket: DatagramSocket;

  private constructor(socket: DatagramSocket) {
    this.#socket = socket;
  }

  /**
   * Null where stderr is not the journal's ({@linkcode isJournalStream}) or its socket is not there.
   *
   * @throws {UotaError} `internal` where the process may open no further socket
   */
  static connect(
    env: Environment,
    { socketPath = JOURNAL_SOCKET }: { readonly socketPath?: string } = {},
  ): Journal | null {
    const address = unixAddress(socketPath);
    if (address === null || !isJournalStream(env) || !isSocket(socketPath)) return null;
    return new Journal(new DatagramSocket(address));
  }

  /**
   * One entry; names as in systemd.journal-fields(7), values may be of several lines. False where it
   * could not be sent: it is too large for a datagram, or journald has no room.
   */
  send(fields: ReadonlyMap<string, string>): boolean {
    return this.#socket.send(encodeEntry(fields));
  }

  [Symbol.dispose](): void {
    this.#socket[Symbol.dispose]();
  }
}

/** Whether stderr is the stream that systemd connected to the journal, and nobody redirected it. */
export function isJournalStream(env: Environment): boolean {
  const stream = env.get("JOURNAL_STREAM");
  if (!stream) return false;
  try {
    const { dev, ino } = statSync(STDERR, { bigint: true });
    return stream === `${dev}:${ino}`;
  } catch {
    return false; // Closed: nothing goes to the journal by it.
  }
}

function isSocket(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

/** `NAME=value`, or for a value with line breaks its name, its size in 64 bits and its bytes. */
function encodeEntry(fields: ReadonlyMap<string, string>): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for (const [name, value] of fields) {
    if (!value.includes("\n")) {
      parts.push(encoder.encode(`${name}=${value}\n`));
      continue;
    }
    const bytes = encoder.encode(value);
    const size = new Uint8Array(8);
    new DataView(size.buffer).setBigUint64(0, BigInt(bytes.byteLength), true);
    parts.push(encoder.encode(`${name}\n`), size, bytes, encoder.encode("\n"));
  }
  return concatenate(parts);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
