/** The examples of `latest` in uOTA's README, through the program, and a pinned server. */
import { createHash } from "node:crypto";
import { assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { openssl } from "../server/certificates.ts";
import { startNginx } from "../server/nginx.ts";
import { digests, type Files, onBoard, packed, published, sha256 } from "./firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "./gateway.ts";
import { testNeeding } from "../needs.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "2.0.0\n" };
const NEW: Files = { "main.py": "print('new')\n", "version": "2.0.1\n" };
const ARCHIVE = packed(NEW);

testNeeding(["nginx"], "uota update takes the valid examples of uOTA's README", async (t) => {
  await using server = await startNginx({ tls: false });
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const examples = {
    "2.0.1;firmware.tar.gz": [],
    "2.0.1;firmware.tar.gz;2": [],
    [`2.0.1;firmware.tar.gz;0;${sha256(ARCHIVE)}`]: ["sha256"],
  };
  await using gateway = await makeGateway({
    url: server.url,
    ports: [board.port],
    source: `require = "none"`,
  });
  for (const [latest, verifiedBy] of Object.entries(examples)) {
    await t.step(latest, async () => {
      await board.writeFiles(onBoard(OLD));
      await server.publish({ latest, "firmware.tar.gz": ARCHIVE });
      const { code, stdout } = await gateway.run("update", "--board", "all", "--json");
      const { release, boards } = JSON.parse(stdout);
      assertEquals([code, boards[0].outcome, release.verified_by], [0, "updated", verifiedBy]);
      assertEquals(digests(await board.files()), digests(onBoard(NEW)));
    });
  }
});

testNeeding(
  ["nginx"],
  "uota update refuses the invalid examples of uOTA's README",
  async (t) => {
    await using server = await startNginx({ tls: false });
    await using board = await startWasmBoard({ files: onBoard(OLD) });
    const hash = "8870f8b3bd8b54437f0a7f721cd3f3fe208e60638dcf36a9f4efe31dab58c548";
    const examples = {
      "firmware.tar.gz": "no archive name",
      [`2.0.1;firmware.tar.gz;${hash}`]: "The third field in latest, the free space, is",
    };
    await using gateway = await makeGateway({ url: server.url, ports: [board.port] });
    for (const [latest, field] of Object.entries(examples)) {
      await t.step(latest, async () => {
        await server.publish({ latest, "firmware.tar.gz": ARCHIVE });
        const { code, stdout, stderr } = await gateway.run("update", "--board", "all", "--json");
        const { error, ...rest } = JSON.parse(stdout);
        assertEquals([code, error.code, rest], [77, "notice_invalid", {}]);
        assertIncludes(error.message, field);
        assertIncludes(stderr, field);
        assertEquals(digests(await board.files()), digests(onBoard(OLD)));
      });
    }
  },
);

testNeeding(["nginx"], "uota update goes to no server but the pinned one", async (t) => {
  await using server = await startNginx();
  await server.publish(published("2.0.1", ARCHIVE));
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const pins = await pinsOf(server.certificateFile);
  const gatewayWith = (pubkeyHash: string) =>
    makeGateway({
      url: server.tlsUrl,
      ports: [board.port],
      source: `ca_file = "${server.caFile}"\npubkey_hash = "${pubkeyHash}"`,
    });
  const wrong = {
    "uOTA's form": sha256("another key"),
    "the SPKI form": `sha256/${createHash("sha256").update("another key").digest("base64")}`,
    "the right hash in the other form": `sha256/${Uint8Array.fromHex(pins.uota).toBase64()}`,
  };
  for (const [form, pin] of Object.entries(wrong)) {
    await t.step(`a wrong pin in ${form}`, async () => {
      await using gateway = await gatewayWith(pin);
      const { code, stdout } = await gateway.run("update", "--board", "all", "--json");
      assertEquals([code, JSON.parse(stdout).error.code], [77, "pin_mismatch"]);
      assertEquals(await server.log(), []);
      assertEquals(digests(await board.files()), digests(onBoard(OLD)));
    });
  }
  for (const [form, pin] of Object.entries(pins)) {
    await t.step(`the right pin in ${form} form`, async () => {
      await board.writeFiles(onBoard(OLD));
      await using gateway = await gatewayWith(pin);
      const { code, stdout, stderr } = await gateway.run("update", "--board", "all", "--json");
      assertEquals(code, 0, stderr);
      const { release, boards } = JSON.parse(stdout);
      assertEquals(release.verified_by, ["sha256", "pubkey_hash"]);
      assertEquals(boards[0].outcome, "updated");
      assertEquals(digests(await board.files()), digests(onBoard(NEW)));
    });
  }
  await t.step("an authority that nobody named", async () => {
    await using gateway = await makeGateway({ url: server.tlsUrl, ports: [board.port] });
    const { code, stdout } = await gateway.run("update", "--board", "all", "--json");
    assertEquals([code, JSON.parse(stdout).error.code], [69, "tls"]);
  });
});

/** Both forms as people compute them, by openssl alone. */
async function pinsOf(certificateFile: string): Promise<{ uota: string; spki: string }> {
  const pem = await openssl(["x509", "-in", certificateFile, "-noout", "-pubkey"]);
  const spki = await openssl(["pkey", "-pubin", "-outform", "DER"], pem);
  // The point of a P-256 key (RFC 5480): the last 65 bytes of its SubjectPublicKeyInfo.
  return {
    uota: sha256(spki.subarray(-65)),
    spki: `sha256/${createHash("sha256").update(spki).digest("base64")}`,
  };
}

testNeeding(
  ["nginx"],
  "update() asks for the additional space that latest states",
  async () => {
    await using server = await startNginx({ tls: false });
    await using board = await startWasmBoard({ files: onBoard(OLD), flashBytes: 64 * 1024 });
    await using gateway = await makeGateway({ url: server.url, ports: [board.port] });
    await server.publish(published("2.0.1", ARCHIVE, { freeKb: 64 }));
    const before = digests(await board.tree());
    const refused = onlyOutcome(await gateway.update());
    assertEquals(inShort(refused), "failed no_space");
    assertIncludes(
      refused.reason?.message ?? "",
      "of which 64 kB are what the release asks for besides",
    );
    assertEquals(digests(await board.tree()), before);
    await server.publish(published("2.0.1", ARCHIVE, { freeKb: 8 }));
    assertEquals(inShort(onlyOutcome(await gateway.update())), "updated");
  },
);
