/**
 * Error numbers as boards report them (MicroPython's py/mperrno.h, which are Linux's), and the
 * exception that carries one from the board's flash to the interpreter.
 */

export const ERRNO = {
  EIO: 5,
  EBADF: 9,
  ENOENT: 2,
  EEXIST: 17,
  ENOTDIR: 20,
  EISDIR: 21,
  EINVAL: 22,
  ENOSPC: 28,
  EROFS: 30,
  ENAMETOOLONG: 36,
  ENOTEMPTY: 39,
} as const;

/** A file operation that the board refuses; Python sees `OSError(errno)`. */
export class FlashError extends Error {
  override readonly name = "FlashError";
  readonly errno: number;

  constructor(code: keyof typeof ERRNO) {
    super(code);
    this.errno = ERRNO[code];
  }
}
