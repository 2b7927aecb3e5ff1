import fc from "fast-check";
import { python } from "../../serial/literal.ts";
import { chunkFor, packWrites, SMALLEST_CHUNK_BYTES } from "../../serial/write_plan.ts";
import { assert, assertEquals } from "../assert.ts";
import { latin1 } from "./line.ts";

const py = python("raw_paste");
const entries = fc.array(
  fc.record({
    path: fc.stringMatching(/^[a-z]{1,8}$/),
    content: fc.integer({ min: 0, max: 700 }).map((sizeBytes) =>
      new Uint8Array(sizeBytes).fill(0x78)
    ),
  }),
  { maxLength: 20 },
);

/** What a board that runs the packs ends up with. */
function run(sources: readonly string[]): { path: string; content: string }[] {
  const files: { path: string; content: string }[] = [];
  let open: { path: string; content: string } | null = null;
  for (const line of sources.flatMap((source) => source.trimEnd().split("\n"))) {
    const whole = /^whole\('(\w+)',b'(x*)'\)$/.exec(line);
    const begin = /^begin\('(\w+)'\)$/.exec(line);
    const more = /^more\(b'(x+)'\)$/.exec(line);
    if (whole) files.push({ path: whole[1] ?? "", content: whole[2] ?? "" });
    else if (begin) open = { path: begin[1] ?? "", content: "" };
    else if (more && open) open.content += more[1];
    else if (line === "end()" && open) {
      files.push(open);
      open = null;
    } else throw new Error(`Unexpected ${line}`);
  }
  assertEquals(open, null);
  return files;
}

Deno.test("packWrites() writes every file whole and in order when chunks are of any size", () => {
  fc.assert(fc.property(entries, fc.integer({ min: 1, max: 600 }), (files, chunkBytes) => {
    const packs = [...packWrites(files, py, chunkBytes)];
    assertEquals(
      run(packs.map(({ source }) => latin1(source))),
      files.map(({ path, content }) => ({ path, content: latin1(content) })),
    );
    assert(packs.every(({ contentBytes }) => contentBytes <= chunkBytes));
    assertEquals(packs.reduce((sum, { filesEnded }) => sum + filesEnded, 0), files.length);
  }));
});

Deno.test("packWrites() ends a pack of finished files at the end of a file", () => {
  fc.assert(fc.property(entries, fc.integer({ min: 1, max: 600 }), (files, chunkBytes) => {
    for (const { source, filesEnded } of packWrites(files, py, chunkBytes)) {
      const last = latin1(source).trimEnd().split("\n").at(-1) ?? "";
      assertEquals(/^(whole|end)\(/.test(last), filesEnded > 0);
    }
  }));
});

Deno.test("packWrites() puts small files into one script", () => {
  const files = Array.from({ length: 10 }, (_, index) => ({
    path: `f${index}`,
    content: new Uint8Array(50),
  }));
  assertEquals([...packWrites(files, py, 4096)].length, 1);
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
