/** Hostile and broken publications: what a server must not be able to bring to a board. */
import type { ErrorCode } from "../../errors/mod.ts";
import { archive, concat, type Entry, gzip, pax, tar } from "../agent/release/tar_writer.ts";
import { packed, published, sha256 } from "./firmware.ts";

/** What is on the server, and how it has to be refused. */
export interface Refusal {
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly code: ErrorCode;
  readonly message: RegExp;
}

const MAIN: Entry = { name: "main.py", content: "print('new')\n" };
const VERSION: Entry = { name: "version", content: "2.0\n" };
const GOOD = archive(MAIN, VERSION);
const NUL = "\0";

/** An archive that is as bad as its hash is right. */
function bad(content: Uint8Array, code: ErrorCode, message: RegExp): Refusal {
  return { files: published("2.0", content), code, message };
}

/** An archive with these members beside good ones. */
function unsafe(message: RegExp, ...entries: readonly Entry[]): Refusal {
  return bad(archive(MAIN, ...entries, VERSION), "archive_unsafe", message);
}

function broken(message: RegExp, content: Uint8Array): Refusal {
  return bad(content, "archive_invalid", message);
}

/** A notice, with a good archive beside it. */
function notice(latest: string | Uint8Array, message: RegExp): Refusal {
  return { files: { latest, "firmware.tar.gz": GOOD }, code: "notice_invalid", message };
}

function release(message: RegExp, files: Readonly<Record<string, string>>): Refusal {
  return bad(packed(files), "release_invalid", message);
}

function flipped(content: Uint8Array, at: number): Uint8Array {
  return content.with(at, (content[at] ?? 0) ^ 0x40);
}

