/**
 * Calls that prove on the board that they arrived whole: what `on_board/guard.py` and
 * `guard_sum.py` check. A UART has no check of its own, and a bit that flips in a path or in a
 * function would otherwise be carried out.
 */
import { createHash, type Hash } from "node:crypto";
import { literal, type Transfer } from "./literal.ts";
import { type Script, scripts } from "./script.ts";

/** The values that a call takes; a list arrives as a tuple. */
export type Argument = string | number | boolean | null | Uint8Array | readonly Argument[];
/** An argument that is no list. */
type Scalar = Exclude<Argument, readonly unknown[]>;

/** One of the two ways of checking. */
export interface Guard {
  readonly script: Script;
  /** The source of a guarded call: `_uota` is the guard (`clean_place.ts`). */
  call(name: string, values: readonly Argument[], transfer: Transfer): Script;
}

/** Four bytes of SHA-256. */
export const sha256Guard: Guard = guardOf(scripts.guard, (name, values) => {
  const hash = createHash("sha256").update(name);
  absorb(hash, values);
  return new Uint8Array(hash.digest().subarray(0, 4));
});

/** A sum: one damaged byte always changes it, two may not. */
export const sumGuard: Guard = guardOf(
  scripts.guardSum,
  (name, values) => sum(name) + sum(values),
);

function guardOf(
  script: Script,
  check: (name: string, values: readonly Argument[]) => Uint8Array | number,
): Guard {
  return {
    script,
    call(name, values, transfer) {
      const parts = [check(name, values), name, ...values].map((value) => literal(value, transfer));
      const head = new TextEncoder().encode("_uota(");
      const source = new Uint8Array(
        head.byteLength + parts.reduce((total, part) => total + part.byteLength + 1, 0),
      );
      source.set(head);
      let at = head.byteLength;
      for (const [index, part] of parts.entries()) {
        source.set(part, at);
        at += part.byteLength;
        source[at++] = index === parts.length - 1 ? 0x29 : 0x2c; // ) or ,
      }
      return source;
    },
  };
}

function absorb(hash: Hash, value: Argument): void {
  if (isSequence(value)) {
    for (const part of value) absorb(hash, part);
  } else {
    hash.update("\n");
    hash.update(asBytes(value));
  }
}

function sum(value: Argument): number {
  if (isSequence(value)) return value.reduce<number>((total, part) => total + sum(part), 0);
  const bytes = asBytes(value);
  return bytes.reduce((total, byte) => total + byte, 0) + 65537 * (bytes.byteLength + 1);
}

function isSequence(value: Argument): value is readonly Argument[] {
  return Array.isArray(value);
}

/** What the board makes of a value that is no bytes there. */
function asBytes(value: Scalar): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const text = value === null
    ? "None"
    : typeof value === "boolean"
    ? value ? "True" : "False"
    : String(value);
  return new TextEncoder().encode(text);
}
