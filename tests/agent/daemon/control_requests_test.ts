/** Requests that are not as they must be, too large, too slow or too many. */
import { assert, assertEquals, assertIncludes, assertRejects } from "../../assert.ts";
import type { Gateway } from "../../../agent/gateway.ts";
import { LocalGateway } from "../../../agent/local_gateway.ts";
import { UotaError } from "../../../errors/mod.ts";
import { startBoardRig } from "../../update/board_rig.ts";
import { type Files, sha256 } from "../../update/firmware.ts";
import { inShort, makeGateway } from "../../update/gateway.ts";
import { clientOf, never, requestText, startControl, talk } from "./control_rig.ts";

const JSON_TYPE = { "content-type": "application/json" };
const UPDATE = {
  selectors: ["all"],
  versionCheck: true,
  force: false,
  dryRun: false,
  jobs: null,
  archive: null,
};

function post(path: string, content: unknown, headers: Readonly<Record<string, string>> = {}) {
  return requestText(`POST ${path}`, {
    headers: { ...JSON_TYPE, ...headers },
    body: typeof content === "string" ? content : JSON.stringify(content),
  });
}

/** What is sent, and the status and part of the body that come back. */
const REFUSED: readonly (readonly [string, string, number, string])[] = [
  ["what is no HTTP", "\x00\x16\x03\x01 hello\r\n\r\n", 400, "This is not HTTP/1.1"],
  ["an unknown path", requestText("GET /v1/secrets"), 404, "There is no /v1/secrets here"],
  ["the root", requestText("GET /"), 404, "There is no / here"],
  ["a path that is none", requestText("GET //["), 404, "There is no"],
  ["a wrong method", requestText("GET /v1/update"), 405, "/v1/update takes POST, not GET"],
  ["a method nobody has", requestText("BREW /v1/about"), 400, "This is not HTTP/1.1"],
  [
    "a form",
    requestText("POST /v1/update", {
      headers: { "content-type": "application/x-www-form-urlencoded" },
      body: "selectors=all",
    }),
    415,
    "content-type application/json",
  ],
  ["no content-type", requestText("POST /v1/boards", { body: "{}" }), 415, "application/json"],
  ["half a document", post("/v1/update", `{"selectors":`), 400, "body is not JSON"],
  ["no document", post("/v1/update", ""), 400, "body is not JSON"],
  ["a document of another kind", post("/v1/update", []), 400, "The request is not understood"],
  ["nothing of what is needed", post("/v1/rollback", {}), 400, "selectors: "],
  ["an unknown field", post("/v1/update", { ...UPDATE, sudo: true }), 400, `\\"sudo\\"`],
  ["an unknown field in the query", requestText("GET /v1/status?all=1"), 400, "field, all"],
  ["a wrong type", post("/v1/update", { ...UPDATE, force: "yes" }), 400, "force: "],
  ["too many jobs", post("/v1/update", { ...UPDATE, jobs: 1e9 }), 400, "jobs: "],
  ["a path as archive", post("/v1/update", { ...UPDATE, archive: "/etc/shadow" }), 400, "archive"],
  [
    "a path as hash",
    post("/v1/update", { ...UPDATE, archive: { name: "x", sha256: "../../../etc/shadow" } }),
    400,
    "archive.sha256: must be 64",
  ],
  [
    "a path as an archive's name",
    requestText("PUT /v1/archives?name=..%2Fx", { body: "x" }),
    400,
    "name: must be a file's name",
  ],
  ["a body beyond 1 MiB", post("/v1/update", " ".repeat(1024 * 1024 + 1)), 413, "1048576 bytes"],
  [
    "a length beyond all bounds",
    requestText("PUT /v1/archives?name=x", { headers: { "content-length": "99999999999" } }),
    413,
    "33554432 bytes",
  ],
  [
    "chunks beyond 1 MiB",
    requestText("POST /v1/boards", { headers: { ...JSON_TYPE, "transfer-encoding": "chunked" } })
      .replace(/content-length.*\r\n/, "") +
    `100001\r\n${" ".repeat(1024 * 1024 + 1)}\r\n0\r\n\r\n`,
    413,
    "1048576 bytes",
  ],
  [
    "a length and chunks",
    requestText("POST /v1/boards", { headers: { ...JSON_TYPE, "transfer-encoding": "chunked" } }),
    400,
    "This is not HTTP/1.1",
  ],
  [
    "headers beyond 16 KiB",
    requestText("GET /v1/about", { headers: { x: "x".repeat(17 * 1024) } }),
    431,
    "16384 bytes",
  ],
];

