/** The daemon as the program that systemd starts: `uota daemon` in a process of its own. */
import { TextLineStream } from "../agent/daemon/text_lines.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;
/** More than any of the daemon's own bounds that a test meets. */
const BOUND_MS = 30_000;

/** How the daemon ended. */
export interface Ended {
  readonly code: number;
  readonly signal: string | null;
}

export class DaemonProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: string[] = [];
  readonly #reading: Promise<void>;
  #changed = Promise.withResolvers<void>();
  #seen = 0;
  #hasEnded = false;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#reading = this.#read(child.stderr);
  }

  /** Starts it and waits until it is ready. */
  static async start(configFile: string, ...flags: readonly string[]): Promise<DaemonProcess> {
    const daemon = DaemonProcess.spawn(configFile, ...flags);
    try {
      await daemon.until(/^Ready$/);
    } catch (error) {
      await daemon[Symbol.asyncDispose]();
      throw error;
    }
    return daemon;
  }

  /** Starts it. */
  static spawn(configFile: string, ...flags: readonly string[]): DaemonProcess {
    const command = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "--config", configFile, "daemon", ...flags],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "piped",
    });
    return new DaemonProcess(command.spawn());
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** What it has reported so far. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /**
   * Waits for a line that no earlier call has gone past, and answers with it.
   *
   * @throws {Error} with all that it has reported, where the line does not come
   */
  async until(pattern: RegExp): Promise<string> {
    const bound = AbortSignal.timeout(BOUND_MS);
    while (true) {
      for (; this.#seen < this.#lines.length; this.#seen++) {
        const line = this.#lines[this.#seen] ?? "";
        if (!pattern.test(line)) continue;
        this.#seen++;
        return line;
      }
      const ended = this.#reading.then(() => "ended");
      const changed = this.#changed.promise.then(() => "changed");
      const timedOut = Promise.withResolvers<string>();
      const onTimeout = () => timedOut.resolve("timed out");
      bound.addEventListener("abort", onTimeout, { once: true });
      const what = await Promise.race([changed, ended, timedOut.promise]);
      bound.removeEventListener("abort", onTimeout);
      if (what === "changed") continue;
      if (what === "ended" && this.#seen < this.#lines.length) continue;
      throw new Error(`The daemon ${what} before ${pattern}:\n${this.#lines.join("\n")}`);
    }
  }

  /** Lets everything else in this process go on for a moment; throws once the daemon has ended. */
  async turn(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, 10));
    if (this.#hasEnded) throw new Error(`The daemon ended:\n${this.#lines.join("\n")}`);
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Stops it as systemd does, and waits. */
  async stop(): Promise<Ended> {
    this.kill("SIGTERM");
    return await this.ended();
  }

  async ended(): Promise<Ended> {
    const { code, signal } = await this.#child.status;
    await this.#reading;
    return { code, signal };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.ended();
  }

  async #read(stderr: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
    const lines = stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream());
    for await (const line of lines) {
      this.#lines.push(line);
      this.#changed.resolve();
      this.#changed = Promise.withResolvers();
    }
    this.#hasEnded = true;
  }
}
