/**
 * The little of WebAssembly's binary format that `wasm_image.ts` needs: sections, LEB128 numbers,
 * function bodies (WebAssembly core specification, chapter 5).
 */

/** Section numbers. */
export const section = {
  type: 1,
  import: 2,
  function: 3,
  memory: 5,
  global: 6,
  export: 7,
  code: 10,
} as const;

/** One section: its number and its content without the length. */
export interface WasmSection {
  readonly id: number;
  readonly payload: Uint8Array;
}

/** Reads bytes and numbers from the front. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  #at: number;

  constructor(bytes: Uint8Array, from = 0) {
    this.#bytes = bytes;
    this.#at = from;
  }

  /** Where the next byte is. */
  get position(): number {
    return this.#at;
  }

  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  /** @throws {RangeError} behind the end */
  byte(): number {
    const value = this.#bytes[this.#at++];
    if (value === undefined) throw new RangeError("The WebAssembly module ends early");
    return value;
  }

  /** An unsigned LEB128 number of up to 32 bits. */
  unsigned(): number {
    let value = 0;
    for (let shift = 0;; shift += 7) {
      const byte = this.byte();
      value += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) return value;
    }
  }

  advance(count: number): void {
    this.#at += count;
  }

  /** The next byte, which stays; `undefined` at the end. */
  peek(): number | undefined {
    return this.#bytes[this.#at];
  }

  take(count: number): Uint8Array {
    const taken = this.#bytes.subarray(this.#at, this.#at + count);
    if (taken.length < count) throw new RangeError("The WebAssembly module ends early");
    this.#at += count;
    return taken;
  }

  rest(): Uint8Array {
    return this.take(this.#bytes.length - this.#at);
  }
}

/** Collects bytes; made for many small pieces. */
export class ByteWriter {
  #bytes = new Uint8Array(4096);
  #length = 0;

  get written(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  byte(value: number): this {
    this.#makeRoom(1);
    this.#bytes[this.#length++] = value;
    return this;
  }

  /** An unsigned LEB128 number of up to 32 bits. */
  unsigned(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) this.byte((rest % 0x80) | 0x80);
    return this.byte(rest);
  }

  bytes(values: Uint8Array): this {
    this.#makeRoom(values.length);
    this.#bytes.set(values, this.#length);
    this.#length += values.length;
    return this;
  }

  clear(): void {
    this.#length = 0;
  }

  #makeRoom(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/** The sections of a module, in their order. */
export function takeApart(module: Uint8Array): WasmSection[] {
  const reader = new ByteReader(module.subarray(8));
  const sections: WasmSection[] = [];
  while (!reader.atEnd) {
    const id = reader.byte();
    sections.push({ id, payload: reader.take(reader.unsigned()) });
  }
  return sections;
}

export function joinBytes(...parts: readonly ArrayLike<number>[]): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}

export function unsignedLeb(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Uint8Array.from(bytes);
}

export function signedLeb(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value | 0;
  for (;;) {
    const low = rest & 0x7f;
    rest >>= 7;
    const signBit = (low & 0x40) !== 0;
    if ((rest === 0 && !signBit) || (rest === -1 && signBit)) {
      bytes.push(low);
      return Uint8Array.from(bytes);
    }
    bytes.push(low | 0x80);
  }
}

/** A function's body without locals of its own. */
export function functionBody(...code: readonly ArrayLike<number>[]): Uint8Array {
  const end = 0x0b;
  return joinBytes([0], ...code, [end]);
}