Deno.test("serveControl() refuses what is not as it must be", async (t) => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const asked: string[] = [];
  await using control = await startControl(gateway.config, untouchable(asked));
  for (const [what, text, status, part] of REFUSED) {
    await t.step(what, async () => {
      const answer = await talk(control.path, text);
      assertEquals(answer.split("\r\n")[0]?.split(" ")[1], String(status), answer);
      assertIncludes(answer, part);
      const { error } = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
      assert(["usage", "too_large"].includes(error.code), error.code);
    });
  }
  assertEquals(asked, []);
  assertEquals(control.logged, []);
  const about = await talk(control.path, requestText("GET /v1/about"));
  assertIncludes(about, `"pid":${Deno.pid},"protocol":1}`);
});

/** A gateway that notes what it is asked. */
function untouchable(asked: string[]): Gateway {
  const never = (what: string) => () => {
    asked.push(what);
    return Promise.reject(new Error(`${what} was asked`));
  };
  return {
    update: never("update"),
    rollback: never("rollback"),
    boards: never("boards"),
    status: never("status"),
    history: never("history"),
  };
}

Deno.test("a control client is told of a defect of the daemon, which lives on", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  await using control = await startControl(gateway.config, untouchable([]));
  const error = await assertRejects(() => control.client.status(never()), UotaError);
  assertEquals([error.code, error.message], ["internal", "A defect in uota: status was asked"]);
  assertEquals(control.logged, ["A defect in uota: status was asked"]);
});

Deno.test("serveControl() keeps an archive under its hash", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  await using control = await startControl(gateway.config);
  const body = "x".repeat(3 * 1024 * 1024);
  const answer = await talk(
    control.path,
    requestText("PUT /v1/archives?name=fw.tar.gz", { body }),
  );
  assertIncludes(answer, "HTTP/1.1 200 OK\r\n");
  const document = JSON.parse(answer.slice(answer.indexOf("\r\n\r\n")));
  assertEquals(document, { name: "fw.tar.gz", sha256: sha256(body) });
  const directory = `${gateway.config.gateway.stateDir}/archives`;
  const kept = [...Deno.readDirSync(directory)].map(({ name }) => name);
  assertEquals(kept, [`${sha256(body)}.tar.gz`]);
});

Deno.test("an upload that breaks off leaves nothing", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const directory = `${gateway.config.gateway.stateDir}/archives`;
  await Deno.mkdir(directory, { recursive: true });
  const control = await startControl(gateway.config);
  const watcher = Deno.watchFs(directory);
  {
    using connection = await Deno.connect({ transport: "unix", path: control.path });
    const half = requestText("PUT /v1/archives?name=x", { headers: { "content-length": "1000" } });
    await connection.write(new TextEncoder().encode(`${half}half of it`));
    for await (const { kind } of watcher) if (kind === "modify") break;
  }
  await control[Symbol.asyncDispose]();
  assertEquals([...Deno.readDirSync(directory)], []);
});

Deno.test("200 connections that send nothing or little leave a running job alone", async () => {
  const old: Files = {
    "main.py": "import time\nwhile True:\n    time.sleep_ms(20)\n",
    "version": "1.0\n",
  };
  const data = new Uint8Array(150_000).map((_, at) => (at * 31) ^ (at >> 5));
  await using rig = await startBoardRig(old);
  await using control = await startControl(rig.gateway.config);
  const archive = await rig.pack({ ...old, "data.bin": data, "version": "2.0\n" });
  await using open = new AsyncDisposableStack();
  const starts = [
    "",
    "GET /v1/status HTTP/1.1\r\nhost",
    requestText("POST /v1/boards", { headers: { ...JSON_TYPE, "content-length": "100" } }),
    "\x00",
  ];
  const started = Promise.withResolvers<void>();
  const running = control.client.update({ ...UPDATE, archive }, {
    ...never(),
    onProgress: ({ phase }) => phase === "staging" && started.resolve(),
  });
  await started.promise;
  const connections = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const connection = await Deno.connect({ transport: "unix", path: control.path });
      open.defer(() => connection.close());
      await connection.write(new TextEncoder().encode(starts[index % starts.length]));
      return connection;
    }),
  );
  // Whoever has a request is served meanwhile.
  assertEquals((await control.client.history([], never())).length, 1);
  const { boards } = await running;
  assertEquals(boards.map(inShort), ["updated"]);
  // And the daemon gets rid of them all but for bodies, which may take a minute.
  const withoutBody = connections.filter((_, index) => index % starts.length !== 2);
  const { promise: late, reject } = Promise.withResolvers<void>();
  const bound = setTimeout(() => reject(new Error("Connections are still open")), 30_000);
  await Promise.race([Promise.all(withoutBody.map(readToEnd)), late]);
  clearTimeout(bound);
});

