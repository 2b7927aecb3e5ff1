/**
 * Inflates a gzip (RFC 1952) in bounded memory. Used by `archive.ts`.
 *
 * INVARIANTS
 * - What comes out is counted as it comes, so that a bomb is stopped at the limit, not after it.
 * - The end without an error means: every member's CRC and length held, and nothing follows them.
 */

import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { cancelled } from "./cancelled.ts";
import { quote } from "./quote.ts";

/** Bounds of {@linkcode inflate}. */
export interface InflateOptions {
  /** The most that may come out, in bytes. */
  readonly maxBytes: number;
  readonly signal?: AbortSignal | undefined;
}

/** How much is taken from an array of bytes at a time. */
const CHUNK_BYTES = 64 * 1024;

/** Enough of the beginning to tell formats apart: a tar has its magic at 257. */
const SNIFFED_BYTES = 512;

/**
 * DEFLATE reaches 1032 to 1, firmware 3 to 10, a tar of empty files some 100. More than this after
 * {@linkcode RATIO_FREE_BYTES} was made to fill memory.
 */
const MAX_RATIO = 300;
const RATIO_FREE_BYTES = 4 * 1024 * 1024;

/**
 * The inflated bytes of `source`, in chunks. Members that follow one another are one stream, as
 * gzip has it.
 *
 * @throws {UotaError} `archive_invalid` where it is no gzip, damaged, cut short or followed by
 * something; `archive_unsafe` where it inflates beyond the bounds; `cancelled`.
 */
export async function* inflate(
  source: Uint8Array | AsyncIterable<Uint8Array>,
  { maxBytes, signal }: InflateOptions,
): AsyncGenerator<Uint8Array> {
  const fed = { bytes: 0 };
  const gunzip = createGunzip();
  const stop = new AbortController();
  const feeding = pipeline(Readable.from(counted(gzipOnly(chunksOf(source)), fed)), gunzip, {
    signal: signal === undefined ? stop.signal : AbortSignal.any([signal, stop.signal]),
  });
  // Its failure destroys the gunzip, so that the loop below throws it.
  feeding.catch(() => {});
  let inflatedBytes = 0;
  try {
    for await (const chunk of gunzip) {
      inflatedBytes += chunk.byteLength;
      refuseBomb(inflatedBytes, fed.bytes, maxBytes);
      yield chunk;
    }
    await feeding;
  } catch (error) {
    if (signal?.aborted) throw cancelled("unpacking the archive", signal);
    throw error instanceof UotaError ? error : gzipError(error);
  } finally {
    stop.abort();
    gunzip.destroy();
  }
  // zlib passes over zeros after the last member without counting them as read.
  if (gunzip.bytesWritten !== fed.bytes) throw trailing();
}

function refuseBomb(inflatedBytes: number, fedBytes: number, maxBytes: number): void {
  if (inflatedBytes > maxBytes) {
    throw new UotaError(
      "archive_unsafe",
      `The archive unpacks to more than the limit of ${maxBytes} bytes`,
    );
  }
  if (inflatedBytes > RATIO_FREE_BYTES && inflatedBytes > fedBytes * MAX_RATIO) {
    throw new UotaError(
      "archive_unsafe",
      `The archive unpacks to more than ${MAX_RATIO} times its size, as only archives do that ` +
        `are made to fill a memory`,
    );
  }
}

async function* chunksOf(
  source: Uint8Array | AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array> {
  if (!(source instanceof Uint8Array)) return yield* source;
  for (let at = 0; at < source.byteLength; at += CHUNK_BYTES) {
    yield source.subarray(at, at + CHUNK_BYTES);
  }
}

async function* counted(
  chunks: AsyncIterable<Uint8Array>,
  fed: { bytes: number },
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    fed.bytes += chunk.byteLength;
    yield chunk;
  }
}

/** Passes chunks on once the first bytes are those of a gzip. */
async function* gzipOnly(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let start = new Uint8Array();
  let passed = false;
  for await (const chunk of chunks) {
    if (passed) {
      yield chunk;
      continue;
    }
    start = joined(start, chunk);
    passed = start.byteLength >= SNIFFED_BYTES;
    if (passed) yield requireGzip(start);
  }
  if (!passed) yield requireGzip(start);
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const both = new Uint8Array(a.byteLength + b.byteLength);
  both.set(a);
  both.set(b, a.byteLength);
  return both;
}

function requireGzip(start: Uint8Array): Uint8Array {
  if (start[0] === 0x1f && start[1] === 0x8b) return start;
  throw new UotaError(
    "archive_invalid",
    `The archive is not a gzip'd tar but ${lookOf(start)}; make it with tar -czf firmware.tar.gz *`,
  );
}

/** What a file that is no gzip seems to be, by the first bytes. */
function lookOf(start: Uint8Array): string {
  const latin = new TextDecoder("latin1").decode(start);
  if (start.byteLength === 0) return "an empty file";
  if (latin.startsWith("PK")) return "a zip file";
  if (latin.startsWith("\u00fd7zXZ")) return "a tar compressed with xz";
  if (latin.startsWith("BZh")) return "a tar compressed with bzip2";
  if (latin.startsWith("(\u00b5/\u00fd")) return "a file compressed with zstd";
  if (latin.slice(257, 262) === "ustar") return "a plain tar without gzip";
  if (latin.trimStart().startsWith("<")) {
    return `a web page (it begins ${quote(latin.trimStart())})`;
  }
  if (latin.startsWith("version https://git-lfs")) return "a Git LFS pointer";
  return `something else (it begins ${quote(latin.slice(0, 16))})`;
}

function gzipError(error: unknown): UotaError {
  const reason = messageOf(error);
  // The first header was seen to be one, so this one stands after a complete member.
  if (reason.includes("incorrect header check")) return trailing(error);
  return new UotaError(
    "archive_invalid",
    reason.includes("unexpected end of file")
      ? "The archive is cut short: its gzip ends too early; upload or download it again"
      : reason.includes("incorrect data check") || reason.includes("incorrect length check")
      ? `The archive is damaged: its gzip checksum or length is wrong; upload it again`
      : `The archive is damaged: its gzip cannot be read (${reason}); upload it again`,
    { cause: error },
  );
}

function trailing(cause?: unknown): UotaError {
  return new UotaError(
    "archive_invalid",
    "The archive has something after the end of its gzip; make it again",
    { cause },
  );
}
