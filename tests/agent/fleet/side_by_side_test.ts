import { type Place, sideBySide } from "../../../agent/fleet/side_by_side.ts";
import { assertEquals, assertRejects } from "../../assert.ts";

/** Jobs that end when they are told to, in whatever order. */
class Jobs {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<string>>();
  readonly #places = new Map<string, () => void>();

  readonly run = (name: string, { giveUp }: Place): Promise<string> => {
    this.begun.push(name);
    this.#places.set(name, giveUp);
    const end = Promise.withResolvers<string>();
    this.#ends.set(name, end);
    return end.promise;
  };

  async end(name: string): Promise<void> {
    this.#ends.get(name)?.resolve(name.toUpperCase());
    await this.#settled();
  }

  giveUp(name: string): void {
    this.#places.get(name)?.();
  }

  async fail(name: string): Promise<void> {
    this.#ends.get(name)?.reject(new RangeError(name));
    await this.#settled();
  }

  /** All that follows from what has been settled is microtasks, which come before a macrotask. */
  #settled(): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, 0));
  }
}

Deno.test("sideBySide() runs as many jobs at once as it may, and keeps the order", async () => {
  const jobs = new Jobs();
  const results = sideBySide(["a", "b", "c", "d"], 2, jobs.run);
  assertEquals(jobs.begun, ["a", "b"]);
  await jobs.end("b");
  assertEquals(jobs.begun, ["a", "b", "c"]);
  await jobs.end("c");
  await jobs.end("d");
  await jobs.end("a");
  assertEquals(await results, ["A", "B", "C", "D"]);
});

Deno.test("sideBySide() begins nothing after a failure, and waits for what is under way", async () => {
  const jobs = new Jobs();
  let ended = false;
  const results = sideBySide(["a", "b", "c"], 2, jobs.run).finally(() => ended = true);
  const failure = assertRejects(() => results, RangeError);
  await jobs.fail("a");
  assertEquals([jobs.begun, ended], [["a", "b"], false]);
  await jobs.end("b");
  assertEquals((await failure).message, "a");
  assertEquals(jobs.begun, ["a", "b"]);
});

Deno.test("sideBySide() gives nothing for nothing", async () => {
  assertEquals(await sideBySide([], 8, () => Promise.reject(new Error("no job"))), []);
});

Deno.test("sideBySide() begins the next job when one gives up its place, and waits for both", async () => {
  const jobs = new Jobs();
  const results = sideBySide(["a", "b", "c"], 1, jobs.run);
  jobs.giveUp("a");
  jobs.giveUp("a");
  assertEquals(jobs.begun, ["a", "b"]);
  await jobs.end("a");
  assertEquals(jobs.begun, ["a", "b"]);
  await jobs.end("b");
  await jobs.end("c");
  assertEquals(await results, ["A", "B", "C"]);
});
