/**
 * The typed view of npm's `@micropython/micropython-webassembly-pyscript`, which ships no types,
 * and the one place that loads it.
 *
 * INVARIANTS
 * - One interpreter lives at a time in a thread: the package keeps its state in `globalThis`.
 * - The package offers no way to pass imports or another binary, so `WebAssembly.instantiate` is
 *   exchanged for the time of the one call that it makes.
 * - Nothing is called in an interpreter whose life is over: what it has lent to JavaScript is not
 *   given back to it when that is collected, which may be in another life of the thread.
 */

import { loadMicroPython } from "micropython";
import type { HostFunction } from "./syscalls.ts";
import { rewriteImage } from "./wasm_image.ts";

/** What this project uses of a loaded interpreter. */
export interface Interpreter {
  replInit(): void;
  /** @returns 0, or a number with {@linkcode FORCED_EXIT} set when the REPL was left */
  replProcessChar(byte: number): number;
  /** @throws an error named `PythonError` with the exception's `type` and, as message, traceback */
  runPython(source: string): unknown;
  registerJsModule(name: string, module: object): void;
}

/** What `wasm_image.ts` makes the module export besides what the package uses. */
export interface FirmwareExports {
  nlr_jump(exception: number): void;
  mp_handle_pending(): void;
  gc_collect_start(): void;
  gc_mark_subtree(area: number, block: number): void;
  gc_collect_end(): void;
  emscripten_stack_get_current(): number;
  readonly spill_stack: WebAssembly.Global;
}

/** `PYEXEC_FORCED_EXIT` (shared/runtime/pyexec.h): SystemExit, or Ctrl-D on an empty line. */
export const FORCED_EXIT = 0x100;

/** The size in words of the Python stack, which bounds how deep calls nest. */
const PYSTACK_WORDS = 2048;

export interface LoadOptions {
  readonly memory: WebAssembly.Memory;
  readonly heapBytes: number;
  /** Replaces the module's imports of these names. */
  readonly functions: Record<string, HostFunction>;
  /** Called once the module is instantiated, before anything of it runs. */
  readonly instantiated: (exports: FirmwareExports) => void;
}

/** Loads interpreters, each from the same compiled module. */
export class InterpreterLoader {
  #compiled: WebAssembly.Module | null;

  /** @param compiled what another loader has compiled, to save the time */
  constructor(compiled: WebAssembly.Module | null) {
    this.#compiled = compiled;
  }

  /** The compiled module, once an interpreter was loaded. */
  get compiled(): WebAssembly.Module | null {
    return this.#compiled;
  }

  async load(options: LoadOptions): Promise<Interpreter> {
    const { instantiate } = WebAssembly;
    const { FinalizationRegistry } = globalThis;
    const exchanged = async (
      published: Uint8Array<ArrayBuffer>,
      imports: Record<string, Record<string, WebAssembly.ImportValue>>,
    ) => {
      this.#compiled ??= await WebAssembly.compile(await rewriteImage(published));
      const env = { ...imports["env"], ...options.functions, memory: options.memory };
      const wasi = { ...imports["wasi_snapshot_preview1"], ...options.functions };
      const instance = await instantiate(this.#compiled, { env, wasi_snapshot_preview1: wasi });
      // The rewritten module exports these by construction (EXPORTED in wasm_image.ts).
      options.instantiated(instance.exports as unknown as FirmwareExports);
      return { instance, module: this.#compiled };
    };
    try {
      // The package calls it in this one form only.
      WebAssembly.instantiate = exchanged as unknown as typeof WebAssembly.instantiate;
      globalThis.FinalizationRegistry = NothingFinalized;
      // The package has no types.
      return await loadMicroPython({
        heapsize: options.heapBytes,
        pystack: PYSTACK_WORDS,
      }) as Interpreter;
    } finally {
      WebAssembly.instantiate = instantiate;
      globalThis.FinalizationRegistry = FinalizationRegistry;
    }
  }
}

/** Forgets what it is told. */
class NothingFinalized<T> implements FinalizationRegistry<T> {
  readonly [Symbol.toStringTag] = "FinalizationRegistry";
  register(): void {}
  unregister(): boolean {
    return false;
  }
}
