/**
 * Members of a tar, from chunks of any size as they are inflated. Used by `archive.ts`.
 *
 * Written here rather than taken from the tar-stream package, which reads on after the
 * end-of-archive blocks, ends quietly without them, skips malformed pax records and replaces
 * invalid UTF-8: each would let an archive mean one thing here and another to the publisher's tar.
 *
 * INVARIANTS
 * - Only files and directories come out. Every other type, also an unknown one, is refused.
 * - Memory is bounded by the limit on one member and on the data of an extended header.
 * - Names come out as they are written; `paths.ts` judges them.
 */

import { UotaError } from "../../errors/mod.ts";
import { quote } from "./quote.ts";
import {
  BLOCK_BYTES,
  decodeHeader,
  decodePaxNumber,
  decodePaxRecords,
  isZero,
  type TarHeader,
} from "./tar_header.ts";

/** A file or directory as the archive holds it. */
export interface TarMember {
  readonly kind: "file" | "directory";
  /** As written, valid UTF-8, perhaps with `./` before and `/` after it. */
  readonly name: string;
  /** Empty for directories. */
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The most that an extended header (a long name, pax records) may hold, in bytes. */
const MAX_EXTENSION_BYTES = 1024 * 1024;

/** What is refused, by its typeflag. */
const REFUSED_TYPES: Readonly<Record<string, string>> = {
  "1": "a hard link",
  "2": "a symbolic link",
  "3": "a character device",
  "4": "a block device",
  "6": "a FIFO",
  "7": "a contiguous file",
  "D": "a GNU dump directory",
  "M": "a continued file of a multi-volume tar",
  "S": "a GNU sparse file",
  "V": "a volume label",
  "s": "a socket",
};

/** Data that is being collected: a member's content, or the data of an extended header. */
interface Collecting {
  readonly typeflag: string;
  /** Already final for members; not used for extended headers. */
  readonly name: string;
  readonly data: Uint8Array<ArrayBuffer>;
  filledBytes: number;
  /** Up to the next block. */
  paddingBytes: number;
}

/** What extended headers said of the member to come. */
interface Extension {
  readonly longName?: Uint8Array;
  readonly pax?: ReadonlyMap<string, Uint8Array>;
}

/** Takes a tar in chunks and gives its members. */
export class TarReader {
  readonly #maxMemberBytes: number;
  readonly #block = new Uint8Array(BLOCK_BYTES);
  #blockFilledBytes = 0;
  #collecting: Collecting | null = null;
  #extension: Extension = {};
  #zeroBlocks = 0;

  constructor(options: { readonly maxMemberBytes: number }) {
    this.#maxMemberBytes = options.maxMemberBytes;
  }

