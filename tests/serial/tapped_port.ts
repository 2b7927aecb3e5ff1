/**
 * A port that writes down what goes over it, in order, and that can stand for the firmware of
 * another time: it goes between the product and a real board.
 */
import { openTty, type SerialPort, type WriteOptions } from "../../serial/tty.ts";
import { bytesOf, latin1 } from "./line.ts";

/** What went over the line, one character a byte. */
export interface Exchange {
  readonly from: "host" | "board";
  readonly text: string;
}

export interface TapOptions {
  /** Answers the request for raw-paste in the board's place. */
  readonly refuseRawPaste?: "R\x00" | "ra";
  /** What a bad cable makes of a write. */
  readonly mangle?: (text: string) => string;
  /** Called after each write. */
  readonly onWrite?: (text: string) => void;
}

const RAW_PASTE_REQUEST = "\x05A\x01";
/** What firmware from before 1.14 makes of the request: a Ctrl-A, with two bytes before it. */
const OLD_ANSWER = "raw REPL; CTRL-B to exit\r\n>";

export class TappedPort implements SerialPort {
  readonly exchanges: Exchange[] = [];
  readonly #inner: SerialPort;
  readonly #options: TapOptions;
  #injected = "";

  private constructor(inner: SerialPort, options: TapOptions) {
    this.#inner = inner;
    this.#options = options;
  }

  static async open(
    path: string,
    options: TapOptions & { readonly signal: AbortSignal },
  ): Promise<TappedPort> {
    return new TappedPort(await openTty(path, { signal: options.signal }), options);
  }

  get path(): string {
    return this.#inner.path;
  }

  get bytesWritten(): number {
    return this.#inner.bytesWritten;
  }

  /** All that the host wrote. */
  get sent(): string {
    return this.exchanges.filter(({ from }) => from === "host").map(({ text }) => text).join("");
  }

  async read(options: { readonly signal: AbortSignal }): Promise<Uint8Array<ArrayBuffer>> {
    if (this.#injected !== "") return this.#takeInjected();
    return this.#note(await this.#inner.read(options));
  }

  readAvailable(): Uint8Array<ArrayBuffer> {
    if (this.#injected !== "") return this.#takeInjected();
    return this.#note(this.#inner.readAvailable());
  }

  async write(bytes: Uint8Array<ArrayBuffer>, options: WriteOptions): Promise<void> {
    const text = latin1(bytes);
    this.exchanges.push({ from: "host", text });
    const answer = this.#options.refuseRawPaste;
    if (answer !== undefined && text === RAW_PASTE_REQUEST) {
      this.#injected = answer === "ra" ? OLD_ANSWER : answer;
    } else {
      const arriving = this.#options.mangle?.(text) ?? text;
      await this.#inner.write(bytesOf(arriving), options);
    }
    this.#options.onWrite?.(text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#inner[Symbol.asyncDispose]();
  }

  #takeInjected(): Uint8Array<ArrayBuffer> {
    const bytes = bytesOf(this.#injected);
    this.#injected = "";
    return bytes;
  }

  #note(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer> {
    if (bytes.byteLength > 0) this.exchanges.push({ from: "board", text: latin1(bytes) });
    return bytes;
  }
}
