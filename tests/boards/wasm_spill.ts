/**
 * Lets a garbage collector see the pointers that a WebAssembly function holds in its locals, which
 * no program can look at: each function that calls another keeps copies of them in a frame on a
 * stack of its own in memory (what compilers call spilling).
 *
 * The published MicroPython collects only while no Python runs, and grows its heap meanwhile. A
 * board's heap does not grow; it collects in the middle of a program. With the copies, ours can.
 *
 * INVARIANTS
 * - A frame is cleared at entry, holds a slot for each i32 local and for each i32 that a call left
 *   on the operand stack while more is evaluated, and is given back on every way out.
 * - After a call that can come back by `longjmp` (all of these go through imports) the stack is set
 *   to the caller's frame again.
 * - The collector takes every word of the stack for a possible pointer, so a stale one costs memory
 *   but never correctness.
 */

import { ByteReader, ByteWriter, signedLeb, unsignedLeb } from "./wasm_bytes.ts";

/** A function's type, as far as it matters here. */
export interface FunctionType {
  readonly parameters: readonly number[];
  readonly results: readonly number[];
}

/** What spilling needs to know of the module around a function. */
export interface SpillContext {
  readonly types: readonly FunctionType[];
  /** The type of each function, imports first. */
  readonly functionTypes: readonly FunctionType[];
  readonly importedFunctions: number;
  /** The number of the mutable i32 global that points behind the topmost frame. */
  readonly stackGlobal: number;
}

const I32 = 0x7f;
const EMPTY_BLOCK = 0x40;
const LAST_TRUNCATION = 7;
const MEMORY_COPY = 10;
const MEMORY_FILL = 11;
/** `i64.extend32_s`: from `i32.eqz` on, nothing follows an operation. */
const LAST_SIMPLE = 0xc4;
const OP = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  return: 0x0f,
  call: 0x10,
  callIndirect: 0x11,
  select: 0x1b,
  localGet: 0x20,
  localSet: 0x21,
  localTee: 0x22,
  globalGet: 0x23,
  globalSet: 0x24,
  firstMemory: 0x28,
  i32Store: 0x36,
  lastMemory: 0x3e,
  memorySize: 0x3f,
  memoryGrow: 0x40,
  i32Const: 0x41,
  i64Const: 0x42,
  f32Const: 0x43,
  f64Const: 0x44,
  i32Add: 0x6a,
  prefixed: 0xfc,
} as const;

/** Returns the body with spilling, or the body itself where it calls nothing. */
export function spillPointers(
  body: Uint8Array,
  type: FunctionType,
  context: SpillContext,
): Uint8Array {
  const reader = new ByteReader(body);
  const declarations: number[] = [];
  const locals = [...type.parameters];
  const groupCount = reader.unsigned();
  for (let group = 0; group < groupCount; group++) {
    const count = reader.unsigned();
    const valueType = reader.byte();
    declarations.push(...unsignedLeb(count), valueType);
    for (let index = 0; index < count; index++) locals.push(valueType);
  }
  const frame = new Frame(locals, context.stackGlobal);
  const code = new ByteWriter();
  if (!rewriteCode(body, reader, { frame, context, code })) return body;

  const out = new ByteWriter();
  // The frame's own locals, behind all others.
  out.unsigned(groupCount + 1).bytes(Uint8Array.from(declarations)).byte(3).byte(I32);
  frame.enter(out);
  type.parameters.forEach((_, index) => frame.keepLocal(out, index));
  out.byte(OP.block).byte(type.results[0] ?? EMPTY_BLOCK).bytes(code.written);
  frame.leave(out);
  return out.byte(OP.end).written;
}

/**
 * Puts the copying into a body, whose last `end` closes the block that now surrounds it.
 *
 * @returns whether the body calls anything
 */
function rewriteCode(
  body: Uint8Array,
  reader: ByteReader,
  { frame, context, code }: {
    readonly frame: Frame;
    readonly context: SpillContext;
    readonly code: ByteWriter;
  },
): boolean {
  let calls = false;
  let depth = 0;
  let copied = reader.position;
  const copyTo = (position: number) => {
    code.bytes(body.subarray(copied, position));
    copied = position;
  };
  while (!reader.atEnd) {
    const start = reader.position;
    const op = reader.byte();
    const operand = skipImmediates(op, reader);
    switch (op) {
      case OP.block:
      case OP.loop:
      case OP.if:
        depth++;
        break;
      case OP.end:
        depth--;
        break;
      case OP.return:
        copyTo(start);
        copied = reader.position;
        code.byte(OP.br).unsigned(depth);
        break;
      case OP.localSet:
      case OP.localTee:
        copyTo(reader.position);
        frame.keepLocal(code, operand);
        break;
      case OP.call:
      case OP.callIndirect: {
        calls = true;
        copyTo(reader.position);
        if (op === OP.call && operand < context.importedFunctions) frame.reset(code);
        const type = op === OP.call ? context.functionTypes[operand] : context.types[operand];
        if (type?.results[0] === I32 && leavesOperand(reader.peek())) frame.keepOperand(code);
        break;
      }
    }
  }
  copyTo(reader.position);
  return calls;
}

