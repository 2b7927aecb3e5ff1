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

import { ByteReader, joinBytes, signedLeb, unsignedLeb } from "./wasm_bytes.ts";

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

/** One instruction: its bytes within the body, and the number behind the operation if it has one. */
interface Instruction {
  readonly op: number;
  readonly start: number;
  readonly end: number;
  readonly operand: number;
}

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
  const instructions = decode(body, reader.position);
  if (!instructions.some(({ op }) => op === OP.call || op === OP.callIndirect)) return body;

  const frame = new Frame(locals, context.stackGlobal);
  const code = rewriteCode(body, instructions, { frame, context });
  const parameters = type.parameters.map((_, index) => frame.keepLocal(index));
  return joinBytes(
    unsignedLeb(groupCount + 1),
    declarations,
    [3, I32], // the frame's own locals, behind all others
    frame.enter(),
    ...parameters,
    [OP.block, type.results[0] ?? EMPTY_BLOCK],
    code,
    frame.leave(),
    [OP.end],
  );
}

/** Puts the copying into a body, whose last `end` closes the block that now surrounds it. */
function rewriteCode(
  body: Uint8Array,
  instructions: readonly Instruction[],
  { frame, context }: { readonly frame: Frame; readonly context: SpillContext },
): Uint8Array {
  const out: ArrayLike<number>[] = [];
  let depth = 0;
  instructions.forEach(({ op, operand, start, end }, index) => {
    if (op === OP.return) {
      out.push([OP.br, ...unsignedLeb(depth)]);
      return;
    }
    out.push(body.subarray(start, end));
    if (op === OP.block || op === OP.loop || op === OP.if) depth++;
    else if (op === OP.end) depth--;
    else if (op === OP.localSet || op === OP.localTee) out.push(frame.keepLocal(operand));
    else if (op === OP.call || op === OP.callIndirect) {
      if (op === OP.call && operand < context.importedFunctions) out.push(frame.reset());
      const type = op === OP.call ? context.functionTypes[operand] : context.types[operand];
      const next = instructions[index + 1];
      if (type?.results[0] === I32 && next !== undefined && leavesOperand(next.op)) {
        out.push(frame.keepOperand());
      }
    }
  });
  return joinBytes(...out);
}

/** The frame of one function: hands out slots, and the code that fills them. */
class Frame {
  readonly #pointer: number;
  readonly #top: number;
  readonly #temporary: number;
  readonly #stackGlobal: number;
  readonly #slots = new Map<number, number>();
  #slotCount = 0;

  constructor(locals: readonly number[], stackGlobal: number) {
    this.#pointer = locals.length;
    this.#top = locals.length + 1;
    this.#temporary = locals.length + 2;
    this.#stackGlobal = stackGlobal;
    locals.forEach((valueType, index) => {
      if (valueType === I32) this.#slots.set(index, this.#slotCount++);
    });
  }

  /** To be asked last, when all slots are known. */
  enter(): Uint8Array {
    const sizeBytes = signedLeb(this.#slotCount * 4);
    return joinBytes(
      [OP.globalGet, ...unsignedLeb(this.#stackGlobal), OP.localTee, ...unsignedLeb(this.#pointer)],
      [OP.i32Const, ...sizeBytes, OP.i32Add, OP.localTee, ...unsignedLeb(this.#top)],
      [OP.globalSet, ...unsignedLeb(this.#stackGlobal)],
      [OP.localGet, ...unsignedLeb(this.#pointer), OP.i32Const, 0, OP.i32Const, ...sizeBytes],
      [OP.prefixed, MEMORY_FILL, 0],
    );
  }

  leave(): Uint8Array {
    return joinBytes(
      [OP.localGet, ...unsignedLeb(this.#pointer)],
      [OP.globalSet, ...unsignedLeb(this.#stackGlobal)],
    );
  }

  reset(): Uint8Array {
    return joinBytes(
      [OP.localGet, ...unsignedLeb(this.#top), OP.globalSet, ...unsignedLeb(this.#stackGlobal)],
    );
  }

  keepLocal(index: number): Uint8Array {
    const slot = this.#slots.get(index);
    return slot === undefined ? new Uint8Array() : this.#store(index, slot);
  }

  /** Copies the i32 on top of the operand stack, and leaves it there. */
  keepOperand(): Uint8Array {
    return joinBytes(
      [OP.localTee, ...unsignedLeb(this.#temporary)],
      this.#store(this.#temporary, this.#slotCount++),
    );
  }

  #store(local: number, slot: number): Uint8Array {
    const alignment = 2;
    return joinBytes(
      [OP.localGet, ...unsignedLeb(this.#pointer), OP.localGet, ...unsignedLeb(local)],
      [OP.i32Store, alignment, ...unsignedLeb(slot * 4)],
    );
  }
}

/** Whether an instruction lets what is on top of the operand stack wait for more to be evaluated. */
function leavesOperand(op: number): boolean {
  return op === OP.block || op === OP.loop || op === OP.localGet || op === OP.globalGet ||
    (op >= OP.i32Const && op <= OP.f64Const);
}

function decode(body: Uint8Array, from: number): Instruction[] {
  const reader = new ByteReader(body, from);
  const instructions: Instruction[] = [];
  while (!reader.atEnd) {
    const start = reader.position;
    const op = reader.byte();
    const operand = skipImmediates(op, reader);
    instructions.push({ op, start, end: reader.position, operand });
  }
  return instructions;
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
      reader.take(4);
      return 0;
    case OP.f64Const:
      reader.take(8);
      return 0;
    case OP.prefixed: {
      const kind = reader.unsigned();
      if (kind === MEMORY_COPY) reader.take(2);
      else if (kind === MEMORY_FILL) reader.take(1);
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
