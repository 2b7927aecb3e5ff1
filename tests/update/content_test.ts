/** Whatever a release holds arrives as it is, also where memory is short. */
import { assert, assertEquals } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packedByTar } from "./firmware.ts";
import { inShort, makeGateway, onlyOutcome } from "./gateway.ts";
import { testNeeding } from "../needs.ts";

/** Bytes without a pattern, the same in every run (xorshift). */
function noise(count: number, seed: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: count }, () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state;
  });
}

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);

const SPECIAL: Files = {
  "empty.txt": "",
  "every byte.bin": ALL_BYTES,
  "every byte backwards.bin": ALL_BYTES.toReversed(),
  "control.bin": new Uint8Array(300).map((_, index) => [1, 2, 3, 4, 5, 13, 10, 0][index % 8] ?? 0),
  "quotes' and \" both": "'\"\\'\"",
  "dir/back\\slash.py": "print('\\\\')\n",
  "Grüße aus Köln/日本語/ф.py": "# äöü 日本語\r\n\ttab\n",
  "a b/c d/ e .txt": "spaces\n",
  "$(reboot);`x`&|<>*?": "nothing for a shell\n",
  "dir/%s {0} \\n": "nothing for a format\n",
  "dir/.hidden": "dot\n",
  "dir/-rf": "no option\n",
  [`${"x".repeat(100)}/${"é".repeat(127)}`]: "long\n",
  "no_line_end.py": "x = 1",
  "big.bin": noise(300 * 1024, 1),
};

function twoHundredFiles(): Files {
  const nested = Array.from({ length: 200 - Object.keys(SPECIAL).length - 1 }, (_, index) => {
    const path = `pkg${index % 7}/sub${index % 3}/deep${index % 2}/module_${index}.py`;
    return [path, noise(index * 5, index + 1)] as const;
  });
  return { ...Object.fromEntries(nested), ...SPECIAL, "version": "2.0\n" };
}

testNeeding(
  ["tar", "gzip"],
  "update() brings 200 files in nested directories to the board as they are",
  async () => {
    const release = twoHundredFiles();
    assertEquals(Object.keys(release).length, 200);
    await using board = await startWasmBoard({
      files: onBoard({ version: "1.0" }),
      flashBytes: 4 * 1024 * 1024,
    });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, await packedByTar(release));
    const outcome = onlyOutcome(await gateway.update({ archive }));
    assertEquals(inShort(outcome), "updated", outcome.reason?.message);
    assertEquals(outcome.files, { written: 200, unchanged: 0, deleted: 0, excluded: 0 });
    assertEquals(digests(await board.files()), digests(onBoard(release)));
    const content = Object.values(release).reduce((sum, file) => sum + file.length, 0);
    assert(outcome.bytesOnWire < content * 1.15, `${outcome.bytesOnWire} bytes for ${content}`);

    // All of it is compared again, and nothing sent.
    const again = onlyOutcome(await gateway.update({ archive, versionCheck: false }));
    assertEquals([inShort(again), again.files.unchanged], ["current", 200]);
  },
);

testNeeding(
  ["tar", "gzip"],
  "update() brings 100 KB to a board with 24 KB of free heap",
  async () => {
    const release: Files = { "big.bin": noise(100 * 1024, 7), "version": "2.0\n" };
    await using board = await startWasmBoard({
      files: onBoard({ version: "1.0", "main.py": "print('small')\n" }),
      // Some 17 KB of them are free at the raw REPL.
      heapBytes: 24 * 1024,
    });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, await packedByTar(release));
    const outcome = onlyOutcome(await gateway.update({ archive }));
    assertEquals(inShort(outcome), "updated", outcome.reason?.message);
    const files = await board.files();
    files.delete("/main.py");
    assertEquals(digests(files), digests(onBoard(release)));
  },
);
