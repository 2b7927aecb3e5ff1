/**
 * What a port's `main.c` does around the interpreter: start, boot.py, main.py, the REPL, soft
 * resets (compare ports/rp2/main.c).
 *
 * INVARIANTS
 * - Every (soft) reset begins with fresh memory; only the flash and whether the REPL is raw stay.
 * - boot.py always runs; main.py only when the REPL is friendly.
 */

import { Collector } from "./collector.ts";
import type { Console } from "./console.ts";
import type { Flash } from "./flash.ts";
import softTimerSource from "./firmware/soft_timer.py" with { type: "text" };
import startSource from "./firmware/start.py" with { type: "text" };
import machineSource from "./firmware/umachine.py" with { type: "text" };
import osSource from "./firmware/uos.py" with { type: "text" };
import { FORCED_EXIT, type Interpreter, type InterpreterLoader } from "./micropython_module.ts";
import type { FileSystemKind } from "./open_file.ts";
import { type FrozenFiles, type HostFunction, Syscalls } from "./syscalls.ts";
import { Traps } from "./traps.ts";
import { ADDRESS, BINARY_FD, HEAP_AREA, pagesFor } from "./wasm_image.ts";

/** What differs from chip to chip. */
export interface Chip {
  /** `machine.unique_id()` in hexadecimal; null where the port has none. */
  readonly uid: string | null;
  /** `os.uname().machine`; null for what the build says. */
  readonly machine: string | null;
  /** Said before anything of MicroPython runs, by the ROM's boot loader. */
  readonly bootMessage: string;
  /** `machine.reset_cause()` after a soft reset; null where it stays as it was. */
  readonly softResetCause: number | null;
}

/** The harness's services that `umachine.py` imports as `_board`. */
export interface BoardServices {
  readonly uid: string | null;
  readonly machine: string | null;
  readonly reset_cause: number;
  readonly reset: () => void;
  readonly deepsleep: (ms: number | null) => void;
  readonly lightsleep: (ms: number | null) => void;
  readonly start_watchdog: (timeoutMs: number) => void;
  readonly feed_watchdog: () => void;
}

const CTRL_C = 0x03;
const RAW_REPL = 1;
/** What `start.py` makes the built-in modules of, and what `import machine` finds at last. */
const BUILT_IN: FrozenFiles = new Map(
  Object.entries({
    built_in_umachine: machineSource,
    built_in_uos: osSource,
    machine: "from umachine import *\nfrom umachine import __getattr__\n",
    _soft_timer: softTimerSource,
  }).map(([name, source]) => [`/.builtin/${name}.py`, new TextEncoder().encode(source)]),
);

export class Firmware {
  readonly #loader: InterpreterLoader;
  readonly #flash: Flash;
  readonly #fileSystem: FileSystemKind;
  readonly #console: Console;
  readonly #chip: Chip;
  readonly #services: BoardServices;
  readonly #sinceResetMs: () => number;
  readonly #heapBytes: number;
  readonly memory: WebAssembly.Memory;

  constructor(options: {
    readonly flash: Flash;
    readonly fileSystem: FileSystemKind;
    readonly console: Console;
    readonly chip: Chip;
    readonly services: BoardServices;
    /** The chip's clock. */
    readonly sinceResetMs: () => number;
    readonly heapBytes: number;
    readonly loader: InterpreterLoader;
  }) {
    this.#loader = options.loader;
    this.#flash = options.flash;
    this.#fileSystem = options.fileSystem;
    this.#console = options.console;
    this.#chip = options.chip;
    this.#services = options.services;
    this.#sinceResetMs = options.sinceResetMs;
    this.#heapBytes = options.heapBytes;
    const pages = pagesFor(options.heapBytes);
    this.memory = new WebAssembly.Memory({
      initial: pages,
      maximum: pages,
      shared: true,
    });
  }

