/**
 * Staging: every new or changed file is written beside the installed ones and its hash computed on
 * the board. What an earlier attempt staged, with the right hash, counts.
 *
 * INVARIANTS
 * - Nothing outside the transaction's directory changes.
 * - The journal comes into being by a rename, and only when every staged file has its hash.
 */
import { UotaError } from "../../errors/mod.ts";
import type { Board, TreeEntry, WriteEntry } from "../../serial/mod.ts";
import type { Release } from "../release/mod.ts";
import type { Glance } from "./inspect.ts";
import { encodeJournal, journalSha256 } from "./journal.ts";
import {
  JOURNAL,
  JOURNAL_DRAFT,
  NEW_DIRECTORY,
  OLD_DIRECTORY,
  stagedPath,
  TRANSACTION_DIRECTORY,
} from "./paths_on_board.ts";
import type { Operation, Plan } from "./plan.ts";

export interface StageOptions {
  readonly signal: AbortSignal;
  /** Called as content arrives on the board; `path` is the file's name in the release. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

interface StagedFile {
  readonly entry: WriteEntry;
  readonly sha256: string;
}

/** A line that flips bits gets this many chances to carry a file whole. */
const ATTEMPTS = 4;

/**
 * Stages all of the plan's files and writes the journal; afterwards the commit needs nothing more
 * from the gateway.
 *
 * @throws {UotaError} `no_space` before anything was written, `verification_failed`
 */
export async function stage(
  board: Board,
  seen: Glance,
  plan: Plan,
  release: Release,
  options: StageOptions,
): Promise<void> {
  const files = plan.operations.flatMap((operation, index): StagedFile[] =>
    operation.kind === "put"
      ? [{
        entry: { path: stagedPath(index), content: operation.file.content },
        sha256: operation.file.sha256,
      }]
      : []
  );
  let missing: readonly StagedFile[] = files;
  if (seen.leftOvers) {
    await removeLeftOvers(board, files, options);
    missing = await withoutRightOnes(board, files, options);
  }
  const journal = encodeJournal(plan, release);
  await requireSpace(board, missing, journal.byteLength, plan.operations, release, options);
  await board.makeDirectories([TRANSACTION_DIRECTORY, NEW_DIRECTORY, OLD_DIRECTORY], options);

  const totalBytes = plan.putBytes;
  const missingBytes = missing.reduce((sum, { entry }) => sum + entry.content.byteLength, 0);
  let doneBytes = totalBytes - missingBytes;
  options.onProgress?.(doneBytes, totalBytes);
  const onProgress = (bytes: number) => {
    doneBytes = Math.min(doneBytes + bytes, totalBytes);
    options.onProgress?.(doneBytes, totalBytes);
  };
  await writeVerified(board, missing, { signal: options.signal, onProgress });
  await writeVerified(
    board,
    [{ entry: { path: JOURNAL_DRAFT, content: journal }, sha256: journalSha256(journal) }],
    { signal: options.signal },
  );
  await board.rename(JOURNAL_DRAFT, JOURNAL, options);
}

async function writeVerified(
  board: Board,
  files: readonly StagedFile[],
  options: { readonly signal: AbortSignal; readonly onProgress?: (bytes: number) => void },
): Promise<void> {
  let missing: readonly StagedFile[] = files;
  for (let attempt = 1; missing.length > 0; attempt++) {
    if (attempt > ATTEMPTS) {
      throw new UotaError(
        "verification_failed",
        `${missing.length} of ${files.length} files arrived damaged on the board on ${board.path}, ` +
          `${ATTEMPTS} times over; nothing was changed. Check the cable, or set a lower baud rate`,
      );
    }
    await board.writeFiles(missing.map(({ entry }) => entry), options);
    missing = await withoutRightOnes(board, missing, options);
  }
}

async function withoutRightOnes(
  board: Board,
  files: readonly StagedFile[],
  options: { readonly signal: AbortSignal },
): Promise<readonly StagedFile[]> {
  const states = await board.describe(files.map(({ entry }) => entry.path), options);
  return files.filter(({ sha256 }, index) => {
    const state = states[index];
    return state?.kind !== "file" || state.sha256 !== sha256;
  });
}

/**
 * Removes what an attempt at another plan staged, what a finished transaction left in `old`, and
 * what is in the way: a file where a directory belongs, or the other way round.
 */
async function removeLeftOvers(
  board: Board,
  files: readonly StagedFile[],
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const [root] = await board.stat([TRANSACTION_DIRECTORY], options);
  if (root?.kind !== "directory") return await board.removeTree(TRANSACTION_DIRECTORY, options);
  const expected = new Map<string, TreeEntry["kind"]>([
    ...files.map(({ entry }) => [entry.path, "file"] as const),
    [NEW_DIRECTORY, "directory"],
    [OLD_DIRECTORY, "directory"],
  ]);
  const entries = await board.walk(TRANSACTION_DIRECTORY, options);
  const stray = entries.filter(({ path, kind }) => expected.get(path) !== kind)
    .map(({ path }) => path);
  const outermost = stray.filter((path) => !stray.some((other) => path.startsWith(`${other}/`)));
  for (const path of outermost) await board.removeTree(path, options);
}

/** Blocks for each file's content and, at worst, one for each directory or entry that is made. */
async function requireSpace(
  board: Board,
  missing: readonly StagedFile[],
  journalBytes: number,
  operations: readonly Operation[],
  release: Release,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const space = await board.space(options);
  if (!space) return;
  const { blockBytes, freeBlocks } = space;
  const blocksOf = (bytes: number) => Math.ceil(bytes / blockBytes);
  const made = operations.filter(({ kind }) => kind === "make_directory").length;
  const needed = missing.reduce((sum, { entry }) => sum + blocksOf(entry.content.byteLength), 0) +
    blocksOf(journalBytes) + made + TRANSACTION_DIRECTORIES;
  const additional = blocksOf(release.additionalFreeKb * 1024);
  if (freeBlocks >= needed + additional) return;
  const kb = (blocks: number) => Math.ceil(blocks * blockBytes / 1024);
  const extra = additional > 0 ? ` and ${kb(additional)} kB that the release asks for besides` : "";
  throw new UotaError(
    "no_space",
    `The board on ${board.path} has ${kb(freeBlocks)} kB free; the release needs ${
      kb(needed)
    } kB ` +
      `for new files beside the old ones${extra}; nothing was changed. Free space on the board, or publish a smaller release`,
  );
}

const TRANSACTION_DIRECTORIES = 3;
