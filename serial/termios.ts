/**
 * Pure encoding of Linux's `struct termios2` (asm-generic/termbits.h, 44 bytes): four u32 flag
 * words, `c_line`, 19 control characters, then input and output speed in baud. With `BOTHER` the
 * speeds are plain numbers, so any baud rate works and no table of `B*` constants is needed.
 */

/** Size of `struct termios2` in bytes. */
export const TERMIOS2_BYTES = 44;

const CREAD = 0o200;
const CLOCAL = 0o4000;
const CS8 = 0o60;
const BOTHER = 0o10000;
const IBSHIFT = 16;
const VTIME = 5;
const VMIN = 6;
const CONTROL_CHARACTERS_AT = 17;
const INPUT_SPEED_AT = 36;
const OUTPUT_SPEED_AT = 40;

/**
 * Raw 8N1 without flow control at `baud`. `HUPCL` stays clear: with it, closing the port drops DTR
 * and RTS, which resets boards with an auto-reset circuit (micropython#9659).
 */
export function encodeRawTermios(baud: number): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(TERMIOS2_BYTES);
  const view = new DataView(bytes.buffer);
  const littleEndian = true;
  view.setUint32(8, CREAD | CLOCAL | CS8 | BOTHER | (BOTHER << IBSHIFT), littleEndian);
  bytes[CONTROL_CHARACTERS_AT + VMIN] = 1;
  bytes[CONTROL_CHARACTERS_AT + VTIME] = 0;
  view.setUint32(INPUT_SPEED_AT, baud, littleEndian);
  view.setUint32(OUTPUT_SPEED_AT, baud, littleEndian);
  return bytes;
}

/** What {@linkcode decodeTermios} tells of a port's settings. */
export interface TermiosFacts {
  readonly inputBaud: number;
  readonly outputBaud: number;
  readonly echo: boolean;
  readonly canonical: boolean;
  readonly hangUpOnClose: boolean;
}

/** Reads back the facts that matter from a `struct termios2`. */
export function decodeTermios(bytes: Uint8Array): TermiosFacts {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const control = view.getUint32(8, true);
  const local = view.getUint32(12, true);
  return {
    inputBaud: view.getUint32(INPUT_SPEED_AT, true),
    outputBaud: view.getUint32(OUTPUT_SPEED_AT, true),
    echo: (local & 0o10) !== 0,
    canonical: (local & 0o2) !== 0,
    hangUpOnClose: (control & 0o2000) !== 0,
  };
}
