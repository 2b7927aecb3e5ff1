import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import type { ErrorCode } from "../../../errors/mod.ts";
import { parseNotice } from "../../../agent/release/notice.ts";
import {
  fetchNotice,
  localRelease,
  obtainRelease,
  pollNotice,
} from "../../../agent/release/obtain.ts";
import { keyHashes } from "../../../agent/release/pin.ts";
import { type Claims, type Release, verifyArchive } from "../../../agent/release/verify.ts";
import { openssl } from "../../server/certificates.ts";
import { startNginx } from "../../server/nginx.ts";
import { assertRefused } from "./refused.ts";
import { never, publication, source } from "./sources.ts";
import { archive, type Entry } from "./tar_writer.ts";
import { testNeeding } from "../../needs.ts";

testNeeding(["nginx"], "obtainRelease() gives the release that latest names", async () => {
  await using server = await startNginx();
  const published = publication("2.0.1", {
    "lib/a.py": "a = 1\n",
    "uota.cfg": "{'url': 'http://x/', 'delete': ['/old.py', b'lib/old/']}",
  });
  await server.publish(published);
  const notice = await fetchNotice(source(server.url), never());
  const release = await obtainRelease(source(server.url), notice, never());
  assert.equal(release.version, "2.0.1");
  assert.equal(release.archive, "fw.tar.gz");
  assert.equal(release.sha256, notice.sha256);
  assert.deepEqual(release.verifiedBy, ["sha256"]);
  assert.equal(release.additionalFreeKb, 8);
  assert.deepEqual(release.directories, ["lib"]);
  assert.deepEqual(release.uotaConfig.delete, ["old.py", "lib/old"]);
  assert.deepEqual(release.files.map(({ path }) => path), [
    ...["lib/a.py", "main.py", "uota.cfg", "version"],
  ]);
});

testNeeding(["nginx"], "obtainRelease() says that the pinned key vouched too", async () => {
  await using server = await startNginx();
  await server.publish(publication());
  const der = await openssl(["x509", "-in", server.certificateFile, "-outform", "DER"]);
  const { caFile } = server;
  const pinned = source(server.tlsUrl, { caFile, pubkeyHash: keyHashes(der).uota });
  const release = await obtainRelease(pinned, await fetchNotice(pinned, never()), never());
  assert.deepEqual(release.verifiedBy, ["sha256", "pubkey_hash"]);
});

testNeeding(["nginx"], "obtainRelease() refuses an archive that latest does not hash", async () => {
  await using server = await startNginx();
  const { latest } = publication("2.0.1");
  await server.publish({ ...publication("2.0.2"), latest });
  for (const require of ["sha256", "none"] as const) {
    const from = source(server.url, { require });
    const notice = await fetchNotice(from, never());
    await assertRefused(
      () => obtainRelease(from, notice, never()),
      "hash_mismatch",
      new RegExp(`SHA-256 (?!${notice.sha256})[0-9a-f]{64}, but latest says ${notice.sha256}`),
    );
  }
});

testNeeding(
  ["nginx"],
  "obtainRelease() refuses a notice without hash before the download",
  async () => {
    await using server = await startNginx();
    await server.publish({ ...publication(), latest: "2.0.1;fw.tar.gz;8" });
    const notice = await fetchNotice(source(server.url), never());
    await assertRefused(
      () => obtainRelease(source(server.url), notice, never()),
      "hash_required",
      /publish it as 2\.0\.1;fw\.tar\.gz;8;SHA256 .* or set require = "none"/,
    );
    assert.deepEqual((await server.log()).map(({ uri }) => uri), ["/latest"]);
    const release = await obtainRelease(source(server.url, { require: "none" }), notice, never());
    assert.deepEqual(release.verifiedBy, []);
  },
);

testNeeding(["nginx"], "obtainRelease() keeps to the source's limits", async () => {
  await using server = await startNginx();
  await server.publish(publication());
  const notice = await fetchNotice(source(server.url), never());
  for (
    const [limits, code, message] of [
      [{ archiveBytes: 100 }, "too_large", /the limit is 100/],
      [{ unpackedBytes: 1000 }, "archive_unsafe", /limit of 1000 bytes/],
      [{ files: 1 }, "archive_unsafe", /limit of 1 files/],
    ] as const
  ) {
    const action = () => obtainRelease(source(server.url, { limits }), notice, never());
    await assertRefused(action, code, message);
  }
});

testNeeding(["nginx"], "fetchNotice() does not take an error page for latest", async () => {
  await using server = await startNginx({
    directives: "location = /page/latest { return 200 '<html>'; }",
  });
  await assertRefused(
    () => fetchNotice(source(server.url), never()),
    "not_found",
    /^The server has no http:.*\/latest \(status 404\)/,
  );
  await assertRefused(
    () => fetchNotice(source(`${server.url}page`), never()),
    "notice_invalid",
    /is a web page/,
  );
});

testNeeding(["nginx"], "pollNotice() learns that the source still offers the same", async () => {
  await using server = await startNginx();
  await server.publish(publication("2.0.1"));
  const first = await pollNotice(source(server.url), never());
  assert.ok(first.status === "fetched");
  const { validators } = first;
  const second = await pollNotice(source(server.url), { ...never(), validators });
  assert.equal(second.status, "not_modified");
});

