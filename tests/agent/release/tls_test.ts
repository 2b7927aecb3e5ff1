import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { download } from "../../../agent/release/download.ts";
import { keyHashes, parsePin } from "../../../agent/release/pin.ts";
import { openssl } from "../../server/certificates.ts";
import { startNginx } from "../../server/nginx.ts";
import { assertRefused } from "./refused.ts";
import { never, source } from "./sources.ts";
import { testNeeding } from "../../needs.ts";

const OPTIONS = { maxBytes: 1000, ...never() };
const WRONG_HEX = "0".repeat(64);
const WRONG_BASE64 = `sha256/${"A".repeat(43)}=`;

/** Both pins of a certificate by openssl alone, as an administrator would make them. */
async function pinsByOpenssl(certificateFile: string) {
  const pem = await openssl(["x509", "-in", certificateFile, "-noout", "-pubkey"]);
  const spki = await openssl(["pkey", "-pubin", "-outform", "DER"], pem);
  // The contents of the BIT STRING are the last element: openssl tells where it begins.
  const listing = new TextDecoder().decode(
    await openssl(["asn1parse", "-inform", "DER"], spki),
  );
  const [, at = "", header = ""] = /(\d+):d=1 +hl=(\d+) .*BIT STRING/.exec(listing) ?? [];
  const key = spki.subarray(Number(at) + Number(header) + 1);
  return {
    uota: createHash("sha256").update(key).digest("hex"),
    spki: createHash("sha256").update(spki).digest("base64"),
  };
}

for (const key of ["ec", "rsa", "ed25519"] as const) {
  testNeeding(["nginx"], `download() accepts both forms of the pin of an ${key} key`, async () => {
    await using server = await startNginx({ certificate: { key } });
    await server.publish({ "latest": "x" });
    const { caFile } = server;
    const { uota, spki } = await pinsByOpenssl(server.certificateFile);
    for (
      const pubkeyHash of [uota, uota.toUpperCase(), `sha256/${spki}`, `sha256//${spki}`, spki]
    ) {
      const answer = await download(
        source(server.tlsUrl, { pubkeyHash, caFile }),
        "latest",
        OPTIONS,
      );
      assert.equal(answer.status, "fetched");
    }
    const log = await server.log();
    assert.deepEqual(log.map(({ scheme, uri }) => `${scheme} ${uri}`), [
      ...Array(5).fill("https /latest"),
    ]);
  });
}

testNeeding(["nginx"], "download() sends no request to a key that is not pinned", async () => {
  await using server = await startNginx();
  await server.publish({ "latest": "x" });
  const { caFile } = server;
  const { uota, spki } = await pinsByOpenssl(server.certificateFile);
  for (const pubkeyHash of [WRONG_HEX, WRONG_BASE64]) {
    const message = new RegExp(
      `pubkey_hash is ${pubkeyHash}, .*${uota}.*sha256/${spki.replaceAll("+", "\\+")}`,
    );
    await assertRefused(
      () => download(source(server.tlsUrl, { pubkeyHash, caFile }), "latest", OPTIONS),
      "pin_mismatch",
      message,
    );
  }
  assert.deepEqual(await server.log(), []);
});

testNeeding(["nginx"], "download() checks the pin after a good download too", async () => {
  await using server = await startNginx();
  await server.publish({ "latest": "x" });
  const { caFile } = server;
  const { uota } = await pinsByOpenssl(server.certificateFile);
  await download(source(server.tlsUrl, { pubkeyHash: uota, caFile }), "latest", OPTIONS);
  await assertRefused(
    () => download(source(server.tlsUrl, { pubkeyHash: WRONG_HEX, caFile }), "latest", OPTIONS),
    "pin_mismatch",
    /is not the pinned one/,
  );
  assert.equal((await server.log()).length, 1);
});

