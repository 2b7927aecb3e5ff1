/**
 * What the rewritten functions of the firmware do (see `TRAP` in `wasm_image.ts`): wait for input,
 * read a raw-paste, let time pass. Each is what a chip's port does in C.
 */

import type { Collector } from "./collector.ts";
import type { Console } from "./console.ts";
import type { FirmwareExports } from "./micropython_module.ts";
import type { HostFunction } from "./syscalls.ts";
import { ADDRESS, TRAP } from "./wasm_image.ts";

const CTRL_C = 0x03;
const CTRL_D = 0x04;
const END_OF_SOURCE = -1;
/** `MP_SCHED_PENDING` (py/mpstate.h): a callback waits. */
const SCHEDULER_PENDING = 0;
/** How long a callback waits while nothing else runs. */
const TICK_MS = 1;

export class Traps {
  readonly #console: Console;
  readonly #memory: DataView;
  readonly #collector: Collector;
  #exports: FirmwareExports | null = null;

  constructor(options: {
    readonly console: Console;
    readonly memory: WebAssembly.Memory;
    readonly collector: Collector;
  }) {
    this.#console = options.console;
    this.#memory = new DataView(options.memory.buffer);
    this.#collector = options.collector;
    this.#console.whileWaiting = () => this.#handlePending();
  }

  /** To be called once the module is instantiated, before anything of it runs. */
  attach(exports: FirmwareExports): void {
    this.#exports = exports;
  }

  /** Serves the trap numbers and passes every other call on. */
  around(read: HostFunction): HostFunction {
    return (fd = 0, argument = 0, second = 0, ...rest) => {
      switch (fd) {
        case TRAP.pasteByte:
          return this.#pasteByte(argument);
        case TRAP.pasteClose:
          return this.#pasteClose(argument);
        case TRAP.inputByte:
          return this.#console.readByte();
        case TRAP.delayMs:
          return this.#delay(argument >>> 0);
        case TRAP.delayUs:
          return this.#delay((argument >>> 0) / 1000);
        case TRAP.fatal:
          return this.#hang();
        case TRAP.collect:
          this.#collector.collect();
          return 0;
        case TRAP.transmit:
          return this.#transmit(argument, second);
        default:
          return read(fd, argument, second, ...rest);
      }
    };
  }

  /** `mp_reader_stdin_readbyte` (shared/runtime/pyexec.c); the reader is eof u8, max and rest u16. */
  #pasteByte(reader: number): number {
    const memory = this.#memory;
    if (memory.getUint8(reader) !== 0) return END_OF_SOURCE;
    const byte = this.#console.readByte();
    if (byte === CTRL_C || byte === CTRL_D) {
      memory.setUint8(reader, 1);
      this.#console.write(Uint8Array.of(CTRL_D));
      if (byte === CTRL_C) {
        memory.setInt32(ADDRESS.keyboardTraceback, 0, true);
        this.#exports?.nlr_jump(ADDRESS.keyboardException);
      }
      return END_OF_SOURCE;
    }
    const rest = memory.getUint16(reader + 4, true) - 1;
    if (rest === 0) this.#console.write(Uint8Array.of(0x01));
    memory.setUint16(reader + 4, rest === 0 ? memory.getUint16(reader + 2, true) : rest, true);
    return byte;
  }

  /** `mp_reader_stdin_close`: the host must be told, and what it has sent already be thrown away. */
  #pasteClose(reader: number): number {
    if (this.#memory.getUint8(reader) !== 0) return 0;
    this.#memory.setUint8(reader, 1);
    this.#console.write(Uint8Array.of(CTRL_D));
    for (;;) {
      const byte = this.#console.readByte();
      if (byte === CTRL_C || byte === CTRL_D) return 0;
    }
  }

  /** What a chip does after "FATAL: uncaught exception": nothing, until it is reset. */
  #hang(): never {
    this.#console.write(new TextEncoder().encode("FATAL: uncaught exception\r\n"));
    for (;;) {
      this.#console.checkPower();
      this.#console.sleep(this.#console.bell, Infinity);
    }
  }

  #transmit(at: number, length: number): number {
    // A copy, since the memory is shared and nothing outside takes shared bytes.
    this.#console.write(new Uint8Array(new Uint8Array(this.#memory.buffer, at, length)));
    return length;
  }

  /** Sleeps, and raises KeyboardInterrupt as soon as Ctrl-C arrives. */
  #delay(ms: number): number {
    const endMs = performance.now() + ms;
    for (;;) {
      const bell = this.#console.bell;
      this.#console.checkPower();
      const againMs = this.#handlePending();
      const leftMs = endMs - performance.now();
      if (leftMs <= 0) return 0;
      this.#console.sleep(bell, Math.min(leftMs, againMs));
    }
  }

  /**
   * Raises the exception that an interrupt has left, if there is one, or calls the next callback of
   * `micropython.schedule()` (py/scheduler.c). Answers when there may be more to do.
   */
  #handlePending(): number {
    const isIdle = this.#memory.getInt32(ADDRESS.pendingException, true) === 0 &&
      this.#memory.getInt16(ADDRESS.schedulerState, true) !== SCHEDULER_PENDING;
    if (isIdle) return Infinity;
    this.#exports?.mp_handle_pending();
    const more = this.#memory.getInt16(ADDRESS.schedulerState, true) === SCHEDULER_PENDING;
    return more ? TICK_MS : Infinity;
  }
}
