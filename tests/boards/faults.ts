/**
 * What goes wrong with a board from outside, and what is counted to say when: changes of its flash
 * and bytes that a host sent. Shared by the board's threads and the harness; outlives a reset.
 *
 * INVARIANTS
 * - Changes are counted by the interpreter's thread only, bytes by the serial line's only.
 * - A stop happens exactly after the change or the byte with its number, once.
 * - What is corrupted depends on the seed and on the byte's number, and on nothing else.
 */

/** What happens when a count is reached. */
export type Stop =
  /** The board loses its power. */
  | "power"
  /** The cable goes; the program runs on. */
  | "unplug"
  /** The thread that counts waits for {@linkcode Faults.release}. */
  | "hold";

/** How bytes towards the board are damaged. */
export type Corruption = "flip" | "lose" | "double";

/** A line that damages one byte out of so many. */
export interface CorruptLine {
  readonly everyBytes: number;
  /** `flip`: one bit of it; `lose`: it never arrives; `double`: it arrives twice. */
  readonly kind: Corruption;
  readonly seed: number;
}

const STOPS: readonly Stop[] = ["power", "unplug", "hold"];
const CORRUPTIONS: readonly Corruption[] = ["flip", "lose", "double"];

const WORD = {
  /** 0 while the cable is out. */
  cable: 0,
  changes: 1,
  changeStop: 2,
  changeStopKind: 3,
  bytes: 4,
  byteStop: 5,
  byteStopKind: 6,
  /** 1 while a thread is held. */
  held: 7,
  /** One byte out of so many is damaged; 0 for none. */
  corruptEvery: 8,
  corruption: 9,
  corruptSeed: 10,
  /** How many bytes were damaged. */
  corrupted: 11,
  /** What the line carries to the host in a second; 0 for as much as it takes. */
  bytesPerSecond: 12,
} as const;

const NEVER = -1;

export class Faults {
  readonly buffer: SharedArrayBuffer;
  readonly #words: Int32Array<SharedArrayBuffer>;

  constructor(buffer?: SharedArrayBuffer) {
    this.buffer = buffer ?? new SharedArrayBuffer(Object.keys(WORD).length * 4);
    this.#words = new Int32Array(this.buffer);
    if (buffer !== undefined) return;
    this.cableIn = true;
    this.#set("changeStop", NEVER);
    this.#set("byteStop", NEVER);
  }

  #get(word: keyof typeof WORD): number {
    return Atomics.load(this.#words, WORD[word]);
  }

  #set(word: keyof typeof WORD, value: number): void {
    Atomics.store(this.#words, WORD[word], value);
  }

  get cableIn(): boolean {
    return this.#get("cable") === 1;
  }
  set cableIn(cableIn: boolean) {
    this.#set("cable", cableIn ? 1 : 0);
  }

  /** Changes of the flash since the board was made. */
  get changes(): number {
    return this.#get("changes");
  }

  /** Bytes from hosts since the board was made, as they were sent. */
  get hostBytes(): number {
    return this.#get("bytes");
  }

  /** How many of them were damaged. */
  get corrupted(): number {
    return this.#get("corrupted");
  }

  /** Stops after another `changes` changes; with 0, before the next one. */
  stopAtChange(changes: number, stop: "power" | "hold"): void {
    this.#set("changeStopKind", STOPS.indexOf(stop));
    this.#set("changeStop", this.changes + changes);
  }

  /** Stops after another `bytes` bytes, at least one. */
  stopAtByte(bytes: number, stop: "unplug" | "hold"): void {
    this.#set("byteStopKind", STOPS.indexOf(stop));
    this.#set("byteStop", this.hostBytes + bytes);
  }

  /** Whether a stop that was asked for is still to come. */
  get stopIsToCome(): boolean {
    return this.#get("changeStop") !== NEVER || this.#get("byteStop") !== NEVER;
  }

  /** Takes back what has not happened yet, and lets a held thread go on. */
  clearStops(): void {
    this.#set("changeStop", NEVER);
    this.#set("byteStop", NEVER);
    this.release();
  }

