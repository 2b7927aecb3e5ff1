/** What the second signal means, and when it is one. */
import { BOUNCE_MS, type StopSignal, StopSignals } from "../../agent/stop_signals.ts";
import { assertEquals } from "../assert.ts";

/** Signals with their times, and what came of them. */
function told(...received: readonly (readonly [signal: StopSignal, atMs: number])[]): string[] {
  const events: string[] = [];
  let nowMs = 0;
  const signals = new StopSignals({
    now: () => nowMs,
    onStop: (signal) => events.push(`stop ${signal}`),
    onAbort: (signal) => events.push(`abort ${signal}`),
  });
  for (const [signal, atMs] of received) {
    nowMs = atMs;
    signals.receive(signal);
  }
  return events;
}

Deno.test("StopSignals.receive() aborts at the second signal of a hand", () => {
  assertEquals(told(["SIGINT", 0], ["SIGINT", BOUNCE_MS]), ["stop SIGINT", "abort SIGINT"]);
  assertEquals(told(["SIGHUP", 0], ["SIGTERM", 9000]), ["stop SIGHUP", "abort SIGTERM"]);
});

Deno.test("StopSignals.receive() takes what follows within moments for the same stroke", () => {
  assertEquals(told(["SIGINT", 0], ["SIGINT", 0], ["SIGINT", BOUNCE_MS - 1]), ["stop SIGINT"]);
  assertEquals(told(["SIGTERM", 5], ["SIGINT", 6]), ["stop SIGTERM"]);
});

Deno.test("StopSignals.receive() aborts at no hang-up", () => {
  assertEquals(told(["SIGINT", 0], ["SIGHUP", 9000], ["SIGHUP", 9999]), ["stop SIGINT"]);
});

Deno.test("StopSignals.onHangUp() takes SIGHUP until it is disposed of", () => {
  const events: string[] = [];
  const signals = new StopSignals({
    now: () => 0,
    onStop: (signal) => events.push(`stop ${signal}`),
    onAbort: (signal) => events.push(`abort ${signal}`),
  });
  {
    using _reloading = signals.onHangUp(() => events.push("reload"));
    signals.receive("SIGHUP");
    signals.receive("SIGHUP");
  }
  signals.receive("SIGHUP");
  assertEquals(events, ["reload", "reload", "stop SIGHUP"]);
});