async function readToEnd(connection: Deno.UnixConn): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await connection.read(buffer) !== null);
}

Deno.test("serveControl() lets no crowd of half-open connections keep a client out", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  await using control = await startControl(gateway.config);
  await using open = new AsyncDisposableStack();
  for (let count = 0; count < 300; count++) {
    const connection = await Deno.connect({ transport: "unix", path: control.path });
    open.defer(() => connection.close());
  }
  assertEquals(await (await clientOf(control.path)).status(never()), []);
});

Deno.test("serveControl() serves 64 calls at once and turns others away at once", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const waiting: (() => void)[] = [];
  const allThere = Promise.withResolvers<void>();
  class Slow extends LocalGateway {
    override async boards() {
      const { promise, resolve } = Promise.withResolvers<void>();
      if (waiting.push(resolve) === 64) allThere.resolve();
      await promise;
      return [];
    }
  }
  await using control = await startControl(gateway.config, new Slow(gateway.config));
  const served = Array.from({ length: 64 }, () => control.client.boards(never()));
  await allThere.promise;
  const error = await assertRejects(() => control.client.boards(never()), UotaError);
  assertEquals(error.code, "daemon_busy");
  for (const end of waiting) end();
  assertEquals((await Promise.all(served)).flat(), []);
  assertEquals(await control.client.status(never()), []);
});

Deno.test("a client that does not read gets the latest of each board and holds up nothing", async () => {
  await using gateway = await makeGateway({ ports: ["/nowhere/tty"] });
  const told = Promise.withResolvers<void>();
  const LINE = "x".repeat(200);
  class Talkative extends LocalGateway {
    override boards({ onProgress, log }: Parameters<LocalGateway["boards"]>[0]) {
      for (const port of ["/dev/a", "/dev/b"]) {
        onProgress?.({ board: port, port, phase: "opening" });
      }
      for (let doneBytes = 0; doneBytes <= 100_000; doneBytes++) {
        for (const port of ["/dev/a", "/dev/b"]) {
          onProgress?.({ board: port, port, phase: "staging", doneBytes, totalBytes: 100_000 });
        }
      }
      for (let line = 0; line < 5000; line++) log?.(`${line} ${LINE}`);
      for (const port of ["/dev/a", "/dev/b"]) {
        onProgress?.({ board: port, port, phase: "committing" });
      }
      told.resolve();
      return Promise.resolve([]);
    }
  }
  await using control = await startControl(gateway.config, new Talkative(gateway.config));
  using connection = await Deno.connect({ transport: "unix", path: control.path });
  await connection.write(new TextEncoder().encode(post("/v1/boards", {})));
  await told.promise;
  let text = "";
  for await (const chunk of connection.readable.values({ preventCancel: true })) {
    text += new TextDecoder().decode(chunk);
  }
  const events = [...text.matchAll(/\{"event".*\}/g)].map(([line]) => JSON.parse(line));
  for (const port of ["/dev/a", "/dev/b"]) {
    const own = events.filter(({ progress }) => progress?.port === port);
    assertEquals([own.at(0), own.at(-1)].map(({ progress: { phase } }) => phase), [
      "opening",
      "committing",
    ]);
    const staging = own.filter(({ progress: { phase } }) => phase === "staging");
    assertEquals(staging.at(-1)?.progress.doneBytes, 100_000);
    assert(staging.length < 2000, `${staging.length} places of ${port} were sent`);
  }
  const lines = events.filter(({ event }) => event === "log").map(({ line }) => parseInt(line));
  assertEquals(lines.at(-1), 4999);
  assert(lines.length < 2500, `${lines.length} log lines were kept`);
  assertEquals(lines, lines.toSorted((a, b) => a - b));
  assertEquals(events.at(-1), { event: "result", result: [] });
});
