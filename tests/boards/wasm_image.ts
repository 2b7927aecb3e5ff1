/**
 * Makes firmware out of MicroPython's WebAssembly build: the published module was built for web
 * pages, where nothing blocks, and what a board does while it waits for bytes or time is compiled
 * away. This rewrites a handful of functions of exactly that module so that they ask the harness.
 *
 * INVARIANTS
 * - Function numbers and addresses belong to one binary; its SHA-256 is checked before anything is
 *   touched, so that another version fails aloud instead of running wrong code.
 * - Only these change: where a byte of input comes from (raw-paste, `input()`), how a delay waits,
 *   and that the heap does not grow. Parser, compiler, VM and REPL are the published ones.
 * - The memory becomes an import with a fixed size, shared, so that the serial line's thread can
 *   interrupt a running program as an interrupt handler does on a chip.
 */

import { type FunctionType, type SpillContext, spillPointers } from "./wasm_spill.ts";
import {
  ByteReader,
  ByteWriter,
  functionBody,
  joinBytes,
  section,
  signedLeb,
  unsignedLeb,
} from "./wasm_bytes.ts";
import { takeApart, type WasmSection } from "./wasm_bytes.ts";

const IMAGE_SHA256 = "06338c955b03c5700aa0069015d3e392d76836ef8e2ce25bedbe59b88ccd373c";

/** Calls of the firmware into the harness: `fd_read` with one of these as its descriptor. */
export const TRAP = {
  /** `mp_reader_stdin_readbyte(reader)`: the next byte of a raw-paste, or -1 at its end. */
  pasteByte: 0x7001,
  /** `mp_reader_stdin_close(reader)`: the compiler gave up before the end of a raw-paste. */
  pasteClose: 0x7002,
  /** `mp_hal_stdin_rx_chr()`: waits for a byte. */
  inputByte: 0x7003,
  /** `mp_hal_delay_ms(ms)`. */
  delayMs: 0x7004,
  /** `mp_hal_delay_us(us)`. */
  delayUs: 0x7005,
  /** `nlr_jump_fail(exception)`: an exception that nobody catches, such as a full heap in the REPL. */
  fatal: 0x7008,
  /** `gc_collect()`. */
  collect: 0x7007,
  /** `mp_hal_stdout_tx_strn(bytes, length)`: output that is as it shall be on the line. */
  transmit: 0x7006,
} as const;

/** Where the interpreter keeps what an interrupt handler touches (`mp_state_ctx` and friends). */
export const ADDRESS = {
  /** `mp_interrupt_char`, i32. */
  interruptChar: 178872,
  /** `MP_STATE_THREAD(mp_pending_exception)`, i32. */
  pendingException: 185108 + 40,
  /** `MP_STATE_VM(mp_kbd_exception)`, an object. */
  keyboardException: 185108 + 68,
  /** Its `traceback_data`, i32. */
  keyboardTraceback: 185108 + 76,
  /** `MP_STATE_VM(sched_state)`, i16: 1 idle, 0 pending. */
  schedulerState: 185108 + 252,
  /**
   * The descriptors in the objects `sys.stdin.buffer`, `sys.stdout.buffer`, `sys.stderr.buffer`,
   * i32. They are set to {@linkcode BINARY_FD}, since only text streams translate line ends.
   */
  binaryStreams: [178824 + 4, 178832 + 4, 178840 + 4],
  /** `pyexec_mode_kind`, i32: 1 raw, 0 friendly. */
  replMode: 186084,
} as const;

/** The heap's one area (`MP_STATE_MEM(area)`, py/gc.c) and its fields, each an i32. */
export const HEAP_AREA = {
  address: 185108 + 384,
  allocationTable: 185108 + 388,
  poolStart: 185108 + 400,
  poolEnd: 185108 + 404,
  /** `MP_STATE_MEM(gc_alloc_threshold)`: the web build collects every 16 KiB, chips when full. */
  threshold: 185108 + 940,
} as const;

/** C's stack grows down from here. */
export const C_STACK_TOP = 65536;

/** The exported global that points behind the topmost frame of `wasm_spill.ts`. */
export const SPILL_GLOBAL = "spill_stack";

/** Pages at the end of the memory for those frames. */
const SPILL_PAGES = 24;

