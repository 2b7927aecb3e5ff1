/**
 * Staging: every new or changed file is written beside the installed ones and its hash computed on
 * the board. What an earlier attempt staged, with the right hash, counts.
 *
 * INVARIANTS
 * - Nothing outside the transaction's directory changes.
 * - The journal comes into being by a rename, and only when every staged file has its hash.
 */
import { UotaError } from "../../errors/mod.ts";
import { type Board, sha256Hex, type TreeEntry, type WriteEntry } from "../../serial/mod.ts";
import type { Release } from "../release/mod.ts";
import type { Glance } from "./inspect.ts";
import { encodeJournal } from "./journal.ts";
import {
  DAMAGED,
  JOURNAL,
  JOURNAL_DRAFT,
  NEW_DIRECTORY,
  OLD_DIRECTORY,
  stagedPath,
  TRANSACTION_DIRECTORY,
} from "./paths_on_board.ts";
import { outermostOf } from "./path_set.ts";
import type { Plan } from "./plan.ts";

export interface StageOptions {
  readonly signal: AbortSignal;
  /** Called as content arrives on the board; `path` is the file's name in the release. */
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

/** One file on its way to its staged name. */
export interface StagedFile {
  readonly entry: WriteEntry;
  readonly sha256: string;
}

/** A line that flips bits gets this many chances to carry a file whole. */
const ATTEMPTS = 4;

/** What staging a plan needs, and what an earlier attempt has staged of it already. */
export interface Staging {
  readonly files: readonly StagedFile[];
  readonly missing: readonly StagedFile[];
  readonly journal: Uint8Array<ArrayBuffer>;
}

/** Looks at what is staged already, and removes what belongs to no or to another plan. */
export async function prepareStaging(
  board: Board,
  seen: Pick<Glance, "leftOvers">,
  options: { readonly plan: Plan; readonly release: Release; readonly signal: AbortSignal },
): Promise<Staging> {
  const { plan, release } = options;
  const files = plan.operations.flatMap((operation, index): StagedFile[] =>
    operation.kind === "put"
      ? [{
        entry: { path: stagedPath(index), content: operation.file.content },
        sha256: operation.file.sha256,
      }]
      : []
  );
  const journal = encodeJournal(plan, release);
  if (!seen.leftOvers) return { files, missing: files, journal };
  await removeLeftOvers(board, files, options);
  return { files, missing: await withoutRightOnes(board, files, options), journal };
}

/**
 * Stages what is missing and writes the journal; afterwards the commit needs nothing more from the
 * gateway.
 *
 * @throws {UotaError} `no_space`, `verification_failed`
 */
export async function stage(
  board: Board,
  staging: Staging,
  options: StageOptions,
): Promise<void> {
  const { files, missing, journal } = staging;
  await board.files.makeDirectories([TRANSACTION_DIRECTORY, NEW_DIRECTORY, OLD_DIRECTORY], options);
  const totalBytes = bytesOf(files);
  let doneBytes = totalBytes - bytesOf(missing);
  options.onProgress?.(doneBytes, totalBytes);
  const onProgress = (bytes: number) => {
    doneBytes = Math.min(doneBytes + bytes, totalBytes);
    options.onProgress?.(doneBytes, totalBytes);
  };
  await writeVerified(board, missing, { signal: options.signal, onProgress });
  await writeVerified(
    board,
    [{ entry: { path: JOURNAL_DRAFT, content: journal }, sha256: sha256Hex(journal) }],
    { signal: options.signal },
  );
  await board.files.rename(JOURNAL_DRAFT, JOURNAL, options);
}

function bytesOf(files: readonly StagedFile[]): number {
  return files.reduce((sum, { entry }) => sum + entry.content.byteLength - (entry.offset ?? 0), 0);
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
    await board.files.writeFiles(missing.map(({ entry }) => entry), options);
    missing = await withoutRightOnes(board, missing, options);
  }
}

/** The files whose content is not right yet, those that are there in part with how much of them is. */
async function withoutRightOnes(
  board: Board,
  files: readonly StagedFile[],
  options: { readonly signal: AbortSignal },
): Promise<readonly StagedFile[]> {
  const states = await board.files.describe(files.map(({ entry }) => entry.path), options);
  return files.flatMap(({ entry: { path, content }, sha256 }, index) => {
    const state = states[index];
    if (state?.kind === "file" && state.sha256 === sha256) return [];
    const there = state?.kind === "file" ? state.sizeBytes : 0;
    const isBeginning = state?.kind === "file" && there < content.byteLength &&
      sha256Hex(content.subarray(0, there)) === state.sha256;
    return [{ entry: { path, content, offset: isBeginning ? there : 0 }, sha256 }];
  });
}

/**
 * Removes what an attempt at another plan staged, what a finished transaction left in `old`, and
 * what is in the way: a file where a directory belongs, or the other way round. What says that the
 * board needs a repair stays.
 */
async function removeLeftOvers(
  board: Board,
  files: readonly StagedFile[],
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const [root] = await board.files.stat([TRANSACTION_DIRECTORY], options);
  if (root?.kind !== "directory") {
    return await board.files.removeTree(TRANSACTION_DIRECTORY, options);
  }
  const expected = new Map<string, TreeEntry["kind"]>([
    ...files.map(({ entry }) => [entry.path, "file"] as const),
    [NEW_DIRECTORY, "directory"],
    [OLD_DIRECTORY, "directory"],
    [DAMAGED, "file"],
  ]);
  const entries = await board.files.walk(TRANSACTION_DIRECTORY, options);
  const stray = entries.filter(({ path, kind }) => expected.get(path) !== kind)
    .map(({ path }) => path);
  for (const path of outermostOf(stray)) await board.files.removeTree(path, options);
}
