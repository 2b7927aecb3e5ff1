import fc from "fast-check";
import type { Call } from "../../serial/script_runner.ts";
import { chunkFor, packWrites, SMALLEST_CHUNK_BYTES } from "../../serial/write_plan.ts";
import { assert, assertEquals } from "../assert.ts";
import { latin1 } from "./line.ts";

const entries = fc.array(
  fc.record({
    path: fc.stringMatching(/^[a-z]{1,8}$/),
    content: fc.integer({ min: 0, max: 700 }).map((sizeBytes) =>
      new Uint8Array(sizeBytes).fill(0x78)
    ),
  }),
  { maxLength: 20 },
);
const chunks = fc.integer({ min: 1, max: 600 });

interface File {
  readonly path: string;
  content: string;
}

/** What a board that carries out the calls ends up with. */
function carryOut(calls: readonly Call[]): readonly File[] {
  const files: File[] = [];
  let open: File | null = null;
  for (const { name, values: [first, second, third] } of calls) {
    if (name === "part" && second === 0) files.push({ path: String(first), content: "" });
    const last = files.at(-1);
    if (name === "part" && third instanceof Uint8Array && last) {
      assertEquals([last.path, last.content.length], [first, second]);
      last.content += latin1(third);
    } else if (name === "begin") open = { path: String(first), content: "" };
    else if (name === "more" && open && first instanceof Uint8Array) open.content += latin1(first);
    else if (name === "end" && open) {
      files.push(open);
      open = null;
    } else throw new Error(`Unexpected ${name}`);
  }
  assertEquals(open, null);
  return files;
}

for (const flat of [false, true]) {
  const where = flat ? "a flat board" : "a board with directories";
  Deno.test(`packWrites() writes every file whole and in order on ${where}`, () => {
    fc.assert(fc.property(entries, chunks, (files, chunkBytes) => {
      const packs = [...packWrites(files, { chunkBytes, flat })];
      assertEquals(
        carryOut(packs.flatMap(({ calls }) => calls)),
        files.map(({ path, content }) => ({ path, content: latin1(content) })),
      );
      assert(packs.every(({ contentBytes }) => contentBytes <= chunkBytes));
      assertEquals(packs.reduce((sum, { filesEnded }) => sum + filesEnded, 0), files.length);
    }));
  });
}

Deno.test("packWrites() lets a file that takes several packs share none of them", () => {
  fc.assert(fc.property(entries, chunks, (files, chunkBytes) => {
    for (const { calls } of packWrites(files, { chunkBytes, flat: false })) {
      const paths = calls.map(({ values }) => values[0]);
      const large = files.filter(({ content }) => content.byteLength > chunkBytes);
      if (large.some(({ path }) => paths.includes(path) && calls.length > 1)) {
        // Two files may have the same name, one of them small.
        assert(
          files.some(({ path, content }) =>
            paths.includes(path) && content.byteLength <= chunkBytes
          ),
        );
      }
    }
  }));
});

Deno.test("packWrites() goes on where a file is there in part", () => {
  const content = new TextEncoder().encode("0123456789");
  const [pack] = packWrites([{ path: "a", content, offset: 4 }], { chunkBytes: 64, flat: false });
  assertEquals(pack?.calls, [{ name: "part", values: ["a", 4, content.subarray(4)] }]);
  assertEquals(pack?.contentBytes, 6);
});

Deno.test("packWrites() puts small files into one script", () => {
  const files = Array.from({ length: 10 }, (_, index) => ({
    path: `f${index}`,
    content: new Uint8Array(50),
  }));
  assertEquals([...packWrites(files, { chunkBytes: 4096, flat: false })].length, 1);
});

Deno.test("chunkFor() stays a small share of the heap, within its limits", () => {
  for (const transfer of ["raw_paste", "raw"] as const) {
    assertEquals(chunkFor(8 * 1024 * 1024, transfer), 4096);
    assertEquals(chunkFor(100, transfer), SMALLEST_CHUNK_BYTES);
    for (const heap of [9000, 24_000, 100_000]) {
      const chunk = chunkFor(heap, transfer);
      assert(chunk <= heap / 10 && chunk >= heap / 40, `${chunk} of ${heap}`);
    }
  }
});
