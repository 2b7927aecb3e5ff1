/** How long a visit may take, and what happens when it takes longer. */
import { UotaError } from "../../errors/mod.ts";
import { commitBoundMs, openingBoundMs, VisitBound, workBoundMs } from "../../agent/visit_bound.ts";
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { ManualClock } from "../manual_clock.ts";

const BAUD = 115_200;
const MINUTE_MS = 60_000;

function bounded(allowMs: number) {
  const clock = new ManualClock();
  let overdue = 0;
  const bound = new VisitBound({
    ...{ port: "/dev/ttyACM0", allowMs, clock },
    onOverdue: () => void overdue++,
  });
  return { clock, bound, overdue: () => overdue };
}

Deno.test("VisitBound aborts with too_slow, says what the board was at, and gives up the place", () => {
  const { clock, bound, overdue } = bounded(90_000);
  bound.allow(3 * MINUTE_MS, "taking the release");
  clock.advance(3 * MINUTE_MS - 1);
  assertEquals([bound.signal.aborted, overdue()], [false, 0]);
  clock.advance(1);
  const { reason } = bound.signal;
  assert(reason instanceof UotaError);
  assertEquals([reason.code, overdue()], ["too_slow", 1]);
  assertIncludes(reason.message, "The board on /dev/ttyACM0 is too slow: after 3 min");
  assertIncludes(reason.message, "still taking the release");
});

Deno.test("VisitBound.allow() counts from now, not from what the step before had left", () => {
  const { clock, bound } = bounded(1000);
  clock.advance(900);
  bound.allow(1000, "being inspected");
  clock.advance(999);
  assertEquals(bound.signal.aborted, false);
  clock.advance(1);
  assertEquals(bound.signal.aborted, true);
});

Deno.test("VisitBound.hold() keeps the visit going, and only gives up its place", () => {
  const { clock, bound, overdue } = bounded(1000);
  bound.hold(5000);
  clock.advance(4999);
  assertEquals(overdue(), 0);
  clock.advance(100_000);
  bound.allow(1000, "being reset");
  clock.advance(100_000);
  assertEquals([bound.signal.aborted, overdue()], [false, 1]);
});

Deno.test("VisitBound does nothing any more when it was disposed of", () => {
  const { clock, bound, overdue } = bounded(1000);
  bound[Symbol.dispose]();
  clock.advance(2000);
  assertEquals([bound.signal.aborted, overdue()], [false, 0]);
});

Deno.test("workBoundMs() is several times what was measured, and grows with the work", () => {
  const firstInstallation = { files: 28, sentBytes: 195_289, readBytes: 0, baud: BAUD };
  const measuredMs = 26_900;
  const allowedMs = workBoundMs(firstInstallation);
  assert(allowedMs > 4 * measuredMs && allowedMs < 15 * MINUTE_MS, `${allowedMs} ms`);
  const smallFiles = { files: 200, sentBytes: 200 * 205, readBytes: 200 * 205, baud: BAUD };
  assert(workBoundMs(smallFiles) > 4 * 45_500);
  assert(workBoundMs({ ...firstInstallation, baud: 9600 }) > allowedMs + 10 * MINUTE_MS);
  assertEquals(workBoundMs({ files: 0, sentBytes: 0, readBytes: 0, baud: BAUD }), 92_845);
  assertEquals(openingBoundMs(BAUD), 92_845);
  assertEquals(commitBoundMs({ files: 10, confirmMs: 5000 }), 200_000);
});
