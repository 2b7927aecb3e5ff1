import assert from "node:assert/strict";
import fc from "fast-check";
import { UotaError } from "../../../errors/mod.ts";
import { type Notice, parseNotice } from "../../../agent/release/notice.ts";
import { assertRefused } from "./refused.ts";

const HASH = "8870f8b3bd8b54437f0a7f721cd3f3fe208e60638dcf36a9f4efe31dab58c548";
const PLAIN: Notice = {
  version: "2.0.1",
  archive: "firmware.tar.gz",
  additionalFreeKb: 0,
  sha256: null,
};

const VALID: Readonly<Record<string, readonly [string, Notice]>> = {
  "README's first example": ["2.0.1;firmware.tar.gz", PLAIN],
  "README's second example": ["2.0.1;firmware.tar.gz;2", { ...PLAIN, additionalFreeKb: 2 }],
  "README's third example": [`2.0.1;firmware.tar.gz;0;${HASH}`, { ...PLAIN, sha256: HASH }],
  "a line end": ["2.0.1;firmware.tar.gz\n", PLAIN],
  "CRLF": [`2.0.1;firmware.tar.gz;0;${HASH}\r\n`, { ...PLAIN, sha256: HASH }],
  "a BOM": ["\ufeff2.0.1;firmware.tar.gz", PLAIN],
  "white space around it": ["\n  2.0.1;firmware.tar.gz \t\n", PLAIN],
  "white space around fields": [`2.0.1 ; firmware.tar.gz ; 7 ; ${HASH}`, {
    ...PLAIN,
    additionalFreeKb: 7,
    sha256: HASH,
  }],
  "trailing semicolons": ["2.0.1;firmware.tar.gz;;;\n", PLAIN],
  "an upper-case hash": [`2.0.1;firmware.tar.gz;0;${HASH.toUpperCase()}`, {
    ...PLAIN,
    sha256: HASH,
  }],
  "fields after the fourth": [`2.0.1;firmware.tar.gz;0;${HASH};a;b`, { ...PLAIN, sha256: HASH }],
  "no hash before a fifth field": ["2.0.1;firmware.tar.gz;0;;a", PLAIN],
  "a sub-directory": ["2.0.1;v2/fw.tar.gz", { ...PLAIN, archive: "v2/fw.tar.gz" }],
  "a name with spaces and letters": ["2.0.1;Gerät 1.tar.gz", {
    ...PLAIN,
    archive: "Gerät 1.tar.gz",
  }],
};

for (const [what, [body, expected]] of Object.entries(VALID)) {
  Deno.test(`parseNotice() reads ${what}`, () => {
    assert.deepEqual(parseNotice(body), expected);
    assert.deepEqual(parseNotice(new TextEncoder().encode(body)), expected);
  });
}