/** Where those frames begin in a memory. */
export function spillBase(memory: WebAssembly.Memory): number {
  return memory.buffer.byteLength - SPILL_PAGES * PAGE_BYTES;
}

/** The pages of a memory with room for a heap. */
export function pagesFor(heapBytes: number): number {
  return BASE_PAGES + Math.ceil(heapBytes / PAGE_BYTES) + 1 + SPILL_PAGES;
}

/** The descriptor of the serial line as a binary stream. */
export const BINARY_FD = 0x7000;

/** Bytes of a page of WebAssembly's memory. */
const PAGE_BYTES = 65536;

/**
 * Memory in 64 KiB pages without Python's heap: C's stack, the statics, and room for what the package
 * allocates. The published module asks for 259, of which it uses a fraction, and a soft reset clears
 * them all.
 */
const BASE_PAGES = 32;
const MAXIMUM_PAGES = 32768;

const IMPORTED_FUNCTIONS = 60;
const FD_READ = 46;
const READLINE_INIT = IMPORTED_FUNCTIONS + 1201;
const READLINE_PROCESS_CHAR = IMPORTED_FUNCTIONS + 1196;

const OP = { loop: 0x03, end: 0x0b, brIf: 0x0d, call: 0x10, drop: 0x1a, i32LtS: 0x48 } as const;
const NO_RESULT = 0x40;

function i32(value: number): Uint8Array {
  return joinBytes([0x41], signedLeb(value));
}
function localGet(index: number): Uint8Array {
  return Uint8Array.of(0x20, index);
}
function localTee(index: number): Uint8Array {
  return Uint8Array.of(0x22, index);
}
function call(index: number): Uint8Array {
  return joinBytes([OP.call], unsignedLeb(index));
}
/** `fd_read(trap, argument, second, 0)`, which leaves an i32. */
function trap(number: number, argument: Uint8Array, second = i32(0)): Uint8Array {
  return joinBytes(i32(number), argument, second, i32(0), call(FD_READ));
}

/** New bodies by the number of the function, counted without imports. */
const REPLACED: ReadonlyMap<number, Uint8Array> = new Map([
  // gc_get_max_new_split(): a chip has the heap it has.
  [1217, functionBody(i32(0))],
  [1218, functionBody(trap(TRAP.collect, i32(0)), [OP.drop])],
  [1219, functionBody(trap(TRAP.fatal, localGet(0)), [OP.drop])],
  [1193, functionBody(trap(TRAP.pasteByte, localGet(0)))],
  [1192, functionBody(trap(TRAP.pasteClose, localGet(0)), [OP.drop])],
  [1225, functionBody(trap(TRAP.transmit, localGet(0), localGet(1)))],
  [1226, functionBody(trap(TRAP.delayMs, localGet(0)), [OP.drop])],
  [1228, functionBody(trap(TRAP.delayUs, localGet(0)), [OP.drop])],
  // readline(line, prompt): as in shared/readline/readline.c, with a real mp_hal_stdin_rx_chr.
  [
    1202,
    functionBody(
      localGet(0),
      localGet(1),
      call(READLINE_INIT),
      [OP.loop, NO_RESULT],
      trap(TRAP.inputByte, i32(0)),
      call(READLINE_PROCESS_CHAR),
      localTee(1),
      i32(0),
      [OP.i32LtS, OP.brIf, 0, OP.end],
      localGet(1),
    ),
  ],
]);

/** Functions that the harness calls and the published module keeps to itself. */
const EXPORTED: Readonly<Record<string, number>> = {
  gc_collect_start: 18,
  gc_mark_subtree: 19,
  gc_collect_end: 20,
  nlr_jump: 6,
  mp_handle_pending: 373,
};

/**
 * Rewrites the published module.
 *
 * @throws {Error} when it is not the binary that the numbers above belong to
 */
