/**
 * The assertions that the tests use, over `node:assert`: strict, with types that narrow.
 */
import { deepStrictEqual, ok } from "node:assert/strict";

/** Deep and strict equality. */
export function assertEquals<Value>(actual: Value, expected: Value, message?: string): void {
  deepStrictEqual(actual, expected, message);
}

export function assert(condition: unknown, message?: string): asserts condition {
  ok(condition, message);
}

/** The text contains the part. */
export function assertIncludes(text: string, part: string): void {
  ok(text.includes(part), `${JSON.stringify(part)} is not in:\n${text}`);
}

/** Whatever `attempt` throws, which must be a `kind`. */
export function assertThrows<Failure extends Error>(
  attempt: () => unknown,
  kind: new (...parameters: never[]) => Failure,
): Failure {
  try {
    attempt();
  } catch (error) {
    ok(error instanceof kind, `Expected ${kind.name}, got ${error}`);
    return error;
  }
  throw new Error(`Expected ${kind.name}, nothing was thrown`);
}

/** Whatever `attempt` rejects with, which must be a `kind`. */
export async function assertRejects<Failure extends Error>(
  attempt: () => Promise<unknown>,
  kind: new (...parameters: never[]) => Failure,
): Promise<Failure> {
  try {
    await attempt();
  } catch (error) {
    ok(error instanceof kind, `Expected ${kind.name}, got ${error}`);
    return error;
  }
  throw new Error(`Expected ${kind.name}, nothing was thrown`);
}
