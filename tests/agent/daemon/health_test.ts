/** What keeps the keep-alive back. */
import { POLL_BOUND_MS, whatHangs } from "../../../agent/daemon/health.ts";
import { assert, assertEquals } from "../../assert.ts";

Deno.test("whatHangs() finds nothing in polls that are within their bound, or have just ended", () => {
  assertEquals(whatHangs([], 0), null);
  assertEquals(whatHangs([null, 0], POLL_BOUND_MS), null);
});

Deno.test("whatHangs() finds a poll that goes on long after it was aborted", () => {
  assert(whatHangs([null, 0], POLL_BOUND_MS + 10 * 60_000) !== null);
});
