/**
 * The thread of an emulated board's serial line: owns the pty, moves what a host sends into the
 * ring, and interrupts the running program on Ctrl-C, as the interrupt handler of a USB port does.
 *
 * INVARIANTS
 * - Nothing here spins: it sleeps in one `poll` over the pty, a wake-up descriptor, and an inotify
 *   watch that tells when somebody opens the port.
 * - The harness keeps no descriptor of the port's other side open, so that tools which look for the
 *   holder of a port find only hosts. (Between two hosts, for an instant, it cleans the port with
 *   one: a real tty is made anew for each opener, a pty remembers `TIOCEXCL` and unread bytes.)
 * - The cable's faults happen in `#receive`, between the host and everything else.
 * - A byte that equals `mp_interrupt_char` becomes KeyboardInterrupt and is not queued; every other
 *   byte waits until somebody reads it (MicroPython's ports, e.g. ports/rp2/mphalport.c).
 */

import {
  addInotifyWatch,
  closeFdNow,
  createInotify,
  IN_OPEN,
  ioctlBufferNow,
  ioctlValue,
  LibcError,
  O_NOCTTY,
  O_NONBLOCK,
  O_RDWR,
  openPathNow,
  openPseudoTerminal,
  pollFdsBlocking,
  POLLHUP,
  POLLIN,
  readFd,
  TCFLSH,
  TCSETS2,
  TIOCNXCL,
} from "../../serial/libc.ts";
import { encodeRawTermios } from "../../serial/termios.ts";
import { ControlBlock } from "./control_block.ts";
import { Faults } from "./faults.ts";
import { ADDRESS } from "./wasm_image.ts";

/** What the harness hands over to start the line. */
export interface UartStart {
  readonly control: SharedArrayBuffer;
  readonly faults: SharedArrayBuffer;
  readonly epochMs: number;
  readonly memory: SharedArrayBuffer;
  readonly wakeFd: number;
  /** The port outlives the board's power, as one behind an adapter does. */
  readonly staysOn: boolean;
  /** The pty that a line before this one has left; null for a new one. */
  readonly adopted: LeftPty | null;
}

/** A pty whose board is off; the master is open. */
export interface LeftPty {
  readonly masterFd: number;
  readonly path: string;
}

/** What the line tells the harness. */
export type UartReport =
  /** The name of its present pty, or that it has none. */
  | { readonly kind: "port"; readonly port: string | null }
  /** The byte has been taken after which the thread is held, or has pulled the cable. */
  | { readonly kind: "held" }
  | { readonly kind: "unplugged" }
  /** The thread has let go of everything, but of a pty that stays on. */
  | { readonly kind: "ended"; readonly left: LeftPty | null };

/** Discards what the board sent and nobody has read. */
const TCIFLUSH = 0;

class Uart {
  readonly #control: ControlBlock;
  readonly #faults: Faults;
  readonly #report: (report: UartReport) => void;
  readonly #memory: DataView<SharedArrayBuffer>;
  readonly #wakeFd: number;
  readonly #buffer = new Uint8Array(512);
  readonly #staysOn: boolean;
  #left: LeftPty | null;

  constructor(start: UartStart, report: (report: UartReport) => void) {
    this.#report = report;
    this.#faults = new Faults(start.faults);
    this.#control = new ControlBlock(start.epochMs, start.control);
    this.#memory = new DataView(start.memory);
    this.#wakeFd = start.wakeFd;
    this.#staysOn = start.staysOn;
    this.#left = start.adopted;
  }

  run(): void {
    while (!this.#control.stopped) {
      if (!this.#faults.cableIn) {
        this.#wait([]);
        continue;
      }
      this.#connect(this.#left ?? this.#open());
    }
    this.#report({ kind: "ended", left: this.#left });
  }

