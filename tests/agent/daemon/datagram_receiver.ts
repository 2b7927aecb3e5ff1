/** The other end of a Unix datagram socket, as systemd and journald have it: a CPython process. */
import { TextLineStream } from "./text_lines.ts";

const SCRIPT = new URL("./receive_datagrams.py", import.meta.url).pathname;

export class DatagramReceiver implements AsyncDisposable {
  readonly #process: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #requests: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  private constructor(process: Deno.ChildProcess) {
    this.#process = process;
    this.#lines = process.stdout.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream()).getReader();
    this.#requests = process.stdin.getWriter();
  }

  /** Binds `name`, a path or an abstract `@name`. */
  static async bind(name: string): Promise<DatagramReceiver> {
    const process = new Deno.Command("python3", {
      args: [SCRIPT, name],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const receiver = new DatagramReceiver(process);
    const { value } = await receiver.#lines.read();
    if (value !== "ready") throw new Error(`The receiver did not bind ${name}`);
    return receiver;
  }

  /** The next datagram; waits until it is there. */
  async receive(): Promise<Uint8Array<ArrayBuffer>> {
    await this.#requests.write(new TextEncoder().encode("\n"));
    const { value } = await this.#lines.read();
    if (value === undefined) throw new Error("No datagram came within 30 seconds");
    return Uint8Array.fromHex(value);
  }

  async receiveText(): Promise<string> {
    return new TextDecoder("utf-8", { fatal: true }).decode(await this.receive());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#requests.close().catch(() => {});
    await this.#lines.cancel();
    await this.#process.status;
  }
}