/** The frame of one function: hands out slots, and writes the code that fills them. */
class Frame {
  readonly #pointer: number;
  readonly #top: number;
  readonly #temporary: number;
  readonly #stackGlobal: number;
  readonly #slots: (number | undefined)[];
  #slotCount = 0;

  constructor(locals: readonly number[], stackGlobal: number) {
    this.#pointer = locals.length;
    this.#top = locals.length + 1;
    this.#temporary = locals.length + 2;
    this.#stackGlobal = stackGlobal;
    this.#slots = locals.map((valueType) => valueType === I32 ? this.#slotCount++ : undefined);
  }

  /** To be asked last, when all slots are known. */
  enter(out: ByteWriter): void {
    const sizeBytes = signedLeb(this.#slotCount * 4);
    out.byte(OP.globalGet).unsigned(this.#stackGlobal).byte(OP.localTee).unsigned(this.#pointer);
    out.byte(OP.i32Const).bytes(sizeBytes).byte(OP.i32Add).byte(OP.localTee).unsigned(this.#top);
    out.byte(OP.globalSet).unsigned(this.#stackGlobal);
    out.byte(OP.localGet).unsigned(this.#pointer).byte(OP.i32Const).byte(0);
    out.byte(OP.i32Const).bytes(sizeBytes).byte(OP.prefixed).byte(MEMORY_FILL).byte(0);
  }

  leave(out: ByteWriter): void {
    out.byte(OP.localGet).unsigned(this.#pointer).byte(OP.globalSet).unsigned(this.#stackGlobal);
  }

  /** Drops what a `longjmp` has left above this frame. */
  reset(out: ByteWriter): void {
    out.byte(OP.localGet).unsigned(this.#top).byte(OP.globalSet).unsigned(this.#stackGlobal);
  }

  keepLocal(out: ByteWriter, index: number): void {
    const slot = this.#slots[index];
    if (slot !== undefined) this.#store(out, index, slot);
  }

  /** Copies the i32 on top of the operand stack, and leaves it there. */
  keepOperand(out: ByteWriter): void {
    out.byte(OP.localTee).unsigned(this.#temporary);
    this.#store(out, this.#temporary, this.#slotCount++);
  }

  #store(out: ByteWriter, local: number, slot: number): void {
    const alignment = 2;
    out.byte(OP.localGet).unsigned(this.#pointer).byte(OP.localGet).unsigned(local);
    out.byte(OP.i32Store).byte(alignment).unsigned(slot * 4);
  }
}

/** Whether an instruction lets what is on top of the operand stack wait for more to be evaluated. */
function leavesOperand(op: number | undefined): boolean {
  if (op === undefined) return false;
  return op === OP.block || op === OP.loop || op === OP.localGet || op === OP.globalGet ||
    (op >= OP.i32Const && op <= OP.f64Const);
}

/** Passes over what follows an operation; answers its first number. */
function skipImmediates(op: number, reader: ByteReader): number {
  if (op >= OP.firstMemory && op <= OP.lastMemory) {
    const alignment = reader.unsigned();
    reader.unsigned();
    return alignment;
  }
  if (op >= OP.localGet && op <= OP.globalSet) return reader.unsigned();
  switch (op) {
    case OP.block:
    case OP.loop:
    case OP.if:
    case OP.br:
    case OP.brIf:
    case OP.call:
    case OP.memorySize:
    case OP.memoryGrow:
    case OP.i32Const:
    case OP.i64Const:
      // Signed numbers are as long as unsigned ones; nobody asks for their value.
      return reader.unsigned();
    case OP.callIndirect: {
      const type = reader.unsigned();
      reader.unsigned();
      return type;
    }
    case OP.brTable: {
      const count = reader.unsigned();
      for (let index = 0; index <= count; index++) reader.unsigned();
      return count;
    }
    case OP.f32Const:
      reader.advance(4);
      return 0;
    case OP.f64Const:
      reader.advance(8);
      return 0;
    case OP.prefixed: {
      const kind = reader.unsigned();
      if (kind === MEMORY_COPY) reader.advance(2);
      else if (kind === MEMORY_FILL) reader.advance(1);
      else if (kind > LAST_TRUNCATION) throw new RangeError(`Unknown instruction 0xfc ${kind}`);
      return kind;
    }
    default:
      if (op > OP.select && op < OP.localGet || op > LAST_SIMPLE) {
        throw new RangeError(`Unknown instruction 0x${op.toString(16)}`);
      }
      return 0;
  }
}
