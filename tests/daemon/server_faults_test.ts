/** Servers that are away, broken, slow or lying: the daemon lives, says so once, and recovers. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { answerWith, type Misbehave, send, startFaultyServer } from "../server/faulty.ts";
import { type Nginx, startNginx } from "../server/nginx.ts";
import { type Files, onBoard, packed, published } from "../update/firmware.ts";
import { makeGateway } from "../update/gateway.ts";
import { testNeeding } from "../needs.ts";
import { DaemonProcess } from "./daemon_process.ts";

const POLLING = 'poll_interval = "1s"';
const RELEASE: Files = { "main.py": "import time\ntime.sleep(1)\n", "version": "1.1.0" };
const { latest, "firmware.tar.gz": archive } = published("1.1.0", packed(RELEASE));

function ok(body: string | Uint8Array<ArrayBufferLike>, length = body.length): Uint8Array {
  const head = new TextEncoder().encode(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`);
  return new Uint8Array([
    ...head,
    ...typeof body === "string" ? new TextEncoder().encode(body) : body,
  ]);
}

/** A good server. */
const serve: Misbehave = (request, connection) =>
  answerWith(ok(request.includes("/latest") ? latest : archive))(request, connection);

/** Offers a release that the gateway does not keep yet. */
function archiveIs(misbehave: Misbehave): Misbehave {
  const next = published("1.2.0", packed({ ...RELEASE, version: "1.2.0" }));
  const notice = answerWith(ok(next.latest));
  return (request, connection) =>
    (request.includes("/latest") ? notice : misbehave)(request, connection);
}

const endless: Misbehave = async (_request, connection) => {
  await send(connection, "HTTP/1.1 200 OK\r\n\r\n");
  while (true) await send(connection, new Uint8Array(64 * 1024).fill(0x41));
};

const status = (line: string) => answerWith(`HTTP/1.1 ${line}\r\nContent-Length: 0\r\n\r\n`);

const FAULTS: readonly (readonly [name: string, misbehave: Misbehave, said: RegExp])[] = [
  ["answers 500", status("500 Internal Server Error"), /500/],
  ["answers 503", status("503 Service Unavailable"), /503/],
  ["answers 404", status("404 Not Found"), /404/],
  ["answers 403", status("403 Forbidden"), /403/],
  ["answers garbage", answerWith("!%&$§ 0 0 0\r\n\r\n"), /127\.0\.0\.1/],
  ["hangs up", () => Promise.resolve("close"), /127\.0\.0\.1/],
  ["sends a web page for latest", answerWith(ok("<html>Hello</html>")), /web page/],
  ["sends an endless latest", endless, /latest|bytes/],
  [
    "sends a truncated archive",
    archiveIs(answerWith(ok(archive.slice(0, 100), archive.length))),
    /firmware\.tar\.gz|100/,
  ],
  [
    "sends an archive that was changed",
    archiveIs(answerWith(ok(archive.map((byte) => byte ^ 1)))),
    /SHA-256/,
  ],
  ["redirects in a loop", status("302 Found\r\nLocation: latest"), /redirect/],
];

