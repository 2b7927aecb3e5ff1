/**
 * How files are cut into scripts: several small ones share a script, a large one takes several.
 * Every script is a round trip, and each ends only when its bytes are written.
 */
import type { Transfer } from "./literal.ts";
import type { Call } from "./script_runner.ts";

/** A file to write: its path and its whole content. */
export interface WriteEntry {
  /** Where to, without a leading slash; its directory exists. */
  readonly path: string;
  /** All of it. */
  readonly content: Uint8Array;
  /** How many bytes of it are there already. Not for flat boards. @default 0 */
  readonly offset?: number;
}

/** The calls of one script, what they carry, and how many files are complete after them. */
export interface WritePack {
  readonly calls: readonly Call[];
  readonly contentBytes: number;
  readonly filesEnded: number;
}

/** What a call costs besides its content: its text, and the names that the compiler interns. */
const CALL_BYTES = 24;

/** No board is asked to take less at once. */
export const SMALLEST_CHUNK_BYTES = 64;
const LARGEST_CHUNK_BYTES = 4096;

/**
 * A literal is read into a buffer, becomes an object and passes the compiler, so a chunk needs a
 * few times its size; in plain raw mode the whole script is buffered besides.
 */
export function chunkFor(freeHeapBytes: number, transfer: Transfer): number {
  const share = freeHeapBytes / (transfer === "raw_paste" ? 10 : 16);
  return Math.min(
    LARGEST_CHUNK_BYTES,
    Math.max(SMALLEST_CHUNK_BYTES, 2 ** Math.floor(Math.log2(share))),
  );
}

/**
 * Cuts `entries` into scripts, none with more than `chunkBytes` of content, for `on_board/files.py`
 * or where `flat` for `on_board/files_flat.py`.
 */
export function* packWrites(
  entries: readonly WriteEntry[],
  { chunkBytes, flat }: { readonly chunkBytes: number; readonly flat: boolean },
): Generator<WritePack> {
  let calls: Call[] = [];
  let contentBytes = 0;
  let filesEnded = 0;
  let load = 0;
  const flush = function* (): Generator<WritePack> {
    if (calls.length === 0) return;
    yield { calls, contentBytes, filesEnded };
    calls = [];
    contentBytes = filesEnded = load = 0;
  };
  for (const { path, content, offset: start = 0 } of entries) {
    // A file that takes several scripts shares none of them.
    const isLarge = content.byteLength - start > chunkBytes;
    const cost = path.length + CALL_BYTES + content.byteLength - start;
    if (isLarge || load + cost > chunkBytes) yield* flush();
    if (flat) calls.push({ name: "begin", values: [path] });
    let offset = start;
    do {
      const chunk = content.subarray(offset, offset + chunkBytes);
      if (!flat) calls.push({ name: "part", values: [path, offset, chunk] });
      else if (chunk.byteLength > 0) calls.push({ name: "more", values: [chunk] });
      contentBytes += chunk.byteLength;
      offset += chunk.byteLength;
      if (offset < content.byteLength) yield* flush();
    } while (offset < content.byteLength);
    if (flat) calls.push({ name: "end", values: [] });
    filesEnded++;
    load += cost;
    if (isLarge) yield* flush();
  }
  yield* flush();
}
