/**
 * What the three threads of an emulated board share: the ring of received bytes and a few words.
 * The serial line's thread (`uart_worker.ts`) fills the ring, the interpreter's thread
 * (`interpreter_worker.ts`) empties it, the harness (`wasm_board.ts`) reads and sets words.
 *
 * INVARIANTS
 * - `head` is only written by the serial line, `tail` only by the interpreter.
 * - Whoever changes a word that the interpreter may be waiting for rings the bell.
 */

/** Bytes of the receive ring: what rp2 and stm32 have behind their USB. */
const RING_BYTES = 512;

const WORD = {
  /** Counts up whenever the interpreter may have something to look at. */
  bell: 0,
  head: 1,
  tail: 2,
  /** 1 while a host has the port open. */
  hostAttached: 3,
  /** The pty's master, or -1 without one. */
  masterFd: 4,
  /** 1 while the interpreter writes to the master. */
  transmitting: 5,
  /** 1 once the interpreter's thread is to end. */
  stop: 6,
  /** 1 while the serial line waits for room in the ring. */
  ringFull: 7,
  /** How many changes of the flash were sent to the harness. */
  changesSent: 8,
  /** Milliseconds since `epochMs` of the watchdog's last feed. */
  watchdogFed: 9,
  /** 1 while the port's link may point at the present pty. */
  linked: 10,
} as const;

export class ControlBlock {
  readonly buffer: SharedArrayBuffer;
  readonly epochMs: number;
  readonly #words: Int32Array<SharedArrayBuffer>;
  readonly #ring: Uint8Array<SharedArrayBuffer>;

  constructor(epochMs: number, buffer = new SharedArrayBuffer(64 + RING_BYTES)) {
    this.buffer = buffer;
    this.epochMs = epochMs;
    this.#words = new Int32Array(buffer, 0, 16);
    this.#ring = new Uint8Array(buffer, 64, RING_BYTES);
  }

  #get(word: keyof typeof WORD): number {
    return Atomics.load(this.#words, WORD[word]);
  }

  #set(word: keyof typeof WORD, value: number): void {
    Atomics.store(this.#words, WORD[word], value);
  }

  get hostAttached(): boolean {
    return this.#get("hostAttached") === 1;
  }
  set hostAttached(attached: boolean) {
    this.#set("hostAttached", attached ? 1 : 0);
  }

  get stopped(): boolean {
    return this.#get("stop") === 1;
  }
  stop(): void {
    this.#set("stop", 1);
    this.ring();
  }

  get changesSent(): number {
    return this.#get("changesSent");
  }
  countChange(): void {
    Atomics.add(this.#words, WORD.changesSent, 1);
  }

  get watchdogFedMs(): number {
    return this.#get("watchdogFed");
  }
  feedWatchdog(): void {
    this.#set("watchdogFed", Date.now() - this.epochMs);
  }

  /** Wakes the interpreter's thread if it waits. */
  ring(): void {
    Atomics.add(this.#words, WORD.bell, 1);
    Atomics.notify(this.#words, WORD.bell);
  }

  /**
   * Holds the interpreter's thread until the bell rings or the time is over. Whoever waits for a
   * condition checks it between {@linkcode bell} and this call, so that no ring is missed.
   */
  waitForBell(bell: number, timeoutMs = Infinity): void {
    Atomics.wait(this.#words, WORD.bell, bell, timeoutMs);
  }
  get bell(): number {
    return this.#get("bell");
  }

  /** How many received bytes wait. */
  get received(): number {
    return this.#get("head") - this.#get("tail") | 0;
  }

  /** How many bytes the ring takes now. */
  get room(): number {
    return RING_BYTES - this.received;
  }

  /** The serial line's side: puts bytes behind; the caller has made sure of the room. */
  push(bytes: Uint8Array): void {
    const head = this.#get("head");
    for (let index = 0; index < bytes.length; index++) {
      this.#ring[((head + index) >>> 0) % RING_BYTES] = bytes[index] ?? 0;
    }
    this.#set("head", head + bytes.length | 0);
    this.ring();
  }

  /** The interpreter's side: takes the first byte; the caller has made sure that there is one. */
  shift(): number {
    const tail = this.#get("tail");
    const byte = this.#ring[(tail >>> 0) % RING_BYTES] ?? 0;
    this.#set("tail", tail + 1 | 0);
    return byte;
  }

  /** Forgets what was received. */
  clearReceived(): void {
    this.#set("tail", this.#get("head"));
  }

  get ringFull(): boolean {
    return this.#get("ringFull") === 1;
  }
  set ringFull(full: boolean) {
    this.#set("ringFull", full ? 1 : 0);
  }

  get masterFd(): number {
    return this.#get("masterFd");
  }

  /** Publishes the master; with -1, returns only once nobody writes to the old one any more. */
  setMasterFd(fd: number): void {
    this.#set("masterFd", fd);
    if (fd !== -1) return;
    while (this.#get("transmitting") === 1) {
      Atomics.wait(this.#words, WORD.transmitting, 1, 50);
    }
  }

  /** The harness's side: the link is gone. */
  unlinked(): void {
    this.#set("linked", 0);
    Atomics.notify(this.#words, WORD.linked);
  }

  /** The serial line's side: the harness is about to be told of a pty. */
  willBeLinked(): void {
    this.#set("linked", 1);
  }

  /** The serial line's side: waits until no link points at the pty any more. */
  awaitUnlinked(): void {
    Atomics.wait(this.#words, WORD.linked, 1);
  }

  /** Lets `write` use the master, unless there is none. */
  withMaster<Result>(write: (fd: number) => Result, without: Result): Result {
    this.#set("transmitting", 1);
    try {
      const fd = this.masterFd;
      return fd === -1 ? without : write(fd);
    } finally {
      this.#set("transmitting", 0);
      Atomics.notify(this.#words, WORD.transmitting);
    }
  }
}