export async function rewriteImage(
  published: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", published));
  if (digest.toHex() !== IMAGE_SHA256) {
    throw new Error(
      "micropython.wasm is not the build that wasm_image.ts knows; adapt its numbers",
    );
  }
  const sections = takeApart(published);
  const context = readContext(sections);
  const parts = sections.map(({ id, payload }) => {
    switch (id) {
      case section.import:
        return { id, payload: importMemory(payload) };
      case section.memory:
        return { id, payload: Uint8Array.of(0) };
      case section.global:
        return { id, payload: addGlobal(payload) };
      case section.export:
        return { id, payload: exportMore(payload, context.stackGlobal) };
      case section.code:
        return { id, payload: rewriteBodies(payload, context) };
      default:
        return { id, payload };
    }
  });
  return joinBytes(
    published.subarray(0, 8),
    ...parts.map(({ id, payload }) => joinBytes([id], unsignedLeb(payload.length), payload)),
  );
}

/** Reads what `wasm_spill.ts` has to know. The module imports functions only. */
function readContext(sections: readonly WasmSection[]): SpillContext {
  const read = (wanted: number) =>
    new ByteReader(sections.find(({ id }) => id === wanted)?.payload ?? new Uint8Array());
  const typeReader = read(section.type);
  const types = repeat(typeReader.unsigned(), (): FunctionType => {
    typeReader.byte();
    const parameters = [...typeReader.take(typeReader.unsigned())];
    return { parameters, results: [...typeReader.take(typeReader.unsigned())] };
  });
  const importReader = read(section.import);
  const imported = repeat(importReader.unsigned(), () => {
    importReader.take(importReader.unsigned());
    importReader.take(importReader.unsigned());
    if (importReader.byte() !== 0) throw new Error("micropython.wasm imports more than functions");
    return importReader.unsigned();
  });
  const functionReader = read(section.function);
  const defined = repeat(functionReader.unsigned(), () => functionReader.unsigned());
  return {
    types,
    functionTypes: [...imported, ...defined].map((index) => present(types[index])),
    importedFunctions: imported.length,
    stackGlobal: read(section.global).unsigned(),
  };
}

function repeat<Item>(count: number, read: () => Item): Item[] {
  return Array.from({ length: count }, read);
}

function present<Item>(item: Item | undefined): Item {
  if (item === undefined) throw new RangeError("The WebAssembly module refers to what it has not");
  return item;
}

function vector(count: number, ...items: Uint8Array[]): Uint8Array {
  return joinBytes(unsignedLeb(count), ...items);
}

function name(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text);
  return joinBytes(unsignedLeb(bytes.length), bytes);
}

function importMemory(payload: Uint8Array): Uint8Array {
  const reader = new ByteReader(payload);
  const count = reader.unsigned();
  const sharedWithMaximum = 0x03;
  const memory = joinBytes(
    name("env"),
    name("memory"),
    [0x02, sharedWithMaximum],
    unsignedLeb(BASE_PAGES),
    unsignedLeb(MAXIMUM_PAGES),
  );
  return vector(count + 1, reader.rest(), memory);
}

/** The global of `wasm_spill.ts`; the harness sets it before anything runs. */
function addGlobal(payload: Uint8Array): Uint8Array {
  const reader = new ByteReader(payload);
  const count = reader.unsigned();
  const mutableI32 = [0x7f, 0x01];
  return vector(count + 1, reader.rest(), joinBytes(mutableI32, i32(0), [OP.end]));
}

function exportMore(payload: Uint8Array, stackGlobal: number): Uint8Array {
  const reader = new ByteReader(payload);
  const count = reader.unsigned();
  const asFunction = 0x00;
  const asGlobal = 0x03;
  const more = Object.entries(EXPORTED).map(([text, index]) =>
    joinBytes(name(text), [asFunction], unsignedLeb(IMPORTED_FUNCTIONS + index))
  );
  more.push(joinBytes(name(SPILL_GLOBAL), [asGlobal], unsignedLeb(stackGlobal)));
  return vector(count + more.length, reader.rest(), ...more);
}

function rewriteBodies(payload: Uint8Array, context: SpillContext): Uint8Array {
  const reader = new ByteReader(payload);
  const count = reader.unsigned();
  const out = new ByteWriter().unsigned(count);
  for (let index = 0; index < count; index++) {
    const published = reader.take(reader.unsigned());
    const type = present(context.functionTypes[context.importedFunctions + index]);
    const body = spillPointers(REPLACED.get(index) ?? published, type, context);
    out.unsigned(body.length).bytes(body);
  }
  return out.written;
}