  /** The interpreter's side: whether power goes before anything else changes. */
  losesPowerNow(): boolean {
    if (this.#stopKind("changeStopKind") !== "power") return false;
    return this.#takeStop("changeStop", this.changes);
  }

  /** The interpreter's side: counts a change; answers what happens after it. */
  countChange(): Stop | null {
    const changes = Atomics.add(this.#words, WORD.changes, 1) + 1;
    return this.#takeStop("changeStop", changes) ? this.#stopKind("changeStopKind") : null;
  }

  /** The serial line's side: how many bytes may be taken at once. */
  get bytesUntilStop(): number {
    const stop = this.#get("byteStop");
    return stop === NEVER || stop <= this.hostBytes ? Infinity : stop - this.hostBytes;
  }

  /** The serial line's side: counts bytes; answers what happens after them. */
  countBytes(count: number): Stop | null {
    const bytes = Atomics.add(this.#words, WORD.bytes, count) + count;
    return this.#takeStop("byteStop", bytes) ? this.#stopKind("byteStopKind") : null;
  }

  /** The held thread's side: tells the harness, and waits until it says to go on. */
  hold(tell: () => void): void {
    this.#set("held", 1);
    tell();
    Atomics.wait(this.#words, WORD.held, 1);
  }

  release(): void {
    this.#set("held", 0);
    Atomics.notify(this.#words, WORD.held);
  }

  /** Damages the line from now on; null mends it. */
  corruptLine(line: CorruptLine | null): void {
    this.#set("corruptEvery", 0);
    if (line === null) return;
    this.#set("corruption", CORRUPTIONS.indexOf(line.kind));
    this.#set("corruptSeed", line.seed | 0);
    this.#set("corruptEvery", line.everyBytes);
  }

  /** What the line carries to the host in a second; null for as much as it takes. */
  get bytesPerSecond(): number | null {
    return this.#get("bytesPerSecond") || null;
  }
  set bytesPerSecond(bytesPerSecond: number | null) {
    this.#set("bytesPerSecond", bytesPerSecond ?? 0);
  }

  /** The serial line's side: how many bytes fit into `room` whatever happens to them. */
  roomFor(room: number): number {
    const every = this.#get("corruptEvery");
    return every === 0 ? room : Math.max(0, room - Math.ceil(room / every) - 1);
  }

  /** The serial line's side: what arrives of `sent`, whose first byte is number `first`. */
  arriving(sent: Uint8Array<ArrayBuffer>, first: number): Uint8Array<ArrayBuffer> {
    const every = this.#get("corruptEvery");
    if (every === 0) return sent;
    const seed = this.#get("corruptSeed");
    const kind = CORRUPTIONS[this.#get("corruption")];
    const arrived: number[] = [];
    for (const [index, byte] of sent.entries()) {
      const number = first + index;
      const chance = scrambled(seed, Math.floor(number / every));
      if (number % every !== chance % every) {
        arrived.push(byte);
        continue;
      }
      Atomics.add(this.#words, WORD.corrupted, 1);
      if (kind === "flip") arrived.push(byte ^ (1 << ((chance >>> 16) & 7)));
      if (kind === "double") arrived.push(byte, byte);
    }
    return Uint8Array.from(arrived);
  }

  /** Whether the stop is due; it is so once. */
  #takeStop(word: "changeStop" | "byteStop", count: number): boolean {
    return Atomics.compareExchange(this.#words, WORD[word], count, NEVER) === count;
  }

  #stopKind(word: "changeStopKind" | "byteStopKind"): Stop {
    const stop = STOPS[this.#get(word)];
    if (stop === undefined) throw new Error(`No stop has the number ${this.#get(word)}`);
    return stop;
  }
}

/** An even spread of 32 bits over all pairs of seed and number (the finisher of MurmurHash3). */
function scrambled(seed: number, number: number): number {
  let bits = (seed ^ Math.imul(number + 1, 0x9e3779b1)) >>> 0;
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return (bits ^ (bits >>> 16)) >>> 0;
}
