/** Writes tars with control of every header field, to make those that no tar program makes. */

import { gzipSync } from "node:zlib";

/** A member, or a block that stands for itself. */
export interface Entry {
  readonly name?: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** @default "0" */
  readonly typeflag?: string;
  readonly linkname?: string;
  /** Magic and version. @default POSIX */
  readonly magic?: string;
  readonly prefix?: string;
  /** The size field as it is written, where it is not the content's. */
  readonly size?: string | Uint8Array;
  /** Added to the right checksum. */
  readonly checksumError?: number;
}

/** The two zero blocks that end a tar. */
export const END = new Uint8Array(1024);

/** A whole tar. */
export function tar(...entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  return concat(...entries.map(member), END);
}

/** A gzip'd tar of these members. */
export function archive(...entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  return gzip(tar(...entries));
}

/** The content compressed. */
export function gzip(content: Uint8Array): Uint8Array<ArrayBuffer> {
  return new Uint8Array(gzipSync(content));
}

/** Header, content and padding of one member. */
export function member(entry: Entry): Uint8Array<ArrayBuffer> {
  const content = bytes(entry.content ?? "");
  const padding = new Uint8Array((512 - (content.byteLength % 512)) % 512);
  return concat(header(entry, content.byteLength), content, padding);
}

/** A pax header with these records for the member that follows. */
export function pax(
  records: Readonly<Record<string, string | Uint8Array>>,
  typeflag = "x",
): Entry {
  const content = concat(
    ...Object.entries(records).map(([key, value]) => paxRecord(key, bytes(value))),
  );
  return { name: "PaxHeaders/x", typeflag, content };
}

/** The chunks as one. */
export function concat(...chunks: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.byteLength;
  }
  return all;
}

function paxRecord(key: string, value: Uint8Array): Uint8Array {
  const body = concat(bytes(` ${key}=`), value, bytes("\n"));
  let length = body.byteLength;
  while (length !== body.byteLength + String(length).length) {
    length = body.byteLength + String(length).length;
  }
  return concat(bytes(String(length)), body);
}

function header(entry: Entry, sizeBytes: number): Uint8Array {
  const block = new Uint8Array(512);
  const put = (at: number, value: string | Uint8Array) => block.set(bytes(value), at);
  put(0, entry.name ?? "");
  put(100, "0000644\0");
  put(108, "0000000\0");
  put(116, "0000000\0");
  put(124, entry.size ?? `${sizeBytes.toString(8).padStart(11, "0")}\0`);
  put(136, "00000000000\0");
  put(148, " ".repeat(8));
  put(156, entry.typeflag ?? "0");
  put(157, entry.linkname ?? "");
  put(257, entry.magic ?? "ustar\x0000");
  put(345, entry.prefix ?? "");
  const checksum = block.reduce((sum, byte) => sum + byte, 0) + (entry.checksumError ?? 0);
  put(148, `${checksum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

function bytes(value: string | Uint8Array): Uint8Array {
  return typeof value === "string" ? new TextEncoder().encode(value) : value;
}
