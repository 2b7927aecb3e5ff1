/**
 * Values as MicroPython source, and back. Source is bytes, never text: a bytes literal carries file
 * content as it is, since MicroPython's lexer keeps string and bytes literals 8-bit clean
 * (py/lexer.c, "so that we remain 8-bit clean").
 */

/**
 * Which control characters the board's reader acts on while it takes in source:
 * `raw_paste`: 03 and 04 (shared/runtime/pyexec.c, `mp_reader_stdin_readbyte`);
 * `raw`: 01 to 05 (same file, the raw REPL's line reader).
 */
export type Transfer = "raw_paste" | "raw";

/** A piece of source to be used as it stands. */
export interface Code {
  /** Its bytes. */
  readonly code: Uint8Array<ArrayBuffer>;
}

/** What {@linkcode python} can write as a literal. */
export type PythonValue =
  | number
  | string
  | boolean
  | null
  | Uint8Array
  | Code
  | readonly PythonValue[];

const LF = 0x0a;
const CR = 0x0d;
const SINGLE_QUOTE = 0x27;
const DOUBLE_QUOTE = 0x22;
const BACKSLASH = 0x5c;
const encoder = new TextEncoder();

/** A growing sequence of bytes. */
class ByteSink {
  #bytes: Uint8Array<ArrayBuffer>;
  #length = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(capacity);
  }

  push(byte: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = byte;
  }

  append(bytes: Uint8Array): void {
    this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.byteLength;
  }

  take(): Uint8Array<ArrayBuffer> {
    return this.#bytes.slice(0, this.#length);
  }

  #reserve(count: number): void {
    if (this.#length + count <= this.#bytes.byteLength) return;
    const grown = new Uint8Array(Math.max(this.#bytes.byteLength * 2, this.#length + count));
    grown.set(this.#bytes);
    this.#bytes = grown;
  }
}

/**
 * The shortest literal for `bytes` that survives the transfer: 1.03 bytes of source a byte on
 * random content. Control characters become octal escapes of as few digits as the next byte allows.
 */
export function bytesLiteral(bytes: Uint8Array, transfer: Transfer): Uint8Array<ArrayBuffer> {
  const sink = new ByteSink(bytes.byteLength + (bytes.byteLength >> 4) + 8);
  sink.push(0x62); // b
  appendQuoted(sink, bytes, transfer);
  return sink.take();
}

/** A `str` literal; the text's UTF-8 goes into it as it is. */
export function textLiteral(text: string, transfer: Transfer): Uint8Array<ArrayBuffer> {
  const bytes = encoder.encode(text);
  const sink = new ByteSink(bytes.byteLength + 8);
  appendQuoted(sink, bytes, transfer);
  return sink.take();
}

function appendQuoted(sink: ByteSink, bytes: Uint8Array, transfer: Transfer): void {
  let single = 0;
  let double = 0;
  for (const byte of bytes) {
    if (byte === SINGLE_QUOTE) single++;
    else if (byte === DOUBLE_QUOTE) double++;
  }
  const quote = single <= double ? SINGLE_QUOTE : DOUBLE_QUOTE;
  const escapedBelow = transfer === "raw" ? 6 : 0;
  sink.push(quote);
  for (let index = 0; index < bytes.byteLength; index++) {
    const byte = bytes[index] ?? 0;
    if (byte === quote || byte === BACKSLASH) {
      sink.push(BACKSLASH);
      sink.push(byte);
    } else if (byte === LF) {
      sink.append(ESCAPED_LF);
    } else if (byte === CR) {
      sink.append(ESCAPED_CR);
    } else if (byte === 0 || byte === 3 || byte === 4 || byte < escapedBelow) {
      appendOctal(sink, byte, bytes[index + 1]);
    } else {
      sink.push(byte);
    }
  }
  sink.push(quote);
}

const ESCAPED_LF = encoder.encode("\\n");
const ESCAPED_CR = encoder.encode("\\r");

/** An octal escape takes up to three digits, so a digit that follows asks for all three. */
function appendOctal(sink: ByteSink, byte: number, next: number | undefined): void {
  const digitFollows = next !== undefined && next >= 0x30 && next <= 0x37;
  sink.append(encoder.encode("\\" + byte.toString(8).padStart(digitFollows ? 3 : 1, "0")));
}

/**
 * A template tag for MicroPython source: literals where the values stand.
 *
 * `python("raw_paste")\`f.write(${chunk})\``
 */
export function python(
  transfer: Transfer,
): (strings: TemplateStringsArray, ...values: readonly PythonValue[]) => Uint8Array<ArrayBuffer> {
  return (strings, ...values) => {
    const sink = new ByteSink(256);
    strings.forEach((text, index) => {
      sink.append(encoder.encode(text));
      const value = values[index];
      if (index < values.length && value !== undefined) sink.append(literal(value, transfer));
    });
    return sink.take();
  };
}

/** One value as source. A list becomes a tuple, which MicroPython can keep in fewer bytes. */
export function literal(value: PythonValue, transfer: Transfer): Uint8Array<ArrayBuffer> {
  if (value === null) return encoder.encode("None");
  if (typeof value === "boolean") return encoder.encode(value ? "True" : "False");
  if (typeof value === "number") return encoder.encode(String(value));
  if (typeof value === "string") return textLiteral(value, transfer);
  if (value instanceof Uint8Array) return bytesLiteral(value, transfer);
  if ("code" in value) return value.code;
  const sink = new ByteSink(64);
  sink.push(0x28);
  for (const item of value) {
    sink.append(literal(item, transfer));
    sink.push(0x2c);
  }
  sink.push(0x29);
  return sink.take();
}

const SIMPLE_ESCAPES: Readonly<Record<string, number>> = {
  n: LF,
  r: CR,
  t: 0x09,
  "\\": BACKSLASH,
  "'": SINGLE_QUOTE,
  '"': DOUBLE_QUOTE,
};

/**
 * Reads what MicroPython's `repr` prints for a `bytes` object (py/objstr.c, `mp_str_print_quoted`):
 * printable ASCII as it is, `\n`, `\r`, `\t`, `\\`, an escaped quote, and `\xHH` for the rest.
 *
 * @throws {SyntaxError} for anything else, such as text that a background task printed into it
 */
export function parseBytesRepr(repr: string): Uint8Array<ArrayBuffer> {
  const quote = repr[1];
  const quoted = repr.length > 2 && repr.at(-1) === quote;
  if (repr[0] !== "b" || (quote !== "'" && quote !== '"') || !quoted) {
    throw new SyntaxError("not a bytes literal");
  }
  const sink = new ByteSink(repr.length);
  const end = repr.length - 1;
  for (let index = 2; index < end; index++) {
    const code = repr.charCodeAt(index);
    if (code < 0x20 || code > 0x7e) throw new SyntaxError("unprintable character");
    if (repr[index] === quote) throw new SyntaxError("text after the end");
    if (code !== BACKSLASH) {
      sink.push(code);
      continue;
    }
    const kind = repr.slice(++index, Math.min(index + 1, end));
    const simple = SIMPLE_ESCAPES[kind];
    if (simple !== undefined) {
      sink.push(simple);
      continue;
    }
    const hex = repr.slice(index + 1, Math.min(index + 3, end));
    if (kind !== "x" || !/^[0-9a-f]{2}$/.test(hex)) throw new SyntaxError("unknown escape");
    sink.push(Number.parseInt(hex, 16));
    index += 2;
  }
  return sink.take();
}
