import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import fc from "fast-check";
import type { ErrorCode } from "../../../errors/mod.ts";
import { unpackArchive } from "../../../agent/release/archive.ts";
import { assertRefused } from "./refused.ts";
import { archive, concat, END, type Entry, gzip, member, pax, tar } from "./tar_writer.ts";

const MAIN: Entry = { name: "main.py", content: "print(1)\n" };
const NUL = "\0";

function text(content: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(content);
}

/** The gzip of {@linkcode MAIN} with one byte changed, counted from the end. */
function damaged(fromEnd: number): Uint8Array {
  const bytes = archive(MAIN);
  const at = bytes.byteLength - fromEnd;
  bytes[at] = (bytes[at] ?? 0) ^ 0xff;
  return bytes;
}

function files(count: number): readonly Entry[] {
  return Array.from({ length: count }, (_, index) => ({ name: `f${index}` }));
}

type Refusal = readonly [Uint8Array, ErrorCode, RegExp];

const REFUSED: Readonly<Record<string, Refusal>> = {
  "an absolute name": [archive({ name: "/boot.py" }), "archive_unsafe", /"\/boot\.py".*absolute/],
  "an absolute directory": [archive({ name: "/", typeflag: "5" }), "archive_unsafe", /absolute/],
  "a name above": [
    archive({ name: "../boot.py" }),
    "archive_unsafe",
    /"\.\.\/boot\.py".*by "\.\."/,
  ],
  "a name above in the middle": [archive({ name: "a/../b" }), "archive_unsafe", /by "\.\."/],
  "a directory above": [archive(MAIN, { name: "../", typeflag: "5" }), "archive_unsafe", /\.\./],
  "a name above in a pax header": [
    archive(pax({ path: "../boot.py" }), MAIN),
    "archive_unsafe",
    /"\.\.\/boot\.py"/,
  ],
  "a name above in a GNU long name": [
    archive({ name: "././@LongLink", typeflag: "L", content: `../boot.py${NUL}` }, MAIN),
    "archive_unsafe",
    /"\.\.\/boot\.py"/,
  ],
  "a name above in the prefix": [
    archive({ name: "boot.py", prefix: ".." }),
    "archive_unsafe",
    /"\.\.\/boot\.py"/,
  ],
  "a symbolic link": [
    archive({ name: "lib", typeflag: "2", linkname: "/etc" }),
    "archive_unsafe",
    /a symbolic link, "lib"; only files and directories/,
  ],
  "a hard link": [
    archive(MAIN, { name: "b.py", typeflag: "1", linkname: "main.py" }),
    "archive_unsafe",
    /a hard link, "b\.py"/,
  ],
  "a character device": [
    archive({ name: "null", typeflag: "3" }),
    "archive_unsafe",
    /a character device, "null"/,
  ],
  "a block device": [archive({ name: "sda", typeflag: "4" }), "archive_unsafe", /a block device/],
  "a FIFO": [archive({ name: "pipe", typeflag: "6" }), "archive_unsafe", /a FIFO, "pipe"/],
  "a contiguous file": [archive({ name: "c", typeflag: "7" }), "archive_unsafe", /contiguous/],
  "a socket": [archive({ name: "s", typeflag: "s" }), "archive_unsafe", /a socket, "s"/],
  "a volume label": [archive({ name: "v", typeflag: "V" }, MAIN), "archive_unsafe", /volume label/],
  "a multi-volume part": [archive({ name: "m", typeflag: "M" }), "archive_unsafe", /multi-volume/],
  "an unknown type": [archive({ name: "z", typeflag: "Z" }), "archive_unsafe", /unknown type "Z"/],
  "a GNU sparse file": [archive({ name: "s", typeflag: "S" }), "archive_unsafe", /GNU sparse/],
  "a pax sparse file": [
    archive(pax({ "GNU.sparse.major": "1" }), MAIN),
    "archive_unsafe",
    /sparse file; make it without tar's --sparse/,
  ],
  "a global pax name": [archive(pax({ path: "x" }, "g"), MAIN), "archive_unsafe", /for all its/],
  "a file twice": [archive(MAIN, MAIN), "archive_unsafe", /the file "main\.py" twice/],
  "a file twice under a longer name": [
    archive(MAIN, { name: ".//./main.py" }),
    "archive_unsafe",
    /the file "main\.py" twice/,
  ],
  "files that differ in case": [
    archive(MAIN, { name: "MAIN.py" }),
    "archive_unsafe",
    /"main\.py" and "MAIN\.py", which are one name on some boards/,
  ],
  "files that differ in composition": [
    archive({ name: "\u00e9.py" }, { name: "e\u0301.py" }),
    "archive_unsafe",
    /one name on some boards/,
  ],
  "files that differ in dots at the end": [
    archive(MAIN, { name: "main.py." }),
    "archive_unsafe",
    /"main\.py" and "main\.py\.", which are one name/,
  ],
  "directories that differ in case": [
    archive({ name: "lib/a.py" }, { name: "Lib/b.py" }),
    "archive_unsafe",
    /"lib" and "Lib", which are one name/,
  ],
  "a file below a file": [
    archive({ name: "a" }, { name: "a/b" }),
    "archive_unsafe",
    /"a" as a file and as a directory/,
  ],
  "a file in place of a directory": [
    archive({ name: "a/b" }, { name: "a" }),
    "archive_unsafe",
    /"a" as a file and as a directory/,
  ],
  "a directory in place of a file": [
    archive({ name: "a" }, { name: "a/", typeflag: "5" }),
    "archive_unsafe",
    /"a" as a file and as a directory/,
  ],
  "the gateway's directory": [
    archive({ name: ".uota/journal" }),
    "archive_unsafe",
    /is in \.uota, the directory that the gateway keeps/,
  ],
  "the gateway's directory in capitals": [
    archive({ name: "./.UOTA/new/1" }),
    "archive_unsafe",
    /is in \.uota/,
  ],
  "the gateway's directory as a file": [archive({ name: ".uota" }), "archive_unsafe", /in \.uota/],
  "the gateway's directory by FAT": [archive({ name: ".uota. /x" }), "archive_unsafe", /in \.uota/],
  "a name with a line end": [archive({ name: "a\nb" }), "archive_unsafe", /control character/],
  "a name with a NUL": [
    archive(pax({ path: `main.py${NUL}.txt` }), MAIN),
    "archive_unsafe",
    /control character/,
  ],
  "a name that is not UTF-8": [
    archive({ name: Uint8Array.of(0x61, 0xff) }),
    "archive_unsafe",
    /not UTF-8, "a\ufffd"; rename/,
  ],
  "a pax name that is not UTF-8": [
    archive(pax({ path: Uint8Array.of(0x61, 0xc0, 0xaf) }), MAIN),
    "archive_unsafe",
    /not UTF-8/,
  ],
  "a long part of a name": [
    archive(pax({ path: "é".repeat(128) }), MAIN),
    "archive_unsafe",
    /part of more than 255 bytes/,
  ],
  "a long name": [archive(pax({ path: "a/".repeat(300) + "b" }), MAIN), "archive_unsafe", /512/],
  "an empty name": [
    archive({ name: "" }),
    "archive_unsafe",
    /"", which is empty or names the root/,
  ],
  "the root as a file": [archive({ name: "." }), "archive_unsafe", /"\.", which is empty or names/],
  "something after the tar's end": [
    gzip(concat(tar(MAIN), member({ name: "hidden.py" }), END)),
    "archive_unsafe",
    /goes on after its end/,
  ],
  "something after one zero block": [
    gzip(concat(member(MAIN), END.subarray(512), member({ name: "hidden.py" }), END)),
    "archive_unsafe",
    /goes on after its end/,
  ],
  "a huge file": [
    archive({ ...MAIN, size: "77777777777\0" }),
    "archive_unsafe",
    /"main\.py" of 8589934591 bytes, more than the limit of 67108864/,
  ],
  "a huge file by base 256": [
    archive({ ...MAIN, size: Uint8Array.of(0x80, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) }),
    "archive_unsafe",
    /more than the limit/,
  ],
  "a huge file by pax": [
    archive(pax({ size: "99999999999" }), MAIN),
    "archive_unsafe",
    /99999999999 bytes, more than the limit/,
  ],
  "a huge pax header": [
    archive({ name: "x", typeflag: "x", size: "00100000000\0" }),
    "archive_unsafe",
    /extended header of 16777216 bytes/,
  ],
  "more than 2000 files": [archive(...files(2001)), "archive_unsafe", /the limit of 2000 files/],
  "more than 2000 directories": [
    archive(...files(2001).map(({ name }) => ({ name: `${name}/`, typeflag: "5" }))),
    "archive_unsafe",
    /the limit of 2000 directories/,
  ],
  "a bomb": [
    archive({ name: "zeros", content: new Uint8Array(16 * 1024 * 1024) }),
    "archive_unsafe",
    /more than 300 times its size/,
  ],
  "a negative size": [
    archive({ ...MAIN, size: new Uint8Array(12).fill(0xff) }),
    "archive_invalid",
    /size is negative, huge or no number/,
  ],
  "a size beyond counting": [
    archive({ ...MAIN, size: Uint8Array.of(0x80, ...new Uint8Array(11).fill(0xff)) }),
    "archive_invalid",
    /size is negative, huge or no number/,
  ],
  "a size that is no number": [
    archive({ ...MAIN, size: "12x\0" }),
    "archive_invalid",
    /size is negative, huge or no number/,
  ],
  "a pax size that is no number": [
    archive(pax({ size: "-1" }), MAIN),
    "archive_invalid",
    /pax size of "main\.py" is no number/,
  ],
  "a directory with content": [
    archive({ name: "lib/", typeflag: "5", content: "x" }),
    "archive_invalid",
    /directory "lib\/" has content/,
  ],
  "a wrong header checksum": [
    archive({ ...MAIN, checksumError: 1 }),
    "archive_invalid",
    /header has a wrong checksum/,
  ],
  "a malformed pax record": [
    archive({ name: "x", typeflag: "x", content: "99 path=y\n" }, MAIN),
    "archive_invalid",
    /pax header has a malformed record/,
  ],
  "a pax record without key": [
    archive({ name: "x", typeflag: "x", content: "5 =y\n" }, MAIN),
    "archive_invalid",
    /malformed record/,
  ],
  "two pax headers for one member": [
    archive(pax({ path: "a" }), pax({ path: "b" }), MAIN),
    "archive_invalid",
    /two pax headers/,
  ],
  "a pax header without member": [
    archive(MAIN, pax({ path: "a" })),
    "archive_invalid",
    /extended header is followed by no member/,
  ],
  "a tar without its end": [gzip(member(MAIN)), "archive_invalid", /lacks the two zero blocks/],
  "a tar with half its end": [
    gzip(concat(member(MAIN), END.subarray(512))),
    "archive_invalid",
    /lacks the two zero blocks/,
  ],
  "a tar that ends in a file": [
    gzip(member({ ...MAIN, content: "x".repeat(600) }).subarray(0, 800)),
    "archive_invalid",
    /ends in the middle of a member/,
  ],
  "a tar that ends in a header": [
    gzip(member(MAIN).subarray(0, 100)),
    "archive_invalid",
    /ends in the middle of a member/,
  ],
  "an empty tar": [gzip(END), "archive_invalid", /is empty; make it in the project's directory/],
  "a tar of directories": [
    archive({ name: "lib/", typeflag: "5" }),
    "archive_invalid",
    /archive is empty/,
  ],
  "no bytes": [new Uint8Array(), "archive_invalid", /not a gzip'd tar but an empty file/],
  "a plain tar": [tar(MAIN), "archive_invalid", /but a plain tar without gzip/],
  "a zip": [text("PK\x03\x04 and so on"), "archive_invalid", /but a zip file/],
  "an xz": [Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0), "archive_invalid", /with xz/],
  "a bzip2": [text("BZh91AY"), "archive_invalid", /compressed with bzip2/],
  "a zstd": [Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd), "archive_invalid", /compressed with zstd/],
  "a web page": [text("\n<html>404"), "archive_invalid", /but a web page \(it begins "<html>404"/],
  "a Git LFS pointer": [
    text("version https://git-lfs.github.com/spec/v1\n"),
    "archive_invalid",
    /Git LFS pointer/,
  ],
  "something else": [text("hello"), "archive_invalid", /something else \(it begins "hello"\)/],
  "a gzip of something else": [
    gzip(text("x".repeat(600))),
    "archive_invalid",
    /header has a wrong checksum/,
  ],
  "a truncated gzip": [archive(MAIN).subarray(0, -30), "archive_invalid", /cut short/],
  "a gzip without its trailer": [archive(MAIN).subarray(0, -4), "archive_invalid", /cut short/],
  "a gzip of two bytes": [Uint8Array.of(0x1f, 0x8b), "archive_invalid", /cut short/],
  "a wrong gzip CRC": [damaged(8), "archive_invalid", /gzip checksum or length is wrong/],
  "a wrong gzip length": [damaged(4), "archive_invalid", /gzip checksum or length is wrong/],
  "damaged gzip data": [damaged(archive(MAIN).byteLength - 10), "archive_invalid", /damaged/],
  "text after the gzip": [
    concat(archive(MAIN), text("trailer")),
    "archive_invalid",
    /something after the end of its gzip/,
  ],
  "zeros after the gzip": [
    concat(archive(MAIN), new Uint8Array(512)),
    "archive_invalid",
    /something after the end of its gzip/,
  ],
};

for (const [what, [bytes, code, message]] of Object.entries(REFUSED)) {
  Deno.test(`unpackArchive() refuses ${what}`, async () => {
    await assertRefused(() => unpackArchive(bytes), code, message);
  });
}

Deno.test("unpackArchive() stops inflating at its limit, however much is to come", async () => {
  let sentBytes = 0;
  // Members of a gzip are one stream, and a tar may end in as many zeros as it likes.
  const zeros = gzip(new Uint8Array(10_000));
  async function* endless() {
    yield archive(MAIN);
    for (;;) {
      sentBytes += zeros.byteLength;
      yield await Promise.resolve(zeros);
    }
  }
  await assertRefused(
    () => unpackArchive(endless(), { unpackedBytes: 1_000_000 }),
    "archive_unsafe",
    /unpacks to more than the limit of 1000000 bytes/,
  );
  assert.ok(sentBytes < 200_000, `took ${sentBytes} bytes`);
});

Deno.test("unpackArchive() stops when it is cancelled", async () => {
  const stop = new AbortController();
  async function* source() {
    yield archive(MAIN).subarray(0, 20);
    stop.abort();
    await new Promise(() => {});
  }
  await assertRefused(
    () => unpackArchive(source(), { signal: stop.signal }),
    "cancelled",
    /^Cancelled while unpacking the archive$/,
  );
});

Deno.test("unpackArchive() gives files with their hashes, and directories", async () => {
  const unpacked = await unpackArchive(
    archive(
      { name: "./", typeflag: "5" },
      { name: "./lib/", typeflag: "5" },
      { name: "./version", content: "1.0\n" },
      { name: "./data/deep/x.bin", content: Uint8Array.of(0, 255) },
      { name: "./empty/", typeflag: "5" },
    ),
  );
  assert.deepEqual(unpacked.directories, ["data", "data/deep", "empty", "lib"]);
  assert.deepEqual(unpacked.files.map(({ path }) => path), ["data/deep/x.bin", "version"]);
  const [binary] = unpacked.files;
  assert.deepEqual([...binary?.content ?? []], [0, 255]);
  assert.equal(binary?.sha256, createHash("sha256").update(Uint8Array.of(0, 255)).digest("hex"));
});

Deno.test("unpackArchive() takes names with spaces, quotes, backslashes and letters", async () => {
  const names = ["a b.py", `it's "x".py`, "back\\slash.py", "größe/日本語.py", "...", "\u{1f600}"];
  const unpacked = await unpackArchive(archive(...names.map((name) => ({ name }))));
  assert.deepEqual(unpacked.files.map(({ path }) => path), [...names].sort());
});

Deno.test("unpackArchive() leaves out what only a Mac has a use for, and says so", async () => {
  const appleDouble = Uint8Array.of(0, 5, 0x16, 7, 0, 2, 0, 0);
  const unpacked = await unpackArchive(
    archive(
      MAIN,
      { name: "._main.py", content: appleDouble },
      { name: "._mine", content: "my own" },
      { name: "lib/.DS_Store", content: "x" },
      { name: "__MACOSX/x", content: "x" },
    ),
  );
  assert.deepEqual(unpacked.files.map(({ path }) => path), ["._mine", "main.py"]);
  assert.deepEqual(unpacked.directories, []);
  assert.deepEqual(unpacked.skipped, ["._main.py", "lib/.DS_Store", "__MACOSX/x"]);
});

Deno.test("unpackArchive() takes V7 headers, prefixes, global comments and pax over GNU names", async () => {
  const magic = NUL.repeat(8);
  const unpacked = await unpackArchive(
    archive(
      pax({ comment: "a commit" }, "g"),
      { name: "v7/", typeflag: NUL, magic },
      { name: "v7/a", typeflag: NUL, magic, prefix: "not a prefix" },
      { name: "b", prefix: "ustar" },
      { name: "gnu", magic: `ustar  ${NUL}`, prefix: "12345670123" },
      { name: "././@LongLink", typeflag: "L", content: `long${NUL}` },
      pax({ path: "pax", mtime: "1.5" }),
      { name: "short" },
      pax({ path: "" }),
      { name: "kept" },
      pax({ size: "3" }),
      { name: "sized", content: "abc", size: "00000000777\0" },
    ),
  );
  assert.deepEqual(unpacked.files.map(({ path }) => path), [
    ...["gnu", "kept", "pax", "sized", "ustar/b", "v7/a"],
  ]);
});

Deno.test("unpackArchive() gives back what was packed, however the bytes are cut", async () => {
  const name = fc.stringMatching(/^[a-z]{1,3}(\/[a-z]{1,3}){0,2}$/);
  const content = fc.uint8Array({ maxLength: 1500 });
  // Distinct first letters, so that no name is a directory of another.
  const tree = fc.uniqueArray(fc.tuple(name, content), {
    maxLength: 8,
    minLength: 1,
    selector: ([path]) => path[0],
  });
  await fc.assert(
    fc.asyncProperty(tree, fc.integer({ min: 1, max: 700 }), async (entries, cut) => {
      const packed = archive(...entries.map(([path, bytes]) => ({ name: path, content: bytes })));
      async function* pieces() {
        for (let at = 0; at < packed.byteLength; at += cut) {
          yield await Promise.resolve(packed.subarray(at, at + cut));
        }
      }
      const { files } = await unpackArchive(pieces());
      assert.deepEqual(
        files.map((file) => [file.path, [...file.content]]),
        entries.map(([path, bytes]) => [path, [...bytes]]).sort(),
      );
    }),
    { numRuns: 60 },
  );
});

Deno.test("unpackArchive() gives a tree or a UotaError, whatever byte of it is changed", async () => {
  const good = tar(pax({ path: "lib/a.py" }), MAIN, { name: "b/", typeflag: "5" });
  await fc.assert(
    fc.asyncProperty(fc.nat(good.byteLength - 1), fc.nat(255), async (at, byte) => {
      const bad = good.slice();
      bad[at] = byte;
      try {
        await unpackArchive(gzip(bad));
      } catch (error) {
        assert.match(String(error), /^UotaError/);
      }
    }),
    { numRuns: 150 },
  );
});
