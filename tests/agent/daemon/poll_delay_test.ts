/** When sources are asked again. */
import fc from "fast-check";
import { pollDelayMs, type PollEnd, pollEndOf } from "../../../agent/daemon/poll_delay.ts";
import { ERROR_CODES } from "../../../errors/mod.ts";
import { assert, assertEquals } from "../../assert.ts";

const HOUR_MS = 3_600_000;
/** What the configuration allows. */
const intervalMs = fc.integer({ min: 1000, max: 7 * 24 * HOUR_MS });
const failures = fc.integer({ min: 1, max: 100_000 });
const random = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const retryAfterMs = fc.option(fc.integer({ min: 0, max: 1000 * HOUR_MS }));
const end = fc.constantFrom<PollEnd>("answered", "faulty", "wrong");

Deno.test("pollDelayMs() is the interval with jitter, unless a fault may pass", () => {
  fc.assert(fc.property(intervalMs, failures, random, (intervalMs, failures, random) => {
    for (const end of ["answered", "wrong"] as const) {
      const delayMs = pollDelayMs(end, { intervalMs, failures, random, retryAfterMs: null });
      assert(Math.abs(delayMs - intervalMs) <= intervalMs * 0.1 + 1, `${delayMs}`);
    }
  }));
});

Deno.test("pollDelayMs() backs off from 5 s by doubling, and no longer than the interval", () => {
  const options = { intervalMs: 60_000, random: 0.5, retryAfterMs: null };
  assertEquals(
    [1, 2, 3, 4, 5, 6, 1000].map((failures) => pollDelayMs("faulty", { ...options, failures })),
    [5000, 10_000, 20_000, 40_000, 60_000, 60_000, 60_000],
  );
  fc.assert(fc.property(intervalMs, failures, random, (intervalMs, failures, random) => {
    const options = { intervalMs, random, retryAfterMs: null };
    const delayMs = pollDelayMs("faulty", { ...options, failures });
    assert(delayMs >= Math.min(intervalMs, 5000) * 0.9 - 1, `${delayMs} is too soon`);
    assert(delayMs <= intervalMs * 1.1 + 1, `${delayMs} is too late`);
    assert(delayMs <= pollDelayMs("faulty", { ...options, failures: failures + 1 }));
  }));
});

Deno.test("pollDelayMs() spreads gateways that began together over a fifth of the interval", () => {
  const options = { intervalMs: 10_000, failures: 0, retryAfterMs: null };
  assertEquals(pollDelayMs("answered", { ...options, random: 0 }), 9000);
  assertEquals(pollDelayMs("answered", { ...options, random: 1 - Number.EPSILON }), 11_000);
});

Deno.test("pollDelayMs() leaves a server alone for as long as it asks, up to an hour", () => {
  const property = fc.property(
    ...[end, intervalMs, failures, random, retryAfterMs] as const,
    (end, intervalMs, failures, random, retryAfterMs) => {
      const options = { intervalMs, failures, random };
      const plainMs = pollDelayMs(end, { ...options, retryAfterMs: null });
      const delayMs = pollDelayMs(end, { ...options, retryAfterMs });
      assert(delayMs >= plainMs, "sooner than the back-off");
      assert(delayMs >= Math.min(retryAfterMs ?? 0, HOUR_MS), "sooner than it asks for");
      assert(delayMs <= Math.max(plainMs, HOUR_MS), "much later than it asks for");
      assert(delayMs <= Math.max(plainMs, (retryAfterMs ?? 0) * 1.1 + 1), "later than it asks for");
    },
  );
  fc.assert(property);
});

Deno.test("pollEndOf() takes for passing what a server or its network may mend by itself", () => {
  const faulty = ERROR_CODES.filter((code) => pollEndOf(code) === "faulty");
  assertEquals(faulty, ["server_unreachable", "server_error", "tls"]);
});