  /**
   * The members that the chunk completes.
   *
   * @throws {UotaError} `archive_invalid` or `archive_unsafe`; the reader is of no use afterwards.
   */
  *push(chunk: Uint8Array): Generator<TarMember, void> {
    let rest = chunk;
    while (rest.byteLength > 0) {
      if (this.#collecting === null) {
        const taken = rest.subarray(0, BLOCK_BYTES - this.#blockFilledBytes);
        this.#block.set(taken, this.#blockFilledBytes);
        this.#blockFilledBytes += taken.byteLength;
        rest = rest.subarray(taken.byteLength);
        if (this.#blockFilledBytes < BLOCK_BYTES) return;
        this.#blockFilledBytes = 0;
        this.#takeBlock();
      } else {
        rest = collect(this.#collecting, rest);
      }
      const member = this.#completed();
      if (member !== null) yield member;
    }
  }

  /**
   * Says that no chunk follows. POSIX ends an archive with two zero blocks, and every tar writes
   * them: without them, the program that wrote the tar was cut off.
   *
   * @throws {UotaError} `archive_invalid` where the tar is cut short.
   */
  finish(): void {
    if (this.#collecting === null && this.#blockFilledBytes === 0 && this.#zeroBlocks >= 2) return;
    throw new UotaError(
      "archive_invalid",
      this.#collecting === null && this.#blockFilledBytes === 0
        ? "The tar in the archive lacks the two zero blocks at its end: whatever wrote it was " +
          "cut off; make the archive again"
        : "The tar in the archive ends in the middle of a member; make the archive again",
    );
  }

  #takeBlock(): void {
    if (isZero(this.#block)) {
      if (this.#extension.longName !== undefined || this.#extension.pax !== undefined) {
        throw invalid("an extended header is followed by no member");
      }
      this.#zeroBlocks += 1;
      return;
    }
    if (this.#zeroBlocks > 0) {
      throw new UotaError(
        "archive_unsafe",
        "The tar in the archive goes on after its end, with data that tar does not unpack",
      );
    }
    const header = decodeHeader(this.#block);
    if (header.typeflag === "x" || header.typeflag === "g" || isLong(header.typeflag)) {
      this.#startExtension(header);
    } else {
      this.#startMember(header);
    }
  }

  #startExtension({ typeflag, sizeBytes }: TarHeader): void {
    if (sizeBytes > MAX_EXTENSION_BYTES) {
      throw new UotaError(
        "archive_unsafe",
        `The tar in the archive has an extended header of ${sizeBytes} bytes, ` +
          `more than ${MAX_EXTENSION_BYTES}`,
      );
    }
    this.#collecting = collecting(typeflag, "", sizeBytes);
  }

  #startMember(header: TarHeader): void {
    const { longName, pax } = this.#extension;
    this.#extension = {};
    const name = decodeUtf8(present(pax?.get("path")) ?? longName ?? header.name);
    const refused = REFUSED_TYPES[header.typeflag];
    if (refused !== undefined || !/[05]/.test(header.typeflag)) {
      throw new UotaError(
        "archive_unsafe",
        `The archive holds ${refused ?? `a member of unknown type ${quote(header.typeflag)}`}, ` +
          `${quote(name)}; only files and directories can be installed`,
      );
    }
    const paxSize = present(pax?.get("size"));
    const sizeBytes = paxSize === undefined ? header.sizeBytes : decodePaxNumber(paxSize);
    if (sizeBytes === null) throw invalid(`the pax size of ${quote(name)} is no number`);
    // V7 has no type for directories, but a slash at the end of the name.
    const isDirectory = header.typeflag === "5" || name.endsWith("/");
    if (isDirectory && sizeBytes !== 0) throw invalid(`the directory ${quote(name)} has content`);
    if (sizeBytes > this.#maxMemberBytes) {
      throw new UotaError(
        "archive_unsafe",
        `The archive holds ${quote(name)} of ${sizeBytes} bytes, more than the limit of ` +
          `${this.#maxMemberBytes}`,
      );
    }
    this.#collecting = collecting(isDirectory ? "5" : "0", name, sizeBytes);
  }

  #completed(): TarMember | null {
    const done = this.#collecting;
    if (done === null || done.filledBytes < done.data.byteLength || done.paddingBytes > 0) {
      return null;
    }
    this.#collecting = null;
    if (done.typeflag === "0") return { kind: "file", name: done.name, content: done.data };
    if (done.typeflag === "5") return { kind: "directory", name: done.name, content: done.data };
    this.#takeExtension(done);
    return null;
  }

  #takeExtension({ typeflag, data }: Collecting): void {
    // The name of a link's target; links are refused when their member comes.
    if (typeflag === "K") return;
    if (typeflag === "L") {
      if (this.#extension.longName !== undefined) throw invalid("a member has two long names");
      this.#extension = { ...this.#extension, longName: withoutNul(data) };
      return;
    }
    const records = decodePaxRecords(data);
    if ([...records.keys()].some((key) => key.startsWith("GNU.sparse."))) {
      throw new UotaError(
        "archive_unsafe",
        "The archive holds a sparse file; make it without tar's --sparse",
      );
    }
    if (typeflag === "g") {
      // git archive writes its commit into a global header; that is the use there is for one.
      if (records.has("path") || records.has("size") || records.has("linkpath")) {
        throw new UotaError(
          "archive_unsafe",
          "The tar in the archive sets one name or size for all its members",
        );
      }
      return;
    }
    if (this.#extension.pax !== undefined) throw invalid("a member has two pax headers");
    this.#extension = { ...this.#extension, pax: records };
  }
}

function isLong(typeflag: string): boolean {
  return typeflag === "L" || typeflag === "K";
}

function collecting(typeflag: string, name: string, sizeBytes: number): Collecting {
  const paddingBytes = (BLOCK_BYTES - (sizeBytes % BLOCK_BYTES)) % BLOCK_BYTES;
  return { typeflag, name, data: new Uint8Array(sizeBytes), filledBytes: 0, paddingBytes };
}

/** Moves what belongs to the data and its padding; gives back the rest. */
function collect(into: Collecting, chunk: Uint8Array): Uint8Array {
  const taken = chunk.subarray(0, into.data.byteLength - into.filledBytes);
  into.data.set(taken, into.filledBytes);
  into.filledBytes += taken.byteLength;
  const rest = chunk.subarray(taken.byteLength);
  const skippedBytes = Math.min(rest.byteLength, into.paddingBytes);
  into.paddingBytes -= skippedBytes;
  return rest.subarray(skippedBytes);
}

/** An empty pax value takes back an earlier one (POSIX.1-2017, pax). */
function present(value: Uint8Array | undefined): Uint8Array | undefined {
  return value?.byteLength === 0 ? undefined : value;
}

/** GNU tar ends a long name with one NUL. */
function withoutNul(data: Uint8Array): Uint8Array {
  return data.at(-1) === 0 ? data.subarray(0, -1) : data;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new UotaError(
      "archive_unsafe",
      `The archive has a name that is not UTF-8, ${quote(new TextDecoder().decode(bytes))}; ` +
        `rename the file`,
      { cause },
    );
  }
}

function invalid(what: string): UotaError {
  return new UotaError("archive_invalid", `The tar in the archive is damaged: ${what}`);
}
