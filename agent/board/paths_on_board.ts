/** Where a transaction keeps its files on the board; relative to its root. */
export const TRANSACTION_DIRECTORY = ".uota";
export const NEW_DIRECTORY = ".uota/new";
export const OLD_DIRECTORY = ".uota/old";
/** Its existence means: the staged files are complete, and the commit may have begun. */
export const JOURNAL = ".uota/journal";
/** The journal once the release is in place; its predecessor is in `old` until the next visit. */
export const COMMITTED = ".uota/committed";
/** The journal while it is carried backward. */
export const ROLLBACK = ".uota/rollback";
/**
 * A journal of any kind that the board's file system has damaged. As long as it is there, the
 * installed files may be of two releases, and only a whole installation makes an end of it.
 */
export const DAMAGED = ".uota/damaged";
/** The journal while it is being written. */
export const JOURNAL_DRAFT = ".uota/journal.new";

/** Where the content of operation `index` is staged. */
export function stagedPath(index: number): string {
  return `${NEW_DIRECTORY}/${index}`;
}
