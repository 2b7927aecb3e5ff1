/** The poller with real servers, a real cache, and files that cannot be read. */
import { type PollerEvent, SourcePoller } from "../../../agent/daemon/source_poller.ts";
import { ArchiveCache, KnownOffers } from "../../../agent/release/mod.ts";
import { assert, assertEquals } from "../../assert.ts";
import { answerWith, type FaultyServer, startFaultyServer } from "../../server/faulty.ts";
import { source } from "../release/sources.ts";

interface Polling extends AsyncDisposable {
  readonly events: readonly PollerEvent[];
  /** Waits for something, while the poller runs; throws where that ends or takes too long. */
  until(what: () => boolean): Promise<void>;
}

function poll({ url }: FaultyServer, stateDir: string, intervalMs: number): Polling {
  const archives = new ArchiveCache(stateDir, () => new Date());
  const events: PollerEvent[] = [];
  const poller = new SourcePoller({
    ...{ archives, offers: new KnownOffers(stateDir, archives), random: () => 0 },
    source: { ...source(url), pollIntervalMs: intervalMs },
    onEvent: (event) => events.push(event),
  });
  const stop = new AbortController();
  const bound = AbortSignal.timeout(20_000);
  const running = poller.run(stop.signal);
  let ended = false;
  running.then(() => ended = true, () => ended = true);
  return {
    events,
    async until(what) {
      while (!what()) {
        bound.throwIfAborted();
        if (ended) await running;
        assert(!ended, "The poller has ended");
        await new Promise((resolve) => setTimeout(resolve));
      }
    },
    async [Symbol.asyncDispose]() {
      stop.abort();
      await running;
    },
  };
}

Deno.test("SourcePoller leaves a server alone for as long as it asks", async () => {
  const timesMs: number[] = [];
  const answer = "HTTP/1.1 429 Too Many Requests\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n";
  await using server = startFaultyServer((request, connection) => {
    timesMs.push(performance.now());
    return answerWith(answer)(request, connection);
  });
  const stateDir = await Deno.makeTempDir({ prefix: "uota-poller-" });
  try {
    await using polling = poll(server, stateDir, 10);
    await polling.until(() => timesMs.length === 2);
    const [first = 0, second = 0] = timesMs;
    assert(second - first >= 1000, `asked again after ${second - first} ms`);
    assertEquals(polling.events.map(({ kind }) => kind), ["problem"]);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
