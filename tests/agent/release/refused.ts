/** Asserting how something is refused: by its code, and by its own message. */

import assert from "node:assert/strict";
import { type ErrorCode, UotaError } from "../../../errors/mod.ts";

/** Runs `action`, which must throw a `UotaError` with this code and message. */
export async function assertRefused(
  action: () => unknown,
  code: ErrorCode,
  message: RegExp,
): Promise<void> {
  let result: unknown;
  try {
    result = await action();
  } catch (error) {
    assert.ok(error instanceof UotaError, `threw something else: ${Deno.inspect(error)}`);
    assert.equal(error.code, code, error.message);
    assert.match(error.message, message);
    assert.doesNotMatch(error.message, /\.$/, "a message ends without a period");
    return;
  }
  assert.fail(`was not refused but gave ${Deno.inspect(result)}`);
}
