/** One job a board, however many ask for it. */
import type { ProgressEvent } from "../../../agent/attempts.ts";
import { type Given, Turns } from "../../../agent/fleet/turns.ts";
import { assertEquals, assertRejects } from "../../assert.ts";

const PHASE: ProgressEvent = { board: "a", port: "/dev/a", phase: "inspecting" };

function participant(): {
  controller: AbortController;
  events: ProgressEvent[];
  signal: AbortSignal;
} {
  const controller = new AbortController();
  return { controller, events: [], signal: controller.signal };
}

/** A job that ends when the test says so. */
function job() {
  const begun = Promise.withResolvers<AbortSignal>();
  const end = Promise.withResolvers<string>();
  let runs = 0;
  let giveUp = () => {};
  return {
    begun: begun.promise,
    end,
    runs: () => runs,
    giveUpPlace: () => giveUp(),
    run: async (turn: Given) => {
      runs++;
      giveUp = turn.giveUpPlace;
      turn.onProgress(PHASE);
      begun.resolve(turn.signal);
      return await end.promise;
    },
  };
}

Deno.test("Turns.take() gives two who want the same the same job, with its progress", async () => {
  const seen: ProgressEvent[] = [];
  const turns = new Turns({ jobs: 8, onProgress: (event) => void seen.push(event) });
  const [first, second, work] = [participant(), participant(), job()];
  const watched = (one: ReturnType<typeof participant>) => ({
    signal: one.signal,
    onProgress: (event: ProgressEvent) => void one.events.push(event),
  });
  const results = [turns.take("a", "update", watched(first), work.run)];
  await work.begun;
  results.push(turns.take("a", "update", watched(second), work.run));
  assertEquals(turns.running.map(({ key }) => key), ["a"]);
  work.end.resolve("done");
  assertEquals(await Promise.all(results), ["done", "done"]);
  assertEquals(work.runs(), 1);
  assertEquals([seen, first.events, second.events], [[PHASE], [PHASE], [PHASE]]);
  assertEquals(turns.running, []);
});

Deno.test("Turns.take() lets who wants something else wait until the job has ended", async () => {
  const turns = new Turns({ jobs: 8 });
  const [work, other] = [job(), job()];
  const first = turns.take("a", "update", participant(), work.run);
  await work.begun;
  const second = turns.take("a", "rollback", participant(), other.run);
  assertEquals(other.runs(), 0);
  work.end.resolve("updated");
  assertEquals(await first, "updated");
  await other.begun;
  other.end.resolve("back");
  assertEquals(await second, "back");
});

Deno.test("Turns.take() cancels a job only when the last who wanted it has gone", async () => {
  const turns = new Turns({ jobs: 8 });
  const [first, second, work] = [participant(), participant(), job()];
  const one = turns.take("a", "update", first, work.run);
  const signal = await work.begun;
  const two = turns.take("a", "update", second, work.run);
  first.controller.abort(new Error("first has gone"));
  assertEquals((await assertRejects(() => one, Error)).message, "first has gone");
  assertEquals(signal.aborted, false);
  second.controller.abort(new Error("second has gone"));
  assertEquals(signal.aborted, true);
  // The last one hears how it ended: the job may have had to be carried through.
  work.end.resolve("updated all the same");
  assertEquals(await two, "updated all the same");
});

Deno.test("Turns.take() gives no job to who comes when it has been cancelled", async () => {
  const turns = new Turns({ jobs: 8 });
  const [first, work, again] = [participant(), job(), job()];
  const one = turns.take("a", "update", first, work.run);
  await work.begun;
  first.controller.abort(new Error("gone"));
  const two = turns.take("a", "update", participant(), again.run);
  work.end.resolve("half");
  assertEquals(await one, "half");
  await again.begun;
  again.end.resolve("whole");
  assertEquals(await two, "whole");
});

Deno.test("Turns.take() does as many jobs side by side as it may, and goes on after a failure", async () => {
  const turns = new Turns({ jobs: 1 });
  const [work, other] = [job(), job()];
  const first = turns.take("a", "update", participant(), work.run);
  await work.begun;
  const second = turns.take("b", "update", participant(), other.run);
  assertEquals([turns.isTaken("b"), other.runs()], [true, 0]);
  work.end.reject(new Error("board lost"));
  assertEquals((await assertRejects(() => first, Error)).message, "board lost");
  await other.begun;
  const idle = turns.idle();
  other.end.resolve("done");
  assertEquals(await second, "done");
  await idle;
});

Deno.test("Turns.take() lets the next one begin when a job gives up its place, once", async () => {
  const overdue: string[] = [];
  const turns = new Turns({ jobs: 1, onOverdue: (key) => void overdue.push(key) });
  const [work, other, third] = [job(), job(), job()];
  const first = turns.take("a", "update", participant(), work.run);
  await work.begun;
  const second = turns.take("b", "update", participant(), other.run);
  const last = turns.take("c", "update", participant(), third.run);
  work.giveUpPlace();
  work.giveUpPlace();
  await other.begun;
  assertEquals([third.runs(), overdue, turns.isTaken("a")], [0, ["a"], true]);
  // Its place was given up before, so its end frees none.
  work.end.resolve("late");
  assertEquals(await first, "late");
  assertEquals(third.runs(), 0);
  other.end.resolve("done");
  assertEquals(await second, "done");
  await third.begun;
  third.end.resolve("done");
  assertEquals(await last, "done");
});

Deno.test("Turns.take() tells whoever waits for a job that it takes longer than it may", async () => {
  const turns = new Turns({ jobs: 8 });
  const told: string[] = [];
  const waiting = (name: string) => ({
    signal: new AbortController().signal,
    onOverdue: () => void told.push(name),
  });
  const [work, after] = [job(), job()];
  const results = [turns.take("a", "update", waiting("first"), work.run)];
  await work.begun;
  results.push(turns.take("a", "update", waiting("joined"), work.run));
  results.push(turns.take("a", "rollback", waiting("next"), after.run));
  work.giveUpPlace();
  results.push(turns.take("a", "update", waiting("late"), work.run));
  assertEquals(told, ["first", "joined", "next", "late"]);
  work.end.resolve("done");
  await after.begun;
  after.end.resolve("back");
  assertEquals(await Promise.all(results), ["done", "done", "back", "done"]);
});