  /** Runs until the console throws `PowerOff`; the first start is a cold one. */
  async run(compiled: (module: WebAssembly.Module) => void): Promise<never> {
    let raw = false;
    let services = this.#services;
    if (this.#chip.bootMessage !== "") this.#print(this.#chip.bootMessage);
    for (;;) {
      const syscalls = this.#syscalls();
      const interpreter = await this.#start(syscalls.functions(), services);
      if (this.#loader.compiled !== null) compiled(this.#loader.compiled);
      raw = this.#serve(interpreter, { raw, syscalls });
      this.#print("MPY: soft reboot\r\n");
      syscalls.closeAll();
      services = {
        ...services,
        reset_cause: this.#chip.softResetCause ?? services.reset_cause,
      };
      // At a cold start it is all zeroes, and most of it is never touched.
      new Uint8Array(this.memory.buffer).fill(0);
    }
  }

  #syscalls(): Syscalls {
    return new Syscalls({
      flash: this.#flash,
      fileSystem: this.#fileSystem,
      console: this.#console,
      memory: this.memory,
      frozen: BUILT_IN,
    });
  }

  async #start(
    syscalls: Record<string, HostFunction>,
    services: BoardServices,
  ): Promise<Interpreter> {
    const collector = new Collector(this.memory);
    const traps = new Traps({ console: this.#console, memory: this.memory, collector });
    const read = syscalls["fd_read"];
    if (read === undefined) throw new Error("syscalls.ts serves no fd_read");
    const interpreter = await this.#loader.load({
      memory: this.memory,
      heapBytes: this.#heapBytes,
      functions: {
        ...syscalls,
        fd_read: traps.around(read),
        mp_js_ticks_ms: this.#sinceResetMs,
      },
      instantiated: (exports) => {
        traps.attach(exports);
        collector.attach(exports);
      },
    });
    const memory = new DataView(this.memory.buffer);
    memory.setInt32(HEAP_AREA.threshold, -1, true);
    for (const at of ADDRESS.binaryStreams) memory.setInt32(at, BINARY_FD, true);
    interpreter.registerJsModule("_board", services);
    interpreter.runPython(`exec(${JSON.stringify(startSource)}, {})`);
    return interpreter;
  }

  /** Runs one life of the interpreter; answers whether the REPL was raw at its end. */
  #serve(
    interpreter: Interpreter,
    { raw, syscalls }: { readonly raw: boolean; readonly syscalls: Syscalls },
  ): boolean {
    const run = (name: string) => syscalls.hasFile(name) ? this.#runFile(interpreter, name) : "ran";
    const exited = run("boot.py") === "exited" || (!raw && run("main.py") === "exited");
    if (exited) return raw;
    if (raw) new DataView(this.memory.buffer).setInt32(ADDRESS.replMode, RAW_REPL, true);
    this.#withoutLeadingNewline(() => interpreter.replInit());
    for (;;) {
      const byte = this.#console.readByte();
      this.#forgetInterrupt();
      if ((interpreter.replProcessChar(byte) & FORCED_EXIT) !== 0) break;
    }
    return new DataView(this.memory.buffer).getInt32(ADDRESS.replMode, true) === RAW_REPL;
  }

  /**
   * `pyexec_file_if_exists(name)` (shared/runtime/pyexec.c) of one that does, in the working directory,
   * which boot.py may have changed.
   */
  #runFile(interpreter: Interpreter, name: string): "ran" | "exited" {
    const memory = new DataView(this.memory.buffer);
    memory.setInt32(ADDRESS.interruptChar, CTRL_C, true);
    try {
      interpreter.runPython(`execfile("${name}")`);
      return "ran";
    } catch (error) {
      if (!(error instanceof Error) || error.name !== "PythonError") throw error;
      // PythonError carries the exception's class as `type`.
      const { type } = error as Error & { type?: string };
      if (type === "SystemExit") return "exited";
      if (type === "OSError" && !error.message.includes(`File "${name}"`)) return "ran";
      // The line that called execfile is ours; a board's traceback begins with the file.
      this.#print(error.message.replace(/^ {2}File "<stdin>", line 1, in <module>\n/m, ""));
      return "ran";
    } finally {
      memory.setInt32(ADDRESS.interruptChar, -1, true);
      this.#forgetInterrupt();
    }
  }

  /**
   * A Ctrl-C that came as a program ended is void, as after `parse_compile_execute` in
   * shared/runtime/pyexec.c: nothing of the REPL itself could catch the exception.
   */
  #forgetInterrupt(): void {
    new DataView(this.memory.buffer).setInt32(ADDRESS.pendingException, 0, true);
  }

  /** The event-driven REPL begins with a line feed that the boards' blocking REPL has not. */
  #withoutLeadingNewline(action: () => void): void {
    const parts: Uint8Array<ArrayBuffer>[] = [];
    this.#console.divert = (bytes) => parts.push(bytes);
    try {
      action();
    } finally {
      this.#console.divert = null;
    }
    const decoder = new TextDecoder();
    const text = parts.map((part) => decoder.decode(part)).join("");
    this.#print(text.replace(/^\r\n/, ""));
  }

  #print(text: string): void {
    this.#console.write(new TextEncoder().encode(text.replaceAll(/\r?\n/g, "\r\n")));
  }
}
