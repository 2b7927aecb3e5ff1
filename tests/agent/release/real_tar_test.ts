import assert from "node:assert/strict";
import { unpackArchive } from "../../../agent/release/archive.ts";
import { testNeeding } from "../../needs.ts";

/** Content by path; all that the formats below can hold. */
const FILES: Readonly<Record<string, string>> = {
  "version": "2.0.1\n",
  "main.py": "print('hello')\n",
  "lib/deep/er/x.py": "x = 1\n",
  "a b 'c' \"d\".py": "",
  "größe.py": "é".repeat(700),
};
const LONG_NAME = `lib/${"n".repeat(200)}.py`;

const COMMANDS: Readonly<Record<string, readonly [string, Readonly<Record<string, string>>]>> = {
  "tar -czf firmware.tar.gz *": ["tar -czf ../a.tgz *", { ...FILES, [LONG_NAME]: "long" }],
  "tar -czf firmware.tgz .": ["tar -czf ../a.tgz .", { ...FILES, [LONG_NAME]: "long" }],
  "tar --format=gnu": ["tar --format=gnu -czf ../a.tgz *", { ...FILES, [LONG_NAME]: "long" }],
  "tar --format=oldgnu": ["tar --format=oldgnu -czf ../a.tgz *", { ...FILES, [LONG_NAME]: "long" }],
  "tar --format=pax": ["tar --format=pax -czf ../a.tgz *", { ...FILES, [LONG_NAME]: "long" }],
  "tar --format=ustar": ["tar --format=ustar -czf ../a.tgz *", {
    ...FILES,
    [`${"p".repeat(80)}/${"q".repeat(90)}`]: "prefixed",
  }],
  "tar --format=v7": ["tar --format=v7 -czf ../a.tgz *", FILES],
  "tar --no-recursion, without entries for directories": [
    "find . -type f | tar --no-recursion -czf ../a.tgz -T -",
    FILES,
  ],
  "tar to a pipe to gzip": ["tar -cf - * | gzip -9 > ../a.tgz", FILES],
};

for (const [what, [command, files]] of Object.entries(COMMANDS)) {
  testNeeding(["tar", "gzip"], `unpackArchive() reads what ${what} writes`, async () => {
    const directory = await Deno.makeTempDir();
    try {
      for (const [path, content] of Object.entries(files)) {
        const file = `${directory}/tree/${path}`;
        await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
        await Deno.writeTextFile(file, content);
      }
      const { success, stderr } = await new Deno.Command("sh", {
        args: ["-c", command],
        cwd: `${directory}/tree`,
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const unpacked = await unpackArchive(await Deno.readFile(`${directory}/a.tgz`));
      const found = unpacked.files.map(({ path, content }) => [
        path,
        new TextDecoder().decode(content),
      ]);
      assert.deepEqual(Object.fromEntries(found), files);
      assert.ok(unpacked.directories.includes("lib/deep/er"));
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
