/** When boards are visited again. */
import fc from "fast-check";
import { retryDelayMs } from "../../../agent/daemon/retry_delay.ts";
import { assert, assertEquals } from "../../assert.ts";
import { untouched } from "../outcomes.ts";

const LONGEST_MS = 15 * 60_000;
const failures = fc.integer({ min: 1, max: 100_000 });
const kind = fc.constantFrom("unreachable", "failed");
const passing = fc.constantFrom(
  "port_busy",
  "port_lost",
  "no_response",
  "timed_out",
  "board_error",
);
const lasting = fc.constantFrom("app_failed", "no_space", "version_order", "no_directories");

Deno.test("retryDelayMs() doubles from 10 s up to 15 minutes", () => {
  const busy = untouched("unreachable", "port_busy");
  assertEquals(
    [1, 2, 3, 6, 7, 8, 1000].map((failures) => retryDelayMs(busy, failures)),
    [10_000, 20_000, 40_000, 320_000, 640_000, LONGEST_MS, LONGEST_MS],
  );
});

Deno.test("retryDelayMs() never gives up on a board whose trouble may pass", () => {
  fc.assert(fc.property(kind, passing, failures, (kind, code, failures) => {
    const delayMs = retryDelayMs(untouched(kind, code), failures) ?? NaN;
    const nextMs = retryDelayMs(untouched(kind, code), failures + 1) ?? NaN;
    assert(10_000 <= delayMs && delayMs <= nextMs && nextMs <= LONGEST_MS, `${delayMs}, ${nextMs}`);
  }));
});

Deno.test("retryDelayMs() is null where only a person, or a release, changes something", () => {
  fc.assert(fc.property(kind, lasting, failures, (kind, code, failures) => {
    assertEquals(retryDelayMs(untouched(kind, code), failures), null);
  }));
});

for (const outcome of ["updated", "current", "skipped", "rolled_back"] as const) {
  Deno.test(`retryDelayMs() is null for a board that is ${outcome}`, () => {
    assertEquals(retryDelayMs({ outcome, reason: null }, 1), null);
    const reason = { code: "port_busy", message: "" } as const;
    assertEquals(retryDelayMs({ outcome, reason }, 1), null);
  });
}

Deno.test("retryDelayMs() visits again after a failure without a reason", () => {
  assertEquals(retryDelayMs({ outcome: "failed", reason: null }, 1), 10_000);
});
