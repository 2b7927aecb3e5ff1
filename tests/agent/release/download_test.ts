import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { download } from "../../../agent/release/download.ts";
import { retryAfterMs, RetryLaterError } from "../../../agent/release/retry_later.ts";
import { urlAt } from "../../../agent/release/source.ts";
import { answerWith, send, startFaultyServer } from "../../server/faulty.ts";
import { startNginx } from "../../server/nginx.ts";
import { assertRefused } from "./refused.ts";
import { never, publication, source } from "./sources.ts";
import { gzip } from "./tar_writer.ts";
import { testNeeding } from "../../needs.ts";

const OPTIONS = { maxBytes: 1000, ...never() };
/** Short enough to wait for, long enough for a busy machine. */
const SHORT_MS = 300;

function ok(body: string, headers = ""): string {
  return `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n${headers}\r\n${body}`;
}

testNeeding(["nginx"], "download() gives the body and its SHA-256", async () => {
  await using server = await startNginx();
  const body = crypto.getRandomValues(new Uint8Array(60_000));
  await server.publish({ "v2/Gerät 1.bin": body });
  const answer = await download(source(server.url), "v2/Gerät 1.bin", {
    ...OPTIONS,
    maxBytes: 60_000,
  });
  assert.ok(answer.status === "fetched");
  assert.deepEqual(answer.body, body);
  assert.equal(answer.sha256, createHash("sha256").update(body).digest("hex"));
  const [request] = await server.log();
  assert.equal(request?.uri, "/v2/Ger%C3%A4t%201.bin");
  assert.equal(request?.acceptEncoding, "identity");
});

testNeeding(
  ["nginx"],
  "download() adds the slash that the url lacks, and keeps its query",
  async () => {
    await using server = await startNginx();
    await server.publish({ "a/latest": "x" });
    await download(source(`${server.url}a?sig=1`), "latest", OPTIONS);
    assert.equal((await server.log())[0]?.uri, "/a/latest?sig=1");
  },
);

testNeeding(["nginx"], "download() learns that nothing changed by its validators", async () => {
  await using server = await startNginx();
  await server.publish({ "latest": "x" });
  const first = await download(source(server.url), "latest", OPTIONS);
  assert.ok(first.status === "fetched");
  assert.notEqual(first.validators.etag, null);
  assert.notEqual(first.validators.lastModified, null);
  const { validators } = first;
  const second = await download(source(server.url), "latest", { ...OPTIONS, validators });
  assert.deepEqual(second, { status: "not_modified" });
  await server.publish({ "latest": "longer" });
  const third = await download(source(server.url), "latest", { ...OPTIONS, validators });
  assert.equal(third.status, "fetched");
});

testNeeding(["nginx"], "download() sends the source's headers to its own origin only", async () => {
  await using other = await startNginx();
  await other.publish({ "latest": "x" });
  await using server = await startNginx({
    directives: `location = /latest { return 302 /inside; }
      location = /inside { return 307 ${other.url}latest; }`,
  });
  const headers = { Authorization: "Bearer secret" };
  await download(source(server.url, { headers }), "latest", OPTIONS);
  const own = await server.log();
  assert.deepEqual(own.map(({ authorization }) => authorization), Array(2).fill("Bearer secret"));
  assert.deepEqual((await other.log()).map(({ authorization }) => authorization), [""]);
});

testNeeding(["nginx"], "download() sends the url's user and password", async () => {
  await using server = await startNginx();
  await server.publish({ "latest": "x" });
  await download(source(server.url.replace("//", "//me:p%40ss@")), "latest", OPTIONS);
  assert.equal((await server.log())[0]?.authorization, `Basic ${btoa("me:p@ss")}`);
});