export const REFUSALS: Readonly<Record<string, Refusal>> = {
  // Members that reach for what is not theirs.
  "an absolute name": unsafe(/"\/boot\.py".*absolute/, { name: "/boot.py" }),
  "a name above": unsafe(/"\.\.\/boot\.py".*"\.\."/, { name: "../boot.py" }),
  "a name above, in the middle": unsafe(/"lib\/\.\.\/\.\.\/x"/, { name: "lib/../../x" }),
  "a name above, in a pax record": unsafe(/"\.\.\/pax"/, pax({ path: "../pax" }), MAIN),
  "a name above, in a GNU long name": unsafe(
    /"\.\.\/gnu"/,
    { name: "././@LongLink", typeflag: "L", content: `../gnu${NUL}` },
    MAIN,
  ),
  "a name above, in a prefix": unsafe(/"\.\.\/prefix\.py"/, { name: "prefix.py", prefix: ".." }),
  "a symbolic link": unsafe(/a symbolic link, "lib"/, {
    name: "lib",
    typeflag: "2",
    linkname: "/",
  }),
  "a hard link": unsafe(/a hard link, "b\.py"/, {
    name: "b.py",
    typeflag: "1",
    linkname: "main.py",
  }),
  "a character device": unsafe(/a character device, "null"/, { name: "null", typeflag: "3" }),
  "a block device": unsafe(/a block device, "sda"/, { name: "sda", typeflag: "4" }),
  "a FIFO": unsafe(/a FIFO, "pipe"/, { name: "pipe", typeflag: "6" }),
  "a type that nobody knows": unsafe(/unknown type "Z"/, { name: "z", typeflag: "Z" }),
  "a sparse file": unsafe(/GNU sparse/, { name: "s", typeflag: "S" }),
  "the gateway's journal": unsafe(/"\.uota\/journal"/, { name: ".uota/journal" }),
  "the gateway's directory in capitals": unsafe(/"\.\/\.UOTA\/new\/0"/, {
    name: "./.UOTA/new/0",
  }),
  // Names that boards do not tell apart, or cannot have.
  "a file twice": unsafe(/the file "main\.py" twice/, MAIN),
  "a file twice but for case": unsafe(/"main\.py" and "Main\.PY"/, { name: "Main.PY" }),
  "a file twice but for composition": unsafe(/how letters are composed/, { name: "é" }, {
    name: "e\u0301",
  }),
  "a file and a directory": unsafe(/"main\.py" as a file and as a directory/, {
    name: "main.py/x",
  }),
  "a line end in a name": unsafe(/"a\\nb".*control character/, { name: "a\nb" }),
  "a terminal's escape in a name": unsafe(/"\\u\{1b\}\[2Jx".*control character/, {
    name: "\x1b[2Jx",
  }),
  "a name that is not UTF-8": unsafe(/UTF-8/, { name: Uint8Array.of(0x61, 0xff) }),
  "a name of 256 bytes": unsafe(/more than 255 bytes/, pax({ path: "é".repeat(128) }), MAIN),
  "a path of 600 bytes": unsafe(
    /longer than 512 bytes/,
    pax({ path: "a/".repeat(300) + "b" }),
    MAIN,
  ),
  // Too much.
  "2001 files": unsafe(
    /2000 files/,
    ...Array.from({ length: 2001 }, (_, index) => ({ name: `f${index}` })),
  ),
  "a file over all limits": unsafe(/"zeros" of 69206016 bytes/, {
    name: "zeros",
    content: new Uint8Array(66 * 1024 * 1024),
  }),
  "a bomb": unsafe(
    /unpacks to more than \d+ times its size/,
    ...Array.from({ length: 5 }, (_, index) => ({
      name: `zeros${index}`,
      content: new Uint8Array(14 * 1024 * 1024),
    })),
  ),
  "an archive over the limit of a download": {
    files: published("2.0", new Uint8Array(33 * 1024 * 1024)),
    code: "too_large",
    message: /33554432/,
  },
  // Damage.
  "an empty file": broken(/empty/, new Uint8Array()),
  "a page instead of an archive": broken(
    /not a gzip'd tar but a web page/,
    new TextEncoder().encode("<html>Not found</html>"),
  ),
  "a tar that is not compressed": broken(/not a gzip'd tar but/, tar(MAIN, VERSION)),
  "an archive cut short": broken(/cut short/, GOOD.subarray(0, -20)),
  "an archive with a bit flipped": broken(/damaged/, flipped(GOOD, GOOD.byteLength - 12)),
  "a gzip followed by something": broken(
    /something after the end of its gzip/,
    concat(GOOD, new TextEncoder().encode("more")),
  ),
  "a tar without an end": broken(/two zero blocks/, gzip(tar(MAIN, VERSION).subarray(0, -1024))),
  "a tar cut within a member": broken(
    /in the middle of a member/,
    gzip(tar(MAIN, VERSION).subarray(0, 700)),
  ),
  "a wrong checksum": broken(/checksum/, archive(MAIN, { ...VERSION, checksumError: 1 })),
  "a tar that goes on after its end": bad(
    gzip(concat(tar(MAIN, VERSION), tar({ name: "hidden.py" }))),
    "archive_unsafe",
    /goes on after its end/,
  ),
  "an archive without members": broken(/is empty; make it/, archive()),
  "an archive that is not the notice's": {
    files: { ...published("2.0", GOOD), "firmware.tar.gz": archive(VERSION, MAIN) },
    code: "hash_mismatch",
    message: /but latest says/,
  },
  // Releases that would be installed for ever, or say what they must not.
  "no version": release(/no file version in its root, so boards/, { "main.py": "" }),
  "a version one directory too deep": release(/but "firmware\/version"/, {
    "firmware/version": "2.0",
  }),
  "another version": release(/says "1\.9", but latest says "2\.0"/, { version: "1.9" }),
  "a version of two lines": release(/instead of one line/, { version: "2.0\n2.1" }),
  "a uota.cfg that is a program": release(/no Python dictionary/, {
    version: "2.0",
    "uota.cfg": "__import__('os').remove('main.py')",
  }),
  "a uota.cfg that is a list": release(/of type list instead of a dictionary/, {
    version: "2.0",
    "uota.cfg": "['main.py']",
  }),
  "a delete list that is a text": release(/of type str for "delete"/, {
    version: "2.0",
    "uota.cfg": "{'delete': 'main.py'}",
  }),
  "a delete list with version": release(/names "version"/, {
    version: "2.0",
    "uota.cfg": "{'delete': ['version']}",
  }),
  "a delete list that leaves the root": release(/delete list.*"\.\.\/x"/, {
    version: "2.0",
    "uota.cfg": "{'delete': ['../x']}",
  }),
  "a delete list with the root": release(/delete list.*empty or names the root/, {
    version: "2.0",
    "uota.cfg": "{'delete': ['/']}",
  }),
  "a delete list with the gateway's directory": release(/delete list.*"\.uota"/, {
    version: "2.0",
    "uota.cfg": "{'delete': ['.uota']}",
  }),
  // Notices.
  "an empty notice": notice("", /latest is empty/),
  "a notice without a version": notice(
    `;firmware.tar.gz;0;${sha256(GOOD)}`,
    /version in latest is/,
  ),
  "a page instead of a notice": notice("<!doctype html><title>Log in</title>", /is a web page/),
  "a notice that is not text": notice(Uint8Array.of(0x32, 0x3b, 0xff, 0xfe), /not UTF-8/),
  "a notice of 5000 bytes": notice(`2.0;firmware.tar.gz;0;${"x".repeat(5000)}`, /more than 4096/),
  "a notice with a name above": notice(
    `2.0;../firmware.tar.gz;0;${sha256(GOOD)}`,
    /leaves or repeats a directory: "\.\.\/firmware/,
  ),
  "a notice with another host": notice(
    `2.0;http://example.org/f.tgz;0;${sha256(GOOD)}`,
    /a scheme of its own/,
  ),
  "a notice with a hidden name above": notice(
    `2.0;%2e%2e/firmware.tar.gz;0;${sha256(GOOD)}`,
    /leaves or repeats a directory: "%2e/,
  ),
  "a notice with an escape in its version": notice(
    `2.0\x1b[31m;firmware.tar.gz;0;${sha256(GOOD)}`,
    /version in latest has a control character/,
  ),
  "a notice with half a hash": notice("2.0;firmware.tar.gz;0;8870f8b3", /\(8 characters\)/),
  "a notice with negative space": notice(
    `2.0;firmware.tar.gz;-1;${sha256(GOOD)}`,
    /free space, is "-1"/,
  ),
  "a notice without the hash that is required": {
    files: { latest: "2.0;firmware.tar.gz;0", "firmware.tar.gz": GOOD },
    code: "hash_required",
    message: /states no SHA-256/,
  },
};