function claims(latest: string, options: Partial<Claims> = {}): Claims {
  return { notice: parseNotice(latest), require: "none", isPinned: false, ...options };
}

const VERSION: Entry = { name: "version", content: "2.0.1\n" };

function config(text: string): readonly Entry[] {
  return [VERSION, { name: "uota.cfg", content: text }];
}

const REFUSED: Readonly<Record<string, readonly [readonly Entry[], ErrorCode, RegExp]>> = {
  "without version": [
    [{ name: "main.py" }],
    "release_invalid",
    /no file version in its root, so boards would install it again and again; add .* "2\.0\.1"/,
  ],
  "packed with its directory": [
    [{ name: "project/version", content: "2.0.1" }],
    "release_invalid",
    /but "project\/version"; make the archive inside that directory/,
  ],
  "of another version": [
    [{ name: "version", content: "2.0.0" }],
    "release_invalid",
    /says "2\.0\.0", but latest says "2\.0\.1"; .* make both the same/,
  ],
  "with an empty version": [
    [{ name: "version", content: "\n" }],
    "release_invalid",
    /holds "" instead of one line with a version/,
  ],
  "with a version in a directory's place": [
    [{ name: "version/x", content: "2.0.1" }],
    "release_invalid",
    /no file version in its root/,
  ],
  "with a broken uota.cfg": [
    config("{'delete': 'old.py'}"),
    "release_invalid",
    /The release's uota\.cfg has a value of type str for "delete"/,
  ],
  "that deletes its version": [
    config("{'delete': ['/Version']}"),
    "release_invalid",
    /names "\/Version", without which a board does not know its version/,
  ],
  "that deletes everything": [
    config("{'delete': ['/']}"),
    "release_invalid",
    /The delete list .* has the name "", which is empty or names the root/,
  ],
  "that deletes what is above": [
    config("{'delete': ['../x']}"),
    "release_invalid",
    /by "\.\."/,
  ],
  "that is unsafe": [[VERSION, { name: "../x" }], "archive_unsafe", /by "\.\."/],
};

for (const [what, [entries, code, message]] of Object.entries(REFUSED)) {
  Deno.test(`verifyArchive() refuses a release ${what}`, async () => {
    const bytes = archive(...entries);
    await assertRefused(() => verifyArchive(bytes, claims("2.0.1;fw.tar.gz")), code, message);
  });
}

Deno.test("verifyArchive() compares the hash before it looks inside", async () => {
  const latest = `2.0.1;fw.tar.gz;0;${"0".repeat(64)}`;
  const bytes = new TextEncoder().encode("no archive");
  await assertRefused(() => verifyArchive(bytes, claims(latest)), "hash_mismatch", /0{64}/);
});

Deno.test("verifyArchive() holds the rule for hashes by itself", async () => {
  const rule = claims("2.0.1;fw.tar.gz", { require: "sha256" });
  await assertRefused(() => verifyArchive(archive(VERSION), rule), "hash_required", /no SHA-256/);
});

Deno.test("verifyArchive() takes a version that is written otherwise for the same", async () => {
  const release = await verifyArchive(archive(VERSION), claims("v2.0.1.0;fw.tar.gz"));
  assert.equal(release.version, "v2.0.1.0");
  assert.deepEqual(release.uotaConfig.delete, []);
});

Deno.test("Release cannot be made without verification", () => {
  const facts = {
    version: "1",
    archive: "x",
    sha256: "",
    verifiedBy: [],
    files: [],
    directories: [],
    uotaConfig: { url: null, tmpFilename: null, excludedFiles: [], delete: [] },
    additionalFreeKb: 0,
    // All that a release has under a name.
  } satisfies { [Key in keyof Release as Key extends string ? Key : never]: Release[Key] };
  // The compiler holds it: were the same properties a release, `false` would be no value of this type.
  const isRelease: typeof facts extends Release ? true : false = false;
  assert.equal(isRelease, false);
});

Deno.test("localRelease() takes the version from the archive", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const bytes = archive(VERSION, { name: "main.py", content: "x" });
    await Deno.writeFile(`${directory}/local.tar.gz`, bytes);
    const release = await localRelease(`${directory}/local.tar.gz`, never());
    assert.equal(release.version, "2.0.1");
    assert.equal(release.archive, "local.tar.gz");
    assert.equal(release.sha256, createHash("sha256").update(bytes).digest("hex"));
    assert.deepEqual(release.verifiedBy, []);
    await Deno.writeFile(`${directory}/none.tar.gz`, archive({ name: "main.py" }));
    await assertRefused(
      () => localRelease(`${directory}/none.tar.gz`, never()),
      "release_invalid",
      /add one that holds the version$/,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("localRelease() says that there is no such file", async () => {
  await assertRefused(
    () => localRelease("/nowhere/fw.tar.gz", never()),
    "usage",
    /^The archive \/nowhere\/fw\.tar\.gz cannot be read: No such file/,
  );
  await assertRefused(() => localRelease("/tmp", never()), "usage", /cannot be read/);
});

Deno.test("localRelease() is cancelled", async () => {
  await assertRefused(
    () => localRelease("/dev/null", { signal: AbortSignal.abort() }),
    "cancelled",
    /^Cancelled while reading/,
  );
});
