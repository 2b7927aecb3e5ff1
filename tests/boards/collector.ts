/**
 * `gc_collect()` as chips have it: MicroPython's own mark and sweep, with C's stack and the frames
 * of `wasm_spill.ts` as roots beside the interpreter's own (compare shared/runtime/gchelper).
 */

import type { FirmwareExports } from "./micropython_module.ts";
import { C_STACK_TOP, HEAP_AREA, spillBase } from "./wasm_image.ts";

const BLOCK_BYTES = 16;
const HEAD = 1;
const MARK = 3;

export class Collector {
  readonly #words: Uint32Array;
  readonly #bytes: Uint8Array;
  readonly #spillBase: number;
  #exports: FirmwareExports | null = null;

  constructor(memory: WebAssembly.Memory) {
    this.#words = new Uint32Array(memory.buffer);
    this.#bytes = new Uint8Array(memory.buffer);
    this.#spillBase = spillBase(memory);
  }

  /** To be called once the module is instantiated, before anything of it runs. */
  attach(exports: FirmwareExports): void {
    exports.spill_stack.value = this.#spillBase;
    this.#exports = exports;
  }

  collect(): void {
    const exports = this.#exports;
    if (exports === null) throw new Error("The heap is collected before there is one");
    exports.gc_collect_start();
    this.#markRange(exports, this.#spillBase, Number(exports.spill_stack.value));
    this.#markRange(exports, exports.emscripten_stack_get_current(), C_STACK_TOP);
    exports.gc_collect_end();
  }

  /** `gc_collect_root()`: whatever looks like the head of a block is taken for a pointer to it. */
  #markRange(exports: FirmwareExports, from: number, to: number): void {
    const table = this.#word(HEAP_AREA.allocationTable);
    const start = this.#word(HEAP_AREA.poolStart);
    const end = this.#word(HEAP_AREA.poolEnd);
    for (let at = from; at < to; at += 4) {
      const pointer = this.#word(at);
      if (pointer < start || pointer >= end || pointer % BLOCK_BYTES !== 0) continue;
      const block = (pointer - start) / BLOCK_BYTES;
      const entry = table + (block >> 2);
      const shift = 2 * (block & 3);
      const kinds = this.#bytes[entry] ?? 0;
      if (((kinds >> shift) & 3) !== HEAD) continue;
      this.#bytes[entry] = kinds | (MARK << shift);
      exports.gc_mark_subtree(HEAP_AREA.address, block);
    }
  }

  #word(at: number): number {
    return this.#words[at >> 2] ?? 0;
  }
}
