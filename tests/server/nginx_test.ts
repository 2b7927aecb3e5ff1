import assert from "node:assert/strict";
import { startNginx } from "./nginx.ts";
import { testNeeding } from "../needs.ts";

testNeeding(
  ["nginx"],
  "startNginx() serves published files over HTTP and TLS, and logs",
  async () => {
    await using server = await startNginx();
    await server.publish({ "latest": "1.0;a.tgz", "v2/x.bin": Uint8Array.of(1, 2) });
    const response = await fetch(`${server.url}latest`, { headers: { authorization: "x" } });
    assert.equal(await response.text(), "1.0;a.tgz");
    using client = Deno.createHttpClient({ caCerts: [await Deno.readTextFile(server.caFile)] });
    const secure = await fetch(`${server.tlsUrl}v2/x.bin`, { client });
    assert.deepEqual([...await secure.bytes()], [1, 2]);
    const log = await server.log();
    assert.deepEqual(log.map(({ scheme, uri, status }) => [scheme, uri, status]), [
      ["http", "/latest", 200],
      ["https", "/v2/x.bin", 200],
    ]);
    assert.equal(log[0]?.authorization, "x");
  },
);

testNeeding(["nginx"], "startNginx() says what is wrong when nginx does not start", async () => {
  await assert.rejects(startNginx({ directives: "nonsense;" }), /did not start.*nonsense/s);
});