  #open(): LeftPty {
    const { masterFd, path } = openPseudoTerminal();
    clean(path);
    this.#control.setMasterFd(masterFd);
    this.#control.willBeLinked();
    this.#report({ kind: "port", port: path });
    return { masterFd, path };
  }

  /** Serves one pty until the cable is pulled or the board stops. */
  #connect({ masterFd, path }: LeftPty): void {
    this.#left = null;
    const inotifyFd = createInotify();
    addInotifyWatch(inotifyFd, path, IN_OPEN);
    let isUsable = true;
    try {
      while (isUsable && !this.#control.stopped && this.#faults.cableIn) {
        if (!this.#control.hostAttached) this.#awaitHost(masterFd, inotifyFd);
        else isUsable = this.#serve(masterFd, path) === "usable";
      }
    } finally {
      this.#control.hostAttached = false;
      this.#control.setMasterFd(-1);
      closeFdNow(inotifyFd);
      if (this.#staysOn && isUsable && this.#faults.cableIn) this.#left = { masterFd, path };
      else this.#close(masterFd);
    }
  }

  #close(masterFd: number): void {
    // The kernel gives the pty's number to the next who asks: by then no link may name it.
    this.#report({ kind: "port", port: null });
    this.#control.awaitUnlinked();
    closeFdNow(masterFd);
  }

  #awaitHost(masterFd: number, inotifyFd: number): void {
    const [state] = pollFdsBlocking([{ fd: masterFd, events: POLLIN }], 0);
    if (((state ?? 0) & POLLHUP) === 0) {
      this.#control.hostAttached = true;
      return;
    }
    if (((state ?? 0) & POLLIN) !== 0) {
      // The host wrote and left before we looked.
      if (this.#receive(masterFd) !== "gone") return;
    }
    this.#wait([{ fd: inotifyFd, events: POLLIN }]);
    readFd(inotifyFd, this.#buffer);
  }

  #serve(masterFd: number, path: string): "usable" | "worn out" {
    this.#control.ringFull = true;
    if (this.#room === 0) {
      // Not reading is what makes the host wait; the interpreter wakes us once it has taken a byte.
      this.#wait([]);
      return "usable";
    }
    this.#control.ringFull = false;
    const [, state = 0] = this.#wait([{ fd: masterFd, events: POLLIN }]);
    // Only EIO tells that all is read: at a mere hang-up, bytes may still be on their way to us.
    const left = (state & (POLLIN | POLLHUP)) !== 0 && this.#receive(masterFd) === "gone";
    if (!left) return "usable";
    this.#control.hostAttached = false;
    return clean(path);
  }

  /** Sleeps until something happens; the first `revents` is the wake-up descriptor's. */
  #wait(entries: { fd: number; events: number }[]): number[] {
    const result = pollFdsBlocking([{ fd: this.#wakeFd, events: POLLIN }, ...entries], -1);
    if (((result[0] ?? 0) & POLLIN) !== 0) readFd(this.#wakeFd, this.#buffer);
    return result;
  }

  #receive(masterFd: number): "received" | "gone" {
    const room = Math.min(this.#room, this.#buffer.length, this.#faults.bytesUntilStop);
    if (room === 0) return "received";
    let count: number | null;
    try {
      count = readFd(masterFd, this.#buffer.subarray(0, room));
    } catch (error) {
      // EIO: the host has closed the port and all its bytes are read.
      if (error instanceof LibcError && error.errnoName === "EIO") return "gone";
      throw error;
    }
    if (count === null) return "received";
    const first = this.#faults.hostBytes;
    const stop = this.#faults.countBytes(count);
    if (stop === "hold") this.#faults.hold(() => this.#report({ kind: "held" }));
    this.#take(this.#faults.arriving(this.#buffer.subarray(0, count), first));
    if (stop === "unplug") {
      this.#faults.cableIn = false;
      this.#report({ kind: "unplugged" });
    }
    return "received";
  }

  /** How many bytes may be read at once, whatever the line makes of them. */
  get #room(): number {
    return this.#faults.roomFor(this.#control.room);
  }

  #take(received: Uint8Array<ArrayBuffer>): void {
    const interruptChar = this.#memory.getInt32(ADDRESS.interruptChar, true);
    if (interruptChar === -1 || !received.includes(interruptChar)) {
      this.#control.push(received);
    } else {
      this.#control.push(received.filter((byte) => byte !== interruptChar));
      this.#interrupt();
      // The program ended in between: void, since nothing of the REPL could catch the exception.
      if (this.#memory.getInt32(ADDRESS.interruptChar, true) === -1) {
        this.#memory.setInt32(ADDRESS.pendingException, 0, true);
      }
    }
  }

  /** `mp_sched_keyboard_interrupt()` (py/scheduler.c), from outside as an interrupt would. */
  #interrupt(): void {
    const memory = this.#memory;
    memory.setInt32(ADDRESS.keyboardTraceback, 0, true);
    memory.setInt32(ADDRESS.pendingException, ADDRESS.keyboardException, true);
    const idle = 1;
    const pending = 0;
    if (memory.getInt16(ADDRESS.schedulerState, true) === idle) {
      memory.setInt16(ADDRESS.schedulerState, pending, true);
    }
    this.#control.ring();
  }
}

/**
 * Makes a port as a new one: raw, nobody's, empty. Leaves it without an opener.
 *
 * @returns "worn out" where it cannot: a client was killed that had `TIOCEXCL` set, and we are not
 * root. Then nobody can open the port any more, and a new one has to take its place.
 */
function clean(path: string): "usable" | "worn out" {
  let fd: number;
  try {
    fd = openPathNow(path, O_RDWR | O_NOCTTY | O_NONBLOCK);
  } catch (error) {
    if (error instanceof LibcError && error.errnoName === "EBUSY") return "worn out";
    throw error;
  }
  try {
    ioctlValue(fd, TIOCNXCL);
    ioctlBufferNow(fd, TCSETS2, encodeRawTermios(115200));
    ioctlValue(fd, TCFLSH, TCIFLUSH);
  } finally {
    closeFdNow(fd);
  }
  return "usable";
}

// The worker's global scope: DOM's typing calls it Window, so its members are named here.
declare const self: {
  onmessage: ((event: MessageEvent<UartStart>) => void) | null;
  postMessage(message: UartReport): void;
};

self.onmessage = ({ data }) => {
  new Uart(data, (report) => self.postMessage(report)).run();
};
