/**
 * Replacing files where they are, `version` last, while the gateway keeps what is replaced: the way
 * of boards that have neither directories nor rename (BBC micro:bit), and of those whose flash does
 * not hold the new files beside the old ones.
 *
 * INVARIANTS
 * - Before a file is touched, its old content is in a backup that the caller has saved.
 * - A failure that leaves the line intact ends with the old files back in place. After a cut the
 *   backup is put back, or where it was lost the release is carried through: `version` is still the
 *   old one then.
 */
import { messageOf, UotaError } from "../../errors/mod.ts";
import { type Board, sha256Hex } from "../../serial/mod.ts";
import type { Backup } from "./backup.ts";
import type { Inspection } from "./inspect.ts";
import type { Operation, Plan } from "./plan.ts";
import { growthOf } from "./space.ts";

export interface InPlaceOptions {
  readonly signal: AbortSignal;
  readonly onProgress?: (doneBytes: number, totalBytes: number) => void;
}

const ATTEMPTS = 4;

/** Carries out the plan file by file; puts the backup back when that fails. */
export async function installInPlace(
  board: Board,
  inspection: Inspection,
  plan: Plan,
  backup: Backup,
  options: InPlaceOptions,
): Promise<void> {
  let doneBytes = 0;
  try {
    for (const operation of inOrderOfSpace(plan, inspection)) {
      await carryOut(board, operation, options);
      if (operation.kind === "put") doneBytes += operation.file.content.byteLength;
      options.onProgress?.(doneBytes, plan.putBytes);
    }
  } catch (error) {
    await putBackAfter(board, backup, error);
    throw error;
  }
}

/** Brings every path of the backup to its old state. */
export async function putBack(
  board: Board,
  backup: Backup,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  for (const { path, kind } of [...backup.entries].reverse()) {
    if (kind === "missing") await removeIfOurs(board, path, options);
  }
  const directories = backup.entries.filter(({ kind }) => kind === "directory");
  for (const { path } of directories) {
    const [state] = await board.files.stat([path], options);
    if (state?.kind === "file") await board.files.removeTree(path, options);
    if (state?.kind !== "directory") await board.files.makeDirectories([path], options);
  }
  for (const entry of backup.entries) {
    if (entry.kind !== "file") continue;
    await replaceFile(board, entry.path, Uint8Array.fromBase64(entry.content), options);
  }
}

/** What must go first goes first; among the files, those that shrink; `version` stays last. */
function inOrderOfSpace(plan: Plan, { states }: Inspection): readonly Operation[] {
  const growth = (operation: Operation) => growthOf(operation, states, (bytes) => bytes);
  const isVersion = ({ path }: Operation) => path === "version";
  const puts = plan.operations.filter((operation) =>
    operation.kind === "put" && !isVersion(operation)
  );
  return [
    ...plan.operations.filter(({ kind }) => kind !== "put"),
    ...puts.toSorted((a, b) => growth(a) - growth(b)),
    ...plan.operations.filter((operation) => operation.kind === "put" && isVersion(operation)),
  ];
}

async function carryOut(
  board: Board,
  operation: Operation,
  options: InPlaceOptions,
): Promise<void> {
  switch (operation.kind) {
    case "delete":
      await board.files.removeTree(operation.path, options);
      return;
    case "make_directory":
      await board.files.makeDirectories([operation.path], options);
      return;
    case "put":
      await replaceFile(board, operation.path, operation.file.content, options);
      return;
  }
}

async function replaceFile(
  board: Board,
  path: string,
  content: Uint8Array,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const { signal } = options;
  const sha256 = sha256Hex(content);
  for (let attempt = 0; attempt <= ATTEMPTS; attempt++) {
    const [state] = await board.files.describe([path], { signal });
    if (state?.kind === "file" && state.sha256 === sha256) return;
    if (attempt === ATTEMPTS) break;
    // LittleFS keeps a file's old blocks until the new content is closed, and both may not fit.
    if (state?.kind !== "missing") await board.files.removeTree(path, { signal });
    await board.files.writeFiles([{ path, content }], { signal });
  }
  throw new UotaError(
    "verification_failed",
    `${path} arrived damaged on the board on ${board.path}, ${ATTEMPTS} times over; ` +
      "check the cable",
  );
}

/** A directory that the board's program has put something into is not ours any more. */
async function removeIfOurs(
  board: Board,
  path: string,
  options: { readonly signal: AbortSignal },
): Promise<void> {
  const [state] = await board.files.stat([path], options);
  if (state?.kind === "file") await board.files.removeTree(path, options);
  if (state?.kind === "directory" && (await board.files.walk(path, options)).length === 0) {
    await board.files.removeTree(path, options);
  }
}

/** Cancelling must not leave the board between two releases. */
async function putBackAfter(board: Board, backup: Backup, reason: unknown): Promise<void> {
  try {
    const options = { signal: new AbortController().signal };
    // The board may have half a script: of a write that was cancelled, or that lost bytes.
    await board.resynchronise(options);
    await putBack(board, backup, options);
  } catch (error) {
    throw new UotaError(
      "unfinished_transaction",
      `${messageOf(reason)}. The old files could not all be put back (${messageOf(error)}); ` +
        "the gateway keeps them and settles the board at its next visit",
      { cause: reason },
    );
  }
}