Deno.test("uota daemon says once what is wrong with a server, and recovers by itself", async () => {
  let mended = false;
  const faultOf = (request: string) =>
    FAULTS[Number(/ \/(\d+)\//.exec(request)?.[1])]?.[1] ?? serve;
  await using server = startFaultyServer((request, connection) =>
    (mended ? serve : faultOf(request))(request, connection)
  );
  // Each fault is another source's, so that all of them are there at the same time.
  const urls = FAULTS.map((_, index) => `${server.url}${index}/`);
  await using gateway = await makeGateway({
    ...{ url: server.url, ports: ["/dev/none*"], source: POLLING },
    boards: urls.map((url, index) =>
      `[[board]]\nname = "b${index}"\nmatch = { port = "/dev/none${index}" }\nurl = "${url}"\n`
    ).join(""),
  });
  await using daemon = await DaemonProcess.start(gateway.configFile);
  const about = (url: string) => daemon.lines.filter((line) => line.includes(url));
  const requests = (url: string) =>
    server.requests.filter((request) => request.includes(` ${new URL(url).pathname}`)).length;
  await Promise.all(urls.map(async (url, index) => {
    const [name = "", , said = /./] = FAULTS[index] ?? [];
    while (about(url).length === 0) await daemon.turn();
    assert(said.test(about(url)[0] ?? ""), `${name}: ${about(url)}`);
    const asked = requests(url);
    // Four more requests: two more polls at the least, which have nothing new to say.
    while (requests(url) < asked + 4) await daemon.turn();
    assertEquals(about(url).length, 1, name);
  }));
  mended = true;
  for (const url of urls) {
    while (!about(url).some((line) => line.includes("all right again"))) await daemon.turn();
    assertIncludes(about(url).join("\n"), `Release 1.1.0 is published at ${url}`);
  }
});

testNeeding(
  ["nginx"],
  "uota daemon waits for a server that was stopped or whose certificate has expired",
  async (t) => {
    await t.step("an expired certificate", async () => {
      await using server = await startNginx({ certificate: { days: -1 } });
      await using gateway = await makeGateway({
        ...{ url: server.tlsUrl, ports: ["/dev/none*"] },
        source: `${POLLING}\nca_file = ${JSON.stringify(server.caFile)}`,
      });
      await using daemon = await DaemonProcess.start(gateway.configFile);
      assertIncludes(await daemon.until(/certificate/), "expired");
      await publishTo(server);
      await Deno.writeTextFile(
        gateway.configFile,
        (await Deno.readTextFile(gateway.configFile)).replace(server.tlsUrl, server.url),
      );
      daemon.kill("SIGHUP");
      await daemon.until(/Release 1\.1\.0 is published/);
    });
    await t.step("a server that is not there yet", async () => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const { port } = listener.addr;
      listener.close();
      await using gateway = await makeGateway({
        ...{ url: `http://127.0.0.1:${port}/`, ports: ["/dev/none*"], source: POLLING },
      });
      await using daemon = await DaemonProcess.start(gateway.configFile);
      await daemon.until(/refused the connection/);
      await using server = Deno.serve(
        { hostname: "127.0.0.1", port, onListen() {} },
        (request) =>
          new Response(request.url.endsWith("/latest") ? latest : new Uint8Array(archive)),
      );
      await daemon.until(/Release 1\.1\.0 is published/);
      await daemon.until(/all right again/);
      void server;
    });
  },
);

Deno.test("uota daemon serves boards and people while a server sends a byte a second", async () => {
  let slowly = true;
  const slow: Misbehave = async (request, connection) => {
    if (!slowly || request.includes("/latest")) return await serve(request, connection);
    await send(connection, ok("", archive.length));
    await send(connection, archive.slice(0, 1));
    return "hold";
  };
  await using server = startFaultyServer(slow);
  await using board = await startWasmBoard({ files: onBoard({ ...RELEASE, version: "1.0.0" }) });
  await using gateway = await makeGateway({
    ...{ url: server.url, ports: [board.port], source: POLLING },
  });
  await using daemon = await DaemonProcess.start(gateway.configFile);
  while (!server.requests.some((request) => request.includes("firmware.tar.gz"))) {
    await daemon.turn();
  }
  const { code, stdout, stderr } = await gateway.run("boards", "--json");
  assertEquals(code, 0, stderr);
  assertEquals(JSON.parse(stdout).map(({ version }: { version: string }) => version), ["1.0.0"]);
  slowly = false;
  // The administrator gives up on that server.
  const config = await Deno.readTextFile(gateway.configFile);
  await Deno.writeTextFile(gateway.configFile, config.replace(server.url, `${server.url}?again`));
  daemon.kill("SIGHUP");
  await daemon.until(/1\.0\.0.*1\.1\.0/);
});

async function publishTo(server: Nginx): Promise<void> {
  await server.publish({ latest, "firmware.tar.gz": archive });
}