testNeeding(["nginx"], "download() goes from http to https, and not back", async () => {
  await using secure = await startNginx({
    directives: "location = /down { return 301 http://127.0.0.1:9/latest; }",
  });
  await secure.publish({ "latest": "x" });
  await using server = await startNginx({
    directives: `location = /up { return 308 ${secure.tlsUrl}latest; }
      location = /updown { return 303 ${secure.tlsUrl}down; }`,
  });
  const { caFile } = secure;
  const up = await download(source(server.url, { caFile }), "up", OPTIONS);
  assert.equal(up.status, "fetched");
  for (const [url, name] of [[secure.tlsUrl, "down"], [server.url, "updown"]] as const) {
    await assertRefused(
      () => download(source(url, { caFile }), name, OPTIONS),
      "server_error",
      /redirects from https:.* to http:\/\/127\.0\.0\.1:9\/latest, which gives up TLS/,
    );
  }
});

testNeeding(
  ["nginx"],
  "download() leaves an archive that is labelled as encoded as it is",
  async () => {
    await using server = await startNginx({ directives: "add_header Content-Encoding gzip;" });
    const { "fw.tar.gz": body } = publication();
    await server.publish({ "fw.tar.gz": body });
    const answer = await download(source(server.url), "fw.tar.gz", OPTIONS);
    assert.ok(answer.status === "fetched");
    assert.deepEqual(answer.body, body);
  },
);

