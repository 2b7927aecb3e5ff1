/** Boards whose flash does not hold the new files beside the old ones, and what cuts do to them. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { type Gateway, inShort, makeGateway, onlyOutcome } from "./gateway.ts";

const KB = 1024;
const FLASH_BYTES = 160 * KB;

/** Some content that no compression and no repetition makes smaller. */
function noise(seed: number, bytes: number): Uint8Array {
  let state = seed;
  return Uint8Array.from({ length: bytes }, () => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return state >>> 24;
  });
}

const OLD: Files = {
  "big.bin": noise(1, 50 * KB),
  "lib/more.bin": noise(2, 30 * KB),
  "gone/old.bin": noise(3, 20 * KB),
  "mine.txt": "the board's own\n",
  "version": "1.0\n",
};
const NEW: Files = {
  "big.bin": noise(4, 60 * KB),
  "lib/more.bin": noise(5, 20 * KB),
  "uota.cfg": "{'delete': ['gone']}\n",
  "version": "2.0\n",
};
const AFTER = digests(onBoard({ ...NEW, "mine.txt": "the board's own\n" }));

async function archive(gateway: Gateway, files: Files): Promise<string> {
  const path = `${gateway.directory}/release.tar.gz`;
  await Deno.writeFile(path, packed(files));
  return path;
}

Deno.test("update() goes file by file when new and old do not fit beside each other", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD), flashBytes: FLASH_BYTES });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "200ms" });
  const outcome = onlyOutcome(await gateway.update({ archive: await archive(gateway, NEW) }));
  assertEquals(inShort(outcome), "updated");
  assertEquals(outcome.strategy, "in_place");
  assertEquals(digests(await board.files()), AFTER);
});

Deno.test("update() puts every old file back when a release that went file by file fails", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD), flashBytes: FLASH_BYTES });
  await using gateway = await makeGateway({ ports: [board.port], confirm: "2s" });
  const path = await archive(gateway, { ...NEW, "main.py": "1/0\n" });
  const outcome = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals(inShort(outcome), "rolled_back app_failed");
  assertEquals(digests(await board.files()), digests(onBoard(OLD)));
});

Deno.test("update() leaves a board alone whose flash is too small, and gives the figures", async () => {
  await using board = await startWasmBoard({ files: onBoard(OLD), flashBytes: FLASH_BYTES });
  await using gateway = await makeGateway({ ports: [board.port] });
  const path = await archive(gateway, { ...NEW, "huge.bin": noise(6, 80 * KB) });
  const outcome = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals(inShort(outcome), "failed no_space");
  assertIncludes(outcome.reason?.message ?? "", "kB free of");
  assertEquals(digests(await board.files()), digests(onBoard(OLD)));
});

for (const withMemory of [true, false]) {
  const what = withMemory ? "with" : "without";
  Deno.test(`update() settles a board cut off between two files ${what} the gateway's memory`, async () => {
    await using board = await startWasmBoard({ files: onBoard(OLD), flashBytes: FLASH_BYTES });
    await using gateway = await makeGateway({ ports: [board.port], confirm: "200ms" });
    const path = await archive(gateway, NEW);
    const off = board.cutPowerAfter(12);
    const cut = onlyOutcome(await gateway.update({ archive: path }));
    await off;
    assertEquals(cut.outcome, "failed");
    assert((await board.files()).get("/version") !== undefined);
    await board.powerOn();
    if (!withMemory) await Deno.remove(`${gateway.directory}/state`, { recursive: true });
    assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "updated");
    assertEquals(inShort(onlyOutcome(await gateway.update({ archive: path }))), "current");
    assertEquals(digests(await board.files()), AFTER);
  });
}

Deno.test("update() puts back what was below a directory that is emptied around what is excluded", async () => {
  const old: Files = { ...OLD, "gone/deep/older.bin": noise(6, 2 * KB), "gone/mine.txt": "mine\n" };
  await using board = await startWasmBoard({ files: onBoard(old), flashBytes: FLASH_BYTES });
  await using gateway = await makeGateway({
    ports: [board.port],
    confirm: "500ms",
    defaults: 'exclude = ["gone/mine.txt"]',
  });
  const path = await archive(gateway, { ...NEW, "main.py": "1/0\n" });
  const outcome = onlyOutcome(await gateway.update({ archive: path }));
  assertEquals([inShort(outcome), outcome.strategy], ["rolled_back app_failed", "in_place"]);
  assertEquals(digests(await board.files()), digests(onBoard(old)));
});
