/** Errors that are the disk's, not this program's. */

/** ENOENT, EACCES, EIO, … */
export function isFromSystem(error: unknown): boolean {
  return error instanceof Error && "code" in error && /^E[A-Z0-9]+$/.test(String(error.code));
}

/** For `catch`, where nothing depends on what has failed. */
export function unlessFromSystem(error: unknown): void {
  if (!isFromSystem(error)) throw error;
}
