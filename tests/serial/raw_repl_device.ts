/**
 * The board's side of raw-paste, scripted: for windows and faults that no firmware at hand has.
 * What real MicroPython does is tested on real MicroPython.
 */
import type { Line } from "./line.ts";

const BANNER = "\r\nMicroPython v1.0 on scripted; device\r\n>>> ";
const RAW_BANNER = "raw REPL; CTRL-B to exit\r\n>";
export const RAW_PASTE_REQUEST = "\x05A\x01";

/** Answers a host that enters the raw REPL, and waits for its request for raw-paste. */
export async function awaitRawPaste(line: Line): Promise<void> {
  await awaitEntry(line);
  await line.until(RAW_PASTE_REQUEST);
}

/** Answers a host that enters the raw REPL, as often as it asks, until it sends something else. */
export async function awaitEntry(line: Line): Promise<void> {
  const answers = new Map([["\x01", RAW_BANNER], ["\x02", BANNER], ["\x03", ""]]);
  for (let raw = false;;) {
    const byte = await line.byte({ take: false });
    const answer = answers.get(byte);
    if (answer === undefined && raw) return;
    if (byte !== "\x03") raw = byte === "\x01";
    await line.byte({ take: true });
    await line.write(answer ?? "");
  }
}

/** What {@linkcode takePaste} saw. */
export interface Paste {
  readonly source: string;
  /** The most bytes that were on their way or in the board's buffer at once. */
  readonly mostInFlight: number;
}

/**
 * Takes in a script by raw-paste as a board whose reader is slow: it reads on only when the host
 * may send no more, and opens a window for each that it has read (shared/runtime/pyexec.c,
 * `mp_reader_stdin_readbyte`).
 *
 * @throws {Error} when the host sends more than the windows allow
 */
export async function takePaste(line: Line, windowBytes: number): Promise<Paste> {
  await line.write(`R\x01${String.fromCharCode(windowBytes & 0xff, windowBytes >> 8)}\x01`);
  let received = "";
  let read = 0;
  let opened = 2 * windowBytes;
  let mostInFlight = 0;
  while (!received.endsWith("\x04")) {
    received += await line.some();
    mostInFlight = Math.max(mostInFlight, received.length - read);
    if (received.length > opened) {
      throw new Error(`${received.length} bytes came where ${opened} were allowed`);
    }
    // A host that keeps one byte back has nothing more to send now.
    while (opened - received.length <= 1) {
      read += windowBytes;
      opened += windowBytes;
      await line.write("\x01");
    }
  }
  await line.write("\x04");
  return { source: received.slice(0, -1), mostInFlight };
}
