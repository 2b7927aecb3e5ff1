/** Which archives the cache keeps, on a real directory. */
import { createHash } from "node:crypto";
import { ArchiveCache, KnownOffers } from "../../../agent/release/mod.ts";
import { assert, assertEquals } from "../../assert.ts";

/** More than are kept. */
const MANY = 40;

const archiveOf = (name: string) => new TextEncoder().encode(`archive ${name}`);
const sha256Of = (name: string) => createHash("sha256").update(archiveOf(name)).digest("hex");

interface Rig extends AsyncDisposable {
  readonly cache: ArchiveCache;
  readonly stateDir: string;
  nowMs: number;
  put(name: string): Promise<void>;
  has(name: string): Promise<boolean>;
}

async function makeCache(): Promise<Rig> {
  const stateDir = await Deno.makeTempDir({ prefix: "uota-cache-" });
  const rig: Rig = {
    stateDir,
    nowMs: Date.UTC(2026, 0, 1),
    cache: new ArchiveCache(stateDir, () => new Date(rig.nowMs++)),
    put: (name) => rig.cache.put(sha256Of(name), archiveOf(name)),
    has: (name) =>
      Deno.stat(`${stateDir}/archives/${sha256Of(name)}.tar.gz`).then(() => true, () => false),
    [Symbol.asyncDispose]: () => Deno.remove(stateDir, { recursive: true }),
  };
  return rig;
}

Deno.test("ArchiveCache keeps what was used last, and a bounded number", async () => {
  await using rig = await makeCache();
  await rig.put("used");
  for (let i = 0; i < MANY; i++) {
    await rig.put(`${i}`);
    assert(await rig.cache.get(sha256Of("used")) !== null);
  }
  assert(await rig.has(`${MANY - 1}`));
  assert(!await rig.has("0"));
  const names = await Array.fromAsync(Deno.readDir(`${rig.stateDir}/archives`));
  assert(names.length < MANY / 2, `${names.length} are kept`);
});

Deno.test("ArchiveCache goes by the order of use where the clock jumps back", async () => {
  await using rig = await makeCache();
  for (let i = 0; i < MANY; i++) await rig.put(`before ${i}`);
  for await (const { name } of Deno.readDir(`${rig.stateDir}/archives`)) {
    const then = new Date(Date.UTC(2038, 0, 1));
    await Deno.utime(`${rig.stateDir}/archives/${name}`, then, then);
  }
  rig.nowMs = 0;
  for (let i = 0; i < MANY; i++) {
    await rig.put(`after ${i}`);
    assert(await rig.has(`after ${i}`));
    assert(await rig.has(`after ${Math.max(0, i - 1)}`), `the one before ${i} is gone`);
  }
});

Deno.test("ArchiveCache keeps what a source offered last, however much is handed over", async () => {
  await using rig = await makeCache();
  await rig.put("offered");
  const notice = { version: "1", archive: "a.tar.gz", additionalFreeKb: 0, sha256: null };
  const offers = new KnownOffers(rig.stateDir, rig.cache);
  await offers.save({
    ...{ url: "https://example.com/", notice },
    archiveSha256: sha256Of("offered"),
  });
  for (let i = 0; i < MANY; i++) {
    const sha256 = await rig.cache.receive(ReadableStream.from([archiveOf(`upload ${i}`)]));
    assertEquals(sha256, sha256Of(`upload ${i}`));
  }
  assert(await rig.has("offered"));
  assert(!await rig.has("upload 0"));
});

Deno.test("ArchiveCache lets a file that is under way be, where the clock has jumped back", async () => {
  await using rig = await makeCache();
  await rig.put("first");
  async function* slowly() {
    yield archiveOf("slow");
    const [draft] = (await Array.fromAsync(Deno.readDir(`${rig.stateDir}/archives`)))
      .filter(({ name }) => name.endsWith(".tmp"));
    assert(draft !== undefined);
    await Deno.utime(`${rig.stateDir}/archives/${draft.name}`, 0, 0);
    for (let i = 0; i < MANY; i++) await rig.put(`${i}`);
  }
  await rig.cache.receive(slowly());
  assert(await rig.has("slow"));
});
