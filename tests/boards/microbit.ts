/**
 * The oldest kind of board: the real firmware of the BBC micro:bit (MicroPython 1.9.2) on QEMU's
 * emulation of its nRF51. No directories, no rename, no raw-paste, 9 KB of RAM.
 *
 * INVARIANTS
 * - The port is QEMU's own pty; a link gives it a name. It lives as long as the emulator does.
 * - QEMU looks once a second whether somebody has opened its pty, so the first answer to a new host
 *   can take that long.
 */

import { MICROBIT_FIRMWARE } from "./microbit_firmware.ts";
import { pointLink, removeLink } from "./port_link.ts";
import { Probe } from "./probe.ts";

const EMULATOR = "qemu-system-arm";
/**
 * How long a script may be that writes a part of a file. The firmware buffers 64 bytes and loses
 * what comes beyond them while it is busy.
 */
const SCRIPT_CHARACTERS = 56;

/** What {@linkcode startMicrobit} takes. */
export interface MicrobitOptions {
  /** Where the port's stable name is made. @default a name in a new temporary directory */
  readonly link?: string;
  /** Files by name, written before the board is handed over. */
  readonly files?: ReadonlyMap<string, Uint8Array>;
  /** Stops the board. */
  readonly signal?: AbortSignal;
}

/** Starts the emulator, waits for the prompt, and writes the files. */
export async function startMicrobit(options: MicrobitOptions = {}): Promise<Microbit> {
  const { signal } = options;
  signal?.throwIfAborted();
  const directory = options.link === undefined
    ? await Deno.makeTempDir({ prefix: "uota-microbit-" })
    : null;
  const emulator = new Deno.Command(EMULATOR, {
    args: ["-M", "microbit", "-nographic", "-monitor", "none", "-serial", "pty"]
      .concat("-device", `loader,file=${MICROBIT_FIRMWARE}`),
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const terminal = await Promise.race([
    terminalName(emulator.stdout),
    terminalName(emulator.stderr),
    emulator.status.then(({ code }) => {
      throw new Error(`${EMULATOR} ended with ${code} before it had a terminal`);
    }),
  ]);
  const board = new Microbit({
    emulator,
    terminal,
    temporaryDirectory: directory,
    port: options.link ?? `${directory}/ttyMICROBIT`,
  });
  try {
    await pointLink(board.port, terminal);
    await prepare(board.port, options.files ?? new Map());
  } catch (error) {
    await board.stop();
    throw error;
  }
  signal?.addEventListener("abort", () => void board.stop(), { once: true });
  return board;
}

/** Reads QEMU's "char device redirected to /dev/pts/N"; never settles where that does not come. */
async function terminalName(output: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<string> {
  let text = "";
  const found = Promise.withResolvers<string>();
  // Reads on to the end, so that the emulator never waits for its own messages to be read.
  void (async () => {
    for await (const part of output.pipeThrough(new TextDecoderStream())) {
      text += part;
      const name = /redirected to (\/dev\/pts\/\d+)/.exec(text)?.[1];
      if (name !== undefined) found.resolve(name);
    }
  })();
  return await found.promise;
}

async function prepare(port: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  using probe = new Probe(port);
  await probe.send("\r");
  await probe.until(">>> ");
  if (files.size === 0) return;
  await probe.enterRaw();
  for (const [name, content] of files) {
    await probe.print(`f=open(${JSON.stringify(name)},'wb')`);
    for (const literal of literals(content, SCRIPT_CHARACTERS - "f.write(b'')".length)) {
      await probe.print(`f.write(b'${literal}')`);
    }
    await probe.print("f.close()");
  }
  await probe.send("\x02");
  await probe.until(">>> ");
}

/** The inside of bytes literals that together are the content, each of a limited length. */
function* literals(content: Uint8Array, maxCharacters: number): Generator<string> {
  let literal = "";
  for (const byte of content) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== 0x27 && byte !== 0x5c;
    const next = plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, "0")}`;
    if (literal.length + next.length > maxCharacters) {
      yield literal;
      literal = "";
    }
    literal += next;
  }
  if (literal !== "") yield literal;
}

interface MicrobitParts {
  readonly emulator: Deno.ChildProcess;
  readonly terminal: string;
  readonly temporaryDirectory: string | null;
  readonly port: string;
}

export class Microbit implements AsyncDisposable {
  /** The port's stable name. */
  readonly port: string;
  readonly #parts: MicrobitParts;
  #stopping: Promise<void> | null = null;

  constructor(parts: MicrobitParts) {
    this.port = parts.port;
    this.#parts = parts;
  }

  /** Ends the emulator; what was on its flash is gone. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    try {
      this.#parts.emulator.kill("SIGKILL");
    } catch (error) {
      // It has ended by itself.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#parts.emulator.status;
    await removeLink(this.port, this.#parts.terminal);
    if (this.#parts.temporaryDirectory !== null) {
      await Deno.remove(this.#parts.temporaryDirectory, { recursive: true });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}
