/**
 * What an archive holds, read without trusting it. Used by `verify.ts`.
 *
 * INVARIANTS
 * - Every path is normalised (see `paths.ts`) and unique, also for a file system that ignores case
 *   or how letters are composed; none is a file in one place and a directory in another.
 * - Memory is bounded by the limits, whatever the archive claims of itself.
 *
 * What a Mac adds is left out, as tar on a Mac does when it unpacks: AppleDouble files (`._x`, by
 * their magic number and not only their name), `.DS_Store` and `__MACOSX`. A board has no use for
 * them and little space. `skipped` names them.
 */

import { createHash } from "node:crypto";
import { UotaError } from "../../errors/mod.ts";
import { throwIfCancelled } from "./cancelled.ts";
import { inflate } from "./gzip.ts";
import { comparisonKey, normalisePath, parentDirectories } from "./paths.ts";
import { quote } from "./quote.ts";
import { type TarMember, TarReader } from "./tar.ts";

/** A file out of an archive. */
export interface ArchivedFile {
  /** Relative, `/`-separated, normalised. */
  readonly path: string;
  readonly content: Uint8Array;
  /** SHA-256 of the content, 64 lower-case hex digits. */
  readonly sha256: string;
}

/** What an archive holds. */
export interface UnpackedArchive {
  /** Sorted by path. */
  readonly files: readonly ArchivedFile[];
  /** With an entry of their own, or implied by a file below them; sorted, parents first. */
  readonly directories: readonly string[];
  /** Members left out because only a Mac has a use for them. */
  readonly skipped: readonly string[];
}

/** Bounds of {@linkcode unpackArchive}. */
export interface UnpackOptions {
  /** Inflated bytes, the tar's own blocks included. @default 67108864 (64 MiB) */
  readonly unpackedBytes?: number | undefined;
  /** Files, and as many directories. @default 2000 */
  readonly files?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

const DEFAULT_UNPACKED_BYTES = 64 * 1024 * 1024;
const DEFAULT_FILES = 2000;

/**
 * Unpacks a gzip'd tar in memory.
 *
 * @throws {UotaError} `archive_unsafe` where it could do harm, `archive_invalid` where it is
 * broken or empty, `cancelled`.
 */
export async function unpackArchive(
  archive: Uint8Array | AsyncIterable<Uint8Array>,
  options: UnpackOptions = {},
): Promise<UnpackedArchive> {
  const { unpackedBytes = DEFAULT_UNPACKED_BYTES, files = DEFAULT_FILES, signal } = options;
  const reader = new TarReader({ maxMemberBytes: unpackedBytes });
  const tree = new Tree(files);
  for await (const chunk of inflate(archive, { maxBytes: unpackedBytes, signal })) {
    throwIfCancelled("unpacking the archive", signal);
    for (const member of reader.push(chunk)) tree.add(member);
  }
  reader.finish();
  return tree.unpacked();
}

/** The members so far, and which paths they occupy. */
class Tree {
  readonly #maxEntries: number;
  readonly #files = new Map<string, ArchivedFile>();
  readonly #skipped: string[] = [];
  /** By comparison key: what is there, as it was written first. */
  readonly #occupied = new Map<string, { readonly path: string; readonly isFile: boolean }>();

  constructor(maxEntries: number) {
    this.#maxEntries = maxEntries;
  }

  add(member: TarMember): void {
    // tar -czf x.tgz . has an entry for the root itself.
    if (member.kind === "directory" && /^(\.?\/)*\.?$/.test(member.name)) {
      if (!member.name.startsWith("/")) return;
    }
    const path = normalisePath(member.name);
    if (isForMacs(path, member.content)) {
      this.#skipped.push(path);
      return;
    }
    for (const parent of parentDirectories(path)) this.#occupyDirectory(parent);
    if (member.kind === "directory") return this.#occupyDirectory(path);
    this.#occupyFile(path);
    const sha256 = createHash("sha256").update(member.content).digest("hex");
    this.#files.set(path, { path, content: member.content, sha256 });
  }

  unpacked(): UnpackedArchive {
    if (this.#files.size === 0) {
      throw new UotaError(
        "archive_invalid",
        "The archive is empty; make it in the project's directory with tar -czf firmware.tar.gz *",
      );
    }
    const directories = [...this.#occupied.values()].filter(({ isFile }) => !isFile);
    return {
      files: [...this.#files.values()].sort((a, b) => byCodeUnits(a.path, b.path)),
      directories: directories.map(({ path }) => path).sort(byCodeUnits),
      skipped: this.#skipped,
    };
  }

  #occupyDirectory(path: string): void {
    const there = this.#occupied.get(comparisonKey(path));
    if (there === undefined) {
      this.#occupied.set(comparisonKey(path), { path, isFile: false });
      this.#refuseTooMany("directories", this.#occupied.size - this.#files.size);
    } else if (there.isFile) {
      throw unsafe(`${quote(there.path)} as a file and as a directory`);
    } else if (there.path !== path) {
      throw indistinct(there.path, path);
    }
  }

  #occupyFile(path: string): void {
    const there = this.#occupied.get(comparisonKey(path));
    if (there?.isFile === false) throw unsafe(`${quote(path)} as a file and as a directory`);
    if (there?.path === path) throw unsafe(`the file ${quote(path)} twice`);
    if (there !== undefined) throw indistinct(there.path, path);
    this.#occupied.set(comparisonKey(path), { path, isFile: true });
    this.#refuseTooMany("files", this.#files.size + 1);
  }

  #refuseTooMany(what: string, count: number): void {
    if (count <= this.#maxEntries) return;
    throw unsafe(`more than the limit of ${this.#maxEntries} ${what}`);
  }
}

/** AppleDouble's magic number (RFC 1740, appendix A). */
const APPLE_DOUBLE = [0x00, 0x05, 0x16, 0x07];

function isForMacs(path: string, content: Uint8Array): boolean {
  const parts = path.split("/");
  const name = parts.at(-1) ?? "";
  if (name === ".DS_Store" || parts.includes("__MACOSX")) return true;
  return name.startsWith("._") && APPLE_DOUBLE.every((byte, index) => content[index] === byte);
}

function byCodeUnits(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function unsafe(what: string): UotaError {
  return new UotaError("archive_unsafe", `The archive holds ${what}`);
}

function indistinct(a: string, b: string): UotaError {
  return unsafe(
    `${quote(a)} and ${quote(b)}, which are one name on some boards (they differ only in case, ` +
      `in how letters are composed, or in dots or spaces at the end); rename one`,
  );
}
