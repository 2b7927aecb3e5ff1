/** The poller with real servers, a real cache, and files that cannot be read. */
import { type PollerEvent, SourcePoller } from "../../../agent/daemon/source_poller.ts";
import { ArchiveCache, KnownOffers } from "../../../agent/release/mod.ts";
import { type Clock, SYSTEM_CLOCK } from "../../../agent/clock.ts";
import { POLL_BOUND_MS } from "../../../agent/daemon/health.ts";
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { ManualClock } from "../../manual_clock.ts";
import { answerWith, type FaultyServer, send, startFaultyServer } from "../../server/faulty.ts";
import { publication, source } from "../release/sources.ts";

interface Polling extends AsyncDisposable {
  readonly events: readonly PollerEvent[];
  /** Waits for something, while the poller runs; throws where that ends or takes too long. */
  until(what: () => boolean): Promise<void>;
}

function poll(
  { url }: FaultyServer,
  stateDir: string,
  { intervalMs, clock = SYSTEM_CLOCK }: { readonly intervalMs: number; readonly clock?: Clock },
): Polling {
  const archives = new ArchiveCache(stateDir, () => new Date());
  const events: PollerEvent[] = [];
  const poller = new SourcePoller({
    ...{ archives, offers: new KnownOffers(stateDir, archives), random: () => 0, clock },
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
        await new Promise((resolve) => setTimeout(resolve, 5));
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
    await using polling = poll(server, stateDir, { intervalMs: 10 });
    await polling.until(() => timesMs.length === 2);
    const [first = 0, second = 0] = timesMs;
    assert(second - first >= 1000, `asked again after ${second - first} ms`);
    assertEquals(polling.events.map(({ kind }) => kind), ["problem"]);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

Deno.test("SourcePoller goes on without an offer or an archive that cannot be read", async () => {
  const { latest, "fw.tar.gz": archive } = publication();
  await using server = startFaultyServer(async (request, connection) => {
    const body = request.includes("/latest") ? new TextEncoder().encode(latest) : archive;
    await send(connection, `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n`);
    await send(connection, body);
    return "close";
  });
  const stateDir = await Deno.makeTempDir({ prefix: "uota-poller-" });
  const released = async () => {
    await using polling = poll(server, stateDir, { intervalMs: 10 });
    const asked = server.requests.length;
    // Further polls, which have nothing new to say.
    await polling.until(() => server.requests.length >= asked + 6);
    return polling.events.map((event) =>
      event.kind === "release" ? `${event.release.version} from ${event.from}` : event.kind
    );
  };
  try {
    assertEquals(await released(), ["2.0.1 from server"]);
    assertEquals(await released(), ["2.0.1 from memory"]);
    await makeUnreadable(`${stateDir}/offers`);
    assertEquals(await released(), ["problem", "2.0.1 from server", "recovered"]);
    await makeUnreadable(`${stateDir}/archives`);
    assertEquals(await released(), ["2.0.1 from server"]);
    assertEquals(await released(), ["2.0.1 from memory"]);
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});

/** Also for root, who may read any file: a link that leads to itself. */
async function makeUnreadable(directory: string): Promise<void> {
  const [name, ...others] = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assertEquals(others, []);
  await Deno.remove(`${directory}/${name}`);
  await Deno.symlink(`${name}`, `${directory}/${name}`);
}

Deno.test("SourcePoller ends a poll that does not come to an end by itself", async () => {
  const clock = new ManualClock();
  await using server = startFaultyServer(async (_request, connection) => {
    await send(connection, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
    clock.advance(POLL_BOUND_MS);
    return "hold";
  });
  const stateDir = await Deno.makeTempDir({ prefix: "uota-poller-" });
  try {
    await using polling = poll(server, stateDir, { intervalMs: 60_000, clock });
    await polling.until(() => polling.events.length > 0);
    const [event] = polling.events;
    assert(event?.kind === "problem");
    assertEquals(event.error.code, "server_unreachable");
    assertIncludes(event.error.message, "did not finish answering within 40 min");
  } finally {
    await Deno.remove(stateDir, { recursive: true });
  }
});