testNeeding(["nginx"], "download() checks the pin where a redirect leads", async () => {
  await using target = await startNginx();
  await target.publish({ "latest": "x" });
  // Both keys are trusted by their authority; only one is pinned.
  await using server = await startNginx({
    directives: `location = /latest { return 302 ${target.tlsUrl}latest; }`,
  });
  const caFile = `${server.caFile}.both`;
  const authorities = [server.caFile, target.caFile].map((file) => Deno.readTextFileSync(file));
  await Deno.writeTextFile(caFile, authorities.join(""));
  const { uota } = await pinsByOpenssl(server.certificateFile);
  const without = await download(source(server.tlsUrl, { caFile }), "latest", OPTIONS);
  assert.equal(without.status, "fetched");
  await assertRefused(
    () => download(source(server.tlsUrl, { pubkeyHash: uota, caFile }), "latest", OPTIONS),
    "pin_mismatch",
    new RegExp(`The key of ${new URL(target.tlsUrl).host} is not the pinned one`),
  );
  assert.equal((await target.log()).length, 1);
});

testNeeding(["nginx"], "download() refuses a pin without TLS", async () => {
  await using server = await startNginx();
  await assertRefused(
    () => download(source(server.url, { pubkeyHash: WRONG_HEX }), "latest", OPTIONS),
    "config_invalid",
    /has a pubkey_hash, but http:.* is not https, so there is no key to compare/,
  );
  assert.deepEqual(await server.log(), []);
});

testNeeding(["nginx"], "download() refuses an unknown authority and names ca_file", async () => {
  await using server = await startNginx();
  await using other = await startNginx();
  for (const caFile of ["", other.caFile]) {
    await assertRefused(
      () => download(source(server.tlsUrl, { caFile }), "latest", OPTIONS),
      "tls",
      /^The certificate of localhost:\d+ was issued by an authority that is not trusted.*set ca_file/,
    );
  }
  assert.deepEqual(await server.log(), []);
});

testNeeding(["nginx"], "download() refuses an expired certificate", async () => {
  await using server = await startNginx({ certificate: { days: -1 } });
  await assertRefused(
    () => download(source(server.tlsUrl, { caFile: server.caFile }), "latest", OPTIONS),
    "tls",
    /has expired; renew it .*this gateway's clock is right/,
  );
});

testNeeding(["nginx"], "download() refuses a certificate for another host", async () => {
  await using server = await startNginx({ certificate: { names: "DNS:other.example" } });
  await assertRefused(
    () => download(source(server.tlsUrl, { caFile: server.caFile }), "latest", OPTIONS),
    "tls",
    /was issued for another host; use a name .*other\.example/,
  );
  assert.deepEqual(await server.log(), []);
});

testNeeding(["nginx"], "download() connects to an address that the certificate names", async () => {
  await using server = await startNginx();
  await server.publish({ "latest": "x" });
  const url = server.tlsUrl.replace("localhost", "127.0.0.1");
  const answer = await download(source(url, { caFile: server.caFile }), "latest", OPTIONS);
  assert.equal(answer.status, "fetched");
});

testNeeding(["nginx"], "download() says that a server does not speak TLS", async () => {
  await using server = await startNginx();
  await assertRefused(
    () => download(source(server.url.replace("http:", "https:")), "latest", OPTIONS),
    "tls",
    /does not speak TLS; is it an http url\?/,
  );
});

testNeeding(["nginx"], "download() refuses a ca_file that is none", async () => {
  await using server = await startNginx();
  for (
    const [caFile, message] of [
      ["/nowhere/ca.pem", /ca_file \/nowhere\/ca\.pem cannot be read/],
      ["/dev/null", /ca_file \/dev\/null holds no certificate in PEM/],
    ] as const
  ) {
    await assertRefused(
      () => download(source(server.tlsUrl, { caFile }), "latest", OPTIONS),
      "config_invalid",
      message,
    );
  }
});

Deno.test("parsePin() refuses what is no pin and says how one looks", async () => {
  for (const text of ["abc", "0".repeat(63), "sha1/AAAA", "sha256/AAAA", "b'abc'"]) {
    const message = /is no pin; it is either uOTA's 64 hex digits or sha256\/BASE64/;
    await assertRefused(() => parsePin(text), "config_invalid", message);
  }
  assert.equal(parsePin(" "), null);
});

Deno.test("keyHashes() refuses what is no certificate", async () => {
  for (const der of [new Uint8Array(), Uint8Array.of(0x30, 0x80), new Uint8Array(99).fill(0x30)]) {
    await assertRefused(() => keyHashes(der), "tls", /certificate cannot be read/);
  }
});