const INVALID: Readonly<Record<string, readonly [string | Uint8Array, RegExp]>> = {
  "README's first invalid example": [
    "firmware.tar.gz",
    /no archive name, only "firmware\.tar\.gz"/,
  ],
  "README's second invalid example": [
    `2.0.1;firmware.tar.gz;${HASH}`,
    /third field .* looks like the SHA-256, which is the fourth field: put 0 before it/,
  ],
  "nothing": ["", /is empty; write one line like 2\.0\.1;firmware\.tar\.gz/],
  "only semicolons": [" ;;;\n", /is empty/],
  "an empty version": [";firmware.tar.gz", /version in latest is empty/],
  "a control character in the version": ["2\u001b[31m;fw.tar.gz", /control character, "2\\u\{1b\}/],
  "a long version": [`${"9".repeat(200)};fw.tar.gz`, /longer than 128 characters, "9{60}…"/],
  "an empty archive name": ["2.0.1;;3", /archive name in latest is empty/],
  "an archive above": ["2.0.1;../fw.tar.gz", /leaves or repeats a directory: "\.\.\/fw\.tar\.gz"/],
  "an archive above in the middle": ["2.0.1;a/../../fw.tar.gz", /leaves or repeats a directory/],
  "an escaped archive above": ["2.0.1;%2e%2E/fw.tar.gz", /leaves or repeats a directory/],
  "an escaped slash": ["2.0.1;..%2ffw.tar.gz", /hides a special character behind %/],
  "an absolute archive": ["2.0.1;/fw.tar.gz", /is absolute/],
  "an archive on another host": ["2.0.1;//evil.example/fw.tar.gz", /is absolute/],
  "an address as archive": ["2.0.1;https://evil.example/fw.tar.gz", /scheme of its own/],
  "a data address as archive": ["2.0.1;data:x", /scheme of its own/],
  "a query": ["2.0.1;fw.tar.gz?x=1", /query or a fragment/],
  "a fragment": ["2.0.1;fw.tar.gz#x", /query or a fragment/],
  "a backslash": ["2.0.1;..\\fw.tar.gz", /backslash/],
  "an empty part": ["2.0.1;a//fw.tar.gz", /empty part/],
  "a directory as archive": ["2.0.1;a/", /ends in a slash/],
  "two lines": ["2.0.1;fw.tar.gz\n2.0.0;old.tar.gz", /runs over several lines/],
  "a NUL in the archive": ["2.0.1;fw\0.tar.gz", /control character: "fw\\u\{0\}/],
  "a long archive name": [`2.0.1;${"a".repeat(600)}`, /longer than 512/],
  "negative kB": ["2.0.1;fw.tar.gz;-1", /the free space, is "-1"; it is the additional/],
  "kB that are no number": ["2.0.1;fw.tar.gz;lots", /is "lots"/],
  "fractional kB": ["2.0.1;fw.tar.gz;1.5", /is "1\.5"/],
  "kB beyond counting": ["2.0.1;fw.tar.gz;99999999999999999999", /third field/],
  "a hash without kB": [`2.0.1;fw.tar.gz;;${HASH}`, /third field in latest, the free space, is ""/],
  "a short hash": [`2.0.1;fw.tar.gz;0;${HASH.slice(1)}`, /\(63 characters\); it must be 64 hex/],
  "a hash that is not hex": [`2.0.1;fw.tar.gz;0;${"g".repeat(64)}`, /must be 64 hex digits/],
  "a web page": ["<!DOCTYPE html><html>404</html>", /is a web page \(it begins "<!DOCTYPE html>/],
  "a long web page": ["\n<html>" + "x".repeat(9000), /is a web page/],
  "a long file": ["1;a".repeat(2000), /has 6000 bytes, more than 4096/],
  "what is not UTF-8": [Uint8Array.of(0x32, 0x3b, 0xff, 0xfe), /is not UTF-8 text/],
};

for (const [what, [body, message]] of Object.entries(INVALID)) {
  Deno.test(`parseNotice() refuses ${what}`, async () => {
    await assertRefused(() => parseNotice(body), "notice_invalid", message);
  });
}

Deno.test("parseNotice() gives back every notice that was formatted", () => {
  const field = fc.stringMatching(/^[A-Za-z0-9._-]{1,30}$/).filter((text) => !/^\.+$/.test(text));
  const hash = fc.stringMatching(/^[0-9a-f]{64}$/);
  fc.assert(
    fc.property(
      field,
      fc.array(field, { minLength: 1, maxLength: 3 }),
      fc.nat(),
      hash,
      (...all) => {
        const [version, path, additionalFreeKb, sha256] = all;
        const archive = path.join("/");
        const body = `${version};${archive};${additionalFreeKb};${sha256}\n`;
        assert.deepEqual(parseNotice(body), { version, archive, additionalFreeKb, sha256 });
      },
    ),
  );
});

Deno.test("parseNotice() gives a notice below the base or notice_invalid, whatever the bytes", () => {
  const text = fc.stringMatching(/^[a./\\%2eEfF:;?#\n\0 ]{0,20}$/);
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), text.map((t) => `1;${t}`)), (body) => {
      try {
        const { archive } = parseNotice(body);
        const url = new URL(archive, "https://host.example/base/");
        assert.ok(url.href.startsWith("https://host.example/base/"), url.href);
      } catch (error) {
        assert.ok(error instanceof UotaError, String(error));
        assert.equal(error.code, "notice_invalid");
      }
    }),
    { numRuns: 2000 },
  );
});
