/**
 * How files are cut into scripts: several small ones share a script, a large one takes several.
 * Every script is a round trip, and each ends only when its bytes are written.
 */
import type { python, Transfer } from "./literal.ts";
import type { Script } from "./script.ts";

/** A file to write: its path and its whole content. */
export interface WriteEntry {
  /** Where to, without a leading slash; its directory exists. */
  readonly path: string;
  /** All of it. */
  readonly content: Uint8Array;
}

/** One script, what it carries, and how many files are complete after it. */
export interface WritePack {
  readonly source: Script;
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

/** Cuts `entries` into scripts for `on_board/write.py`, none with more than `chunkBytes` of content. */
export function* packWrites(
  entries: readonly WriteEntry[],
  py: ReturnType<typeof python>,
  chunkBytes: number,
): Generator<WritePack> {
  let calls: Script[] = [];
  let contentBytes = 0;
  let filesEnded = 0;
  let load = 0;
  const flush = function* (): Generator<WritePack> {
    if (calls.length === 0) return;
    yield { source: joinLines(calls), contentBytes, filesEnded };
    calls = [];
    contentBytes = filesEnded = load = 0;
  };
  for (const { path, content } of entries) {
    const cost = content.byteLength + path.length + CALL_BYTES;
    if (load > 0 && load + cost > chunkBytes) yield* flush();
    if (content.byteLength <= chunkBytes) {
      calls.push(py`whole(${path},${content})`);
      contentBytes += content.byteLength;
      filesEnded++;
      load += cost;
      continue;
    }
    calls.push(py`begin(${path})`);
    for (let at = 0; at < content.byteLength; at += chunkBytes) {
      const chunk = content.subarray(at, at + chunkBytes);
      calls.push(py`more(${chunk})`);
      contentBytes += chunk.byteLength;
      if (at + chunkBytes >= content.byteLength) {
        calls.push(py`end()`);
        filesEnded++;
      }
      yield* flush();
    }
  }
  yield* flush();
}

function joinLines(lines: readonly Script[]): Script {
  const text = new Uint8Array(lines.reduce((sum, line) => sum + line.byteLength + 1, 0));
  let at = 0;
  for (const line of lines) {
    text.set(line, at);
    at += line.byteLength;
    text[at++] = 0x0a;
  }
  return text;
}
