/**
 * The blocks of a tar archive, decoded strictly: POSIX.1-1988 ustar, POSIX.1-2001 pax records, old
 * V7 and GNU tar's variants (GNU tar manual, "Basic Tar Format"). Pure; used by `tar.ts`.
 */

import { UotaError } from "../../errors/mod.ts";

/** Everything in a tar comes in blocks of this size, in bytes. */
export const BLOCK_BYTES = 512;

const NAME = { at: 0, length: 100 };
const SIZE = { at: 124, length: 12 };
const CHECKSUM = { at: 148, length: 8 };
const TYPEFLAG_AT = 156;
const MAGIC = { at: 257, length: 6 };
const PREFIX = { at: 345, length: 155 };

interface Field {
  readonly at: number;
  readonly length: number;
}

/** A header block. */
export interface TarHeader {
  /** The name's bytes, the ustar prefix joined; the encoding is not known here. */
  readonly name: Uint8Array;
  /** Size of the data that follows, in bytes. */
  readonly sizeBytes: number;
  /** The typeflag as a character; `0` for V7's NUL. */
  readonly typeflag: string;
}

/** Whether all bytes are zero, as in the blocks that end an archive. */
export function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}

/**
 * Decodes a header block.
 *
 * @throws {UotaError} `archive_invalid` for a wrong checksum or a size that is no number.
 */
export function decodeHeader(block: Uint8Array): TarHeader {
  if (decodeNumber(field(block, CHECKSUM)) !== checksum(block)) {
    throw new UotaError(
      "archive_invalid",
      "The tar in the archive is damaged: a header has a wrong checksum; make the archive again",
    );
  }
  const sizeBytes = decodeNumber(field(block, SIZE));
  if (sizeBytes === null) {
    throw new UotaError(
      "archive_invalid",
      "The tar in the archive is damaged: a member's size is negative, huge or no number",
    );
  }
  return {
    name: decodeName(block),
    sizeBytes,
    typeflag: String.fromCharCode(block[TYPEFLAG_AT] || 0x30),
  };
}

function decodeName(block: Uint8Array): Uint8Array {
  const name = untilNul(field(block, NAME));
  // Only POSIX ends its magic with NUL; GNU's blank says that other things stand in the prefix.
  const isPosix = new TextDecoder().decode(field(block, MAGIC)) === "ustar\0";
  const prefix = isPosix ? untilNul(field(block, PREFIX)) : new Uint8Array();
  if (prefix.byteLength === 0) return name;
  const joined = new Uint8Array(prefix.byteLength + 1 + name.byteLength);
  joined.set(prefix);
  joined[prefix.byteLength] = "/".charCodeAt(0);
  joined.set(name, prefix.byteLength + 1);
  return joined;
}

function field(block: Uint8Array, { at, length }: Field): Uint8Array {
  return block.subarray(at, at + length);
}

function untilNul(bytes: Uint8Array): Uint8Array {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** The sum of all bytes with the checksum's own field taken as blanks. */
function checksum(block: Uint8Array): number {
  const end = CHECKSUM.at + CHECKSUM.length;
  return block.reduce(
    (sum, byte, index) => sum + (index >= CHECKSUM.at && index < end ? 0x20 : byte),
    0,
  );
}

/** An octal number, or GNU's base 256; null where it is neither, negative, or beyond 2^53. */
function decodeNumber(bytes: Uint8Array): number | null {
  const first = bytes[0] ?? 0;
  if (first === 0x80) {
    const value = bytes.subarray(1).reduce((sum, byte) => sum * 256 + byte, 0);
    return Number.isSafeInteger(value) ? value : null;
  }
  const digits = /^ *([0-7]*)[ \0]*$/.exec(String.fromCharCode(...bytes))?.[1];
  return digits === undefined ? null : Number.parseInt(`0${digits}`, 8);
}

/**
 * Decodes the records of a pax header, `LENGTH KEY=VALUE\n` each (POSIX.1-2017, pax, "pax Extended
 * Header").
 *
 * @throws {UotaError} `archive_invalid` where a record does not have exactly that form; reading on
 * after one would let two readers see two archives.
 */
export function decodePaxRecords(data: Uint8Array): ReadonlyMap<string, Uint8Array> {
  const records = new Map<string, Uint8Array>();
  let at = 0;
  while (at < data.byteLength) {
    const space = data.indexOf(0x20, at);
    const digits = space === -1 ? "" : ascii(data.subarray(at, space));
    const end = /^[1-9][0-9]{0,8}$/.test(digits) ? at + Number(digits) : -1;
    const equals = data.indexOf(0x3d, space);
    if (end <= space || end > data.byteLength || data[end - 1] !== 0x0a) throw badPax();
    if (equals <= space + 1 || equals >= end) throw badPax();
    records.set(ascii(data.subarray(space + 1, equals)), data.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

/** Reads the decimal number of a pax record; null where it is none or beyond 2^53. */
export function decodePaxNumber(value: Uint8Array): number | null {
  const digits = ascii(value);
  const number = /^[0-9]+$/.test(digits) ? Number(digits) : NaN;
  return Number.isSafeInteger(number) ? number : null;
}

function ascii(bytes: Uint8Array): string {
  return new TextDecoder("latin1").decode(bytes);
}

function badPax(): UotaError {
  return new UotaError(
    "archive_invalid",
    "The tar in the archive is damaged: a pax header has a malformed record",
  );
}