testNeeding(["nginx"], "download() reports each status for what it is", async () => {
  await using server = await startNginx({
    directives: [204, 206, 304, 400, 401, 403, 410, 429, 451, 500, 503]
      .map((status) => `location = /${status} { return ${status}; }`).join("\n"),
  });
  for (
    const [name, code, message] of [
      ["missing", "not_found", /^The server has no http:.*\/missing \(status 404\); check the/],
      ["410", "not_found", /status 410/],
      [
        "401",
        "request_refused",
        /denies access to .*\/401 \(status 401\); check the source's headers/,
      ],
      ["403", "request_refused", /denies access .*403/],
      ["500", "server_error", /with status 500; try again later/],
      ["503", "server_error", /with status 503; try again later/],
      ["429", "server_error", /with status 429; try again later/],
      ["400", "request_refused", /with status 400; check the source's url and headers/],
      ["451", "request_refused", /with status 451; check/],
      ["204", "server_error", /with status 204$/],
      ["206", "server_error", /with status 206$/],
      ["304", "server_error", /with status 304$/],
    ] as const
  ) {
    await assertRefused(() => download(source(server.url), name, OPTIONS), code, message);
  }
});

for (
  const [status, retryAfter, waitMs] of [
    [503, "120", 120_000],
    [429, "0", 0],
    [503, "Thu, 01 Jan 1970 00:01:30 GMT", 30_000],
    [429, "soon", null],
    [429, null, null],
    [500, "120", null],
    [408, null, null],
  ] as const
) {
  Deno.test(`download() with status ${status} and Retry-After: ${retryAfter}`, async () => {
    await using server = startFaultyServer(
      answerWith(
        `HTTP/1.1 ${status} Status\r\nContent-Length: 0\r\n` +
          // A clock that is wrong is no reason to wait for decades.
          "Date: Thu, 01 Jan 1970 00:01:00 GMT\r\n" +
          `${retryAfter === null ? "" : `Retry-After: ${retryAfter}\r\n`}\r\n`,
      ),
    );
    const error = await download(source(server.url), "x", OPTIONS).catch((error) => error);
    assert.equal(error.code, "server_error");
    assert.equal(error instanceof RetryLaterError ? error.retryAfterMs : null, waitMs);
  });
}

Deno.test("retryAfterMs() counts from now where a server does not say its time", () => {
  const now = new Date("2026-01-01T00:00:00Z");
  const until = (value: string) => retryAfterMs({ "retry-after": value }, now);
  assert.equal(until("Thu, 01 Jan 2026 00:00:10 GMT"), 10_000);
  assert.equal(until("Wed, 31 Dec 2025 23:59:59 GMT"), 0);
  for (const odd of ["-1", "1.5", "2026-01-01", "1 hour", "Thu, 99 Foo 2026 00:00:10 GMT", ""]) {
    assert.equal(until(odd), null, odd);
  }
});

testNeeding(["nginx"], "download() keeps a url's secrets out of its messages", async () => {
  await using server = await startNginx();
  const url = `${server.url.replace("//", "//me:secret@")}?token=secret`;
  await assertRefused(() => download(source(url), "x", OPTIONS), "not_found", /^((?!secret).)*$/);
});

Deno.test("download() refuses what is larger than allowed, announced or not", async () => {
  await using announced = startFaultyServer(
    answerWith("HTTP/1.1 200 OK\r\nContent-Length: 1001\r\n\r\n"),
  );
  await assertRefused(
    () => download(source(announced.url), "x", OPTIONS),
    "too_large",
    /\/x has 1001 bytes, the limit is 1000/,
  );
  await using endless = startFaultyServer(async (_request, connection) => {
    await send(connection, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;) await send(connection, "x".repeat(4096));
  });
  await assertRefused(
    () => download(source(endless.url), "x", OPTIONS),
    "too_large",
    /\/x has more bytes than allowed, the limit is 1000/,
  );
});

for (
  const [what, answer, message] of [
    [
      "before its announced end",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345",
      /broke off .*http:/,
    ],
    [
      "within a chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n12345",
      /broke off/,
    ],
    [
      "before the last chunk",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n",
      /broke off/,
    ],
    ["without an answer", "", /broke off its answer/],
    ["within the head", "HTTP/1.1 200 OK\r\nContent-Le", /broke off its answer/],
    ["after something that is no HTTP", "SSH-2.0-OpenSSH_9.2\r\n", /broke off its answer/],
  ] as const
) {
  Deno.test(`download() notices a server that hangs up ${what}`, async () => {
    await using server = startFaultyServer(answerWith(answer));
    await assertRefused(() => download(source(server.url), "x", OPTIONS), "server_error", message);
  });
}

Deno.test("download() reads chunks, and a body that ends with the connection", async () => {
  for (
    const answer of [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
      "HTTP/1.0 200 OK\r\n\r\nabc",
    ]
  ) {
    await using server = startFaultyServer(answerWith(answer));
    const result = await download(source(server.url), "x", OPTIONS);
    assert.ok(result.status === "fetched");
    assert.equal(new TextDecoder().decode(result.body), "abc");
  }
});

Deno.test("download() does not inflate a body that is labelled as encoded", async () => {
  const body = gzip(new TextEncoder().encode("abc"));
  await using server = startFaultyServer(async (_request, connection) => {
    await send(connection, "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n");
    await send(connection, body);
    return "close";
  });
  const answer = await download(source(server.url), "x", OPTIONS);
  assert.ok(answer.status === "fetched");
  assert.deepEqual(answer.body, body);
});

for (
  const [what, start] of [
    ["before the head", ""],
    ["within the body", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n12345"],
  ] as const
) {
  Deno.test(`download() gives up on a server that falls silent ${what}`, async () => {
    await using server = startFaultyServer(async (_request, connection) => {
      await send(connection, start);
      return "hold";
    });
    await assertRefused(
      () => download(source(server.url, { timeouts: { idleMs: SHORT_MS } }), "x", OPTIONS),
      "server_unreachable",
      /sent nothing for 0\.3 s; check the network, or try again later/,
    );
  });

  Deno.test(`download() is cancelled while it waits ${what}`, async () => {
    const stop = new AbortController();
    await using server = startFaultyServer(async (_request, connection) => {
      await send(connection, start);
      stop.abort();
      return "hold";
    });
    await assertRefused(
      () => download(source(server.url), "x", { maxBytes: 1000, signal: stop.signal }),
      "cancelled",
      /^Cancelled while asking 127\.0\.0\.1:\d+$/,
    );
  });
}

Deno.test("download() gives up on a server that drips for ever", async () => {
  await using server = startFaultyServer(async (_request, connection) => {
    await send(connection, "HTTP/1.1 200 OK\r\n\r\n");
    for (;;) {
      await send(connection, "x");
      await new Promise((resolve) => setTimeout(resolve, 20)); // the fault under test
    }
  });
  const timeouts = { totalMs: SHORT_MS };
  await assertRefused(
    () => download(source(server.url, { timeouts }), "x", OPTIONS),
    "server_unreachable",
    /did not finish the download within 0\.3 s/,
  );
});

Deno.test("download() gives up on a TLS handshake that is not answered", async () => {
  await using server = startFaultyServer(() => Promise.resolve("hold"));
  const url = server.url.replace("http:", "https:");
  await assertRefused(
    () => download(source(url, { timeouts: { connectMs: SHORT_MS } }), "x", OPTIONS),
    "server_unreachable",
    /took longer than 0\.3 s to connect/,
  );
});

Deno.test("download() is cancelled before it begins", async () => {
  await using server = startFaultyServer(answerWith(ok("x")));
  const signal = AbortSignal.abort();
  await assertRefused(
    () => download(source(server.url), "x", { maxBytes: 1000, signal }),
    "cancelled",
    /^Cancelled/,
  );
  assert.deepEqual(server.requests, []);
});

Deno.test("download() says that nobody listens, or that a name is unknown", async () => {
  const url = await (async () => {
    await using server = startFaultyServer(answerWith(""));
    return server.url;
  })();
  await assertRefused(
    () => download(source(url), "x", OPTIONS),
    "server_unreachable",
    /refused the connection; check that it runs, and the port/,
  );
  await assertRefused(
    () => download(source("http://nowhere.invalid/"), "x", OPTIONS),
    "server_unreachable",
    /nowhere\.invalid could not be resolved; check the source's url/,
  );
});

for (
  const [what, location, message] of [
    ["in a circle", "/x", /in a circle, back to http:.*\/x/],
    ["to nowhere", null, /without saying where to/],
    ["to what is no address", "http://[", /without saying where to/],
    ["to a file", "file:///etc/passwd", /to "file:", which is neither http nor https/],
  ] as const
) {
  Deno.test(`download() refuses a redirect ${what}`, async () => {
    const header = location === null ? "" : `Location: ${location}\r\n`;
    await using server = startFaultyServer(
      answerWith(`HTTP/1.1 302 Found\r\n${header}Content-Length: 0\r\n\r\n`),
    );
    await assertRefused(() => download(source(server.url), "x", OPTIONS), "server_error", message);
  });
}

Deno.test("download() follows five redirects and no more", async () => {
  const hops = (count: number) =>
    startFaultyServer((request, connection) => {
      const hop = Number(/^GET \/(\d+)/.exec(request)?.[1]);
      const answer = hop === count
        ? ok("done")
        : `HTTP/1.1 302 Found\r\nLocation: /${hop + 1}\r\nContent-Length: 0\r\n\r\n`;
      return answerWith(answer)(request, connection);
    });
  await using five = hops(5);
  assert.equal((await download(source(five.url), "0", OPTIONS)).status, "fetched");
  await using six = hops(6);
  await assertRefused(
    () => download(source(six.url), "0", OPTIONS),
    "server_error",
    /redirects from .*\/5 more than 5 times/,
  );
});

Deno.test("download() refuses headers that cannot be sent, without their secrets", async () => {
  await using server = startFaultyServer(answerWith(ok("x")));
  for (const headers of [{ "X-Key": "secret\r\nEvil: 1" }, { "bad name": "secret" }]) {
    await assertRefused(
      () => download(source(server.url, { headers }), "x", OPTIONS),
      "config_invalid",
      /^The source's header "(X-Key|bad name)" is invalid$/,
    );
  }
});

Deno.test("urlAt() joins as uOTA does and escapes what may not stand in a URL", () => {
  assert.equal(urlAt("http://h/a", "b.tgz").href, "http://h/a/b.tgz");
  assert.equal(urlAt("http://h/a/#x", "v2/b c%20d%.tgz").href, "http://h/a/v2/b%20c%20d%25.tgz");
});

Deno.test("urlAt() refuses a base that is no web address", async () => {
  for (const url of ["", "example.com/fw/", "ftp://example.com/", "file:///x"]) {
    await assertRefused(() => urlAt(url, "x"), "config_invalid", /is no http or https address/);
  }
});
