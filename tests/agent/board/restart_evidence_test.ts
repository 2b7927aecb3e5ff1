/** Boots tells a program that restarts its board from a cable, a power supply, and a busy machine. */
import { Boots } from "../../../agent/board/restart_evidence.ts";
import type { Evidence } from "../../../serial/mod.ts";
import { assertEquals } from "../../assert.ts";

/** What a board says that started at `startMs` of our clock, asked at `atMs`, heard `tookMs` later. */
function evidence(
  resetCause: Evidence["resetCause"],
  { startMs, atMs, tookMs = 20 }: {
    readonly startMs: number | null;
    readonly atMs: number;
    readonly tookMs?: number;
  },
): Evidence {
  const uptimeMs = startMs === null ? null : atMs + tookMs - startMs;
  return { resetCause, uptimeMs, askedAtMs: atMs, answeredAtMs: atMs + tookMs };
}

function bootsAt(startMs: number, cause: Evidence["resetCause"]): Boots {
  const boots = new Boots(() => 0);
  boots.resetByUs();
  boots.returned(evidence(cause, { startMs, atMs: startMs + 300 }));
  return boots;
}

Deno.test("Boots.look() sees that a board has not restarted, however long asking takes", () => {
  for (const tookMs of [1, 500, 4000]) {
    const boots = bootsAt(100, "hard");
    assertEquals(boots.look(evidence("hard", { startMs: 100, atMs: 6000, tookMs })), "same");
  }
});

Deno.test("Boots.look() tells a clock that is off from a program that fails at once", () => {
  // It has started at 100, and was looked at from 400 to 420.
  const restarted = evidence("hard", { startMs: 500, atMs: 700 });
  assertEquals(bootsAt(100, "hard").look(restarted), "restarted");
  const slow = { ...evidence("hard", { startMs: 100, atMs: 60_000 }), uptimeMs: 58_000 };
  assertEquals(bootsAt(100, "hard").look(slow), "same");
});

Deno.test("Boots.look() tells a restart from a loss of power by the reset cause", () => {
  const at = { startMs: 4000, atMs: 6000 };
  assertEquals(bootsAt(100, "hard").look(evidence("hard", at)), "restarted");
  assertEquals(bootsAt(100, "hard").look(evidence("watchdog", at)), "restarted");
  assertEquals(bootsAt(100, "hard").look(evidence("power_on", at)), "power");
  // Of a port that calls our own reset a power-on, nothing can be learned from that.
  assertEquals(bootsAt(100, "power_on").look(evidence("power_on", at)), "restarted");
});

Deno.test("Boots.look() knows from our reset alone by when the board has started", () => {
  const boots = new Boots(() => 1000);
  boots.resetByUs();
  assertEquals(boots.look(evidence("hard", { startMs: 2500, atMs: 9000 })), "same");
  assertEquals(boots.look(evidence("hard", { startMs: 8000, atMs: 9000 })), "restarted");
});

Deno.test("Boots.look() knows nothing without a clock, but of a board that has slept", () => {
  const at = { startMs: null, atMs: 6000 };
  assertEquals(bootsAt(100, "hard").look(evidence("hard", at)), "unknown");
  assertEquals(bootsAt(100, "hard").look(evidence("deep_sleep", at)), "restarted");
  assertEquals(bootsAt(100, "hard").look(null), "unknown");
});

/** A board behind an adapter, at which nobody looks right after the reset. */
class WatchedBoard {
  #nowMs = 0;
  readonly #boots = new Boots(() => this.#nowMs);

  /** The gateway resets it; `cause` is what the board calls that, where it is asked at once. */
  reset(cause: Evidence["resetCause"] = null): void {
    this.#boots.resetByUs();
    if (cause === null) return;
    this.#boots.returned(evidence(cause, { startMs: this.#nowMs + 500, atMs: this.#nowMs + 1000 }));
  }

  /** Looks when it has been watched for 5 s, and has run for `uptimeMs`. */
  look(resetCause: Evidence["resetCause"], uptimeMs: number): string {
    this.#nowMs += 5000;
    const found = evidence(resetCause, { startMs: this.#nowMs - uptimeMs, atMs: this.#nowMs });
    const boot = this.#boots.look(found);
    this.#boots.returned(found);
    return boot;
  }
}

Deno.test("Boots.look() calls a loss of power by its name, however often it happens", () => {
  const board = new WatchedBoard();
  board.reset();
  for (let time = 1; time <= 4; time++) assertEquals(board.look("power_on", 300), "power");
  assertEquals(board.look("watchdog", 300), "restarted");
});

Deno.test("Boots.look() learns from a reset of ours that a board calls every reset a power-on", () => {
  const board = new WatchedBoard();
  board.reset();
  assertEquals(board.look("power_on", 300), "power");
  board.reset("power_on");
  assertEquals(board.look("power_on", 300), "restarted");

  const quiet = new WatchedBoard();
  quiet.reset();
  assertEquals(quiet.look("power_on", 4000), "same");
  assertEquals(quiet.look("power_on", 300), "restarted");
});
