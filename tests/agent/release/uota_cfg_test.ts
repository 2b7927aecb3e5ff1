import assert from "node:assert/strict";
import { parseUotaConfig } from "../../../agent/release/uota_cfg.ts";
import { assertRefused } from "./refused.ts";

Deno.test("parseUotaConfig() reads a whole uota.cfg", () => {
  const text = `# settings
{
    'url': 'http://example.com/downloads/',
    "tmp_filename": 'firmware.tar.gz',  # deleted afterwards
    'excluded_files': ['wifi.py', b'gr\\xc3\\xbc\\xc3\\x9fe.py', '/certs/'],
    'delete': ('old.py', 'lib/' 'old'),
    'other': 1.5,
    7: None,
}
`;
  assert.deepEqual(parseUotaConfig(new TextEncoder().encode(text)), {
    url: "http://example.com/downloads/",
    tmpFilename: "firmware.tar.gz",
    excludedFiles: ["wifi.py", "grüße.py", "/certs/"],
    delete: ["old.py", "lib/old"],
  });
});

Deno.test("parseUotaConfig() takes missing keys and None for empty", () => {
  const empty = { url: null, tmpFilename: null, excludedFiles: [], delete: [] };
  assert.deepEqual(parseUotaConfig("{}"), empty);
  assert.deepEqual(parseUotaConfig("{'url': None, 'delete': None}"), empty);
});

Deno.test("parseUotaConfig() takes the last of two equal keys", () => {
  assert.deepEqual(parseUotaConfig("{'delete': ['a'], 'delete': ['b']}").delete, ["b"]);
});

const WRONG: Readonly<Record<string, readonly [string | Uint8Array, RegExp]>> = {
  "a list": ["['a']", /holds a value of type list instead of a dictionary \(line 1, column 1\)$/],
  "text for a list": [
    "{\n  'delete': 'old.py'}",
    /has a value of type str for "delete", which takes a list of names .* \(line 2, column 13\)$/,
  ],
  "a number in a list": [
    "{'excluded_files': ['a', 3]}",
    /has a value of type int in the list "excluded_files", which takes names .* \(line 1, column 26\)$/,
  ],
  "a number as url": [
    "{'url': 3}",
    /has a value of type int for "url", which takes a text \(line 1, column 9\)$/,
  ],
  "bytes that are not UTF-8": ["{'delete': [b'\\xff']}", /bytes that are not UTF-8 in the list/],
  "code": [
    "{'delete': __import__('os').listdir()}",
    /no Python dictionary of plain values: __import__ is code.* \(line 1, column 12\)$/,
  ],
  "JSON": ['{"delete": null}', /null is code or a name/],
  "nothing": ["", /no Python dictionary/],
  "a file that is not UTF-8": [Uint8Array.of(0x7b, 0xff), /is not UTF-8 text$/],
};

for (const [what, [content, message]] of Object.entries(WRONG)) {
  Deno.test(`parseUotaConfig() refuses ${what}`, async () => {
    await assertRefused(() => parseUotaConfig(content), "release_invalid", message);
  });
}

Deno.test("parseUotaConfig() blames whom it is told to", async () => {
  const blame = { code: "board_error", where: "The uota.cfg on the board" } as const;
  const message = /^The uota\.cfg on the board holds a value of type int instead/;
  await assertRefused(() => parseUotaConfig("1", blame), "board_error", message);
});
