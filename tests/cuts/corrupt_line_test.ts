/** A line that flips a bit in every 3,000 bytes; `deno task cuts --corrupt flip --runs 50` does more. */
import { FILE_SYSTEM_KINDS } from "../boards/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { runCorrupted } from "./corrupt_line.ts";

for (const kind of ["flip", "lose", "double"] as const) {
  Deno.test(`update() installs intact or leaves the old release on a line that can ${kind}`, async () => {
    const runs = await runCorrupted({
      kind,
      everyBytes: 3000,
      seeds: [3, 4, 8],
      jobs: 3,
      fileSystems: FILE_SYSTEM_KINDS,
    });
    for (const { seed, wrong } of runs) assertEquals(wrong, [], `seed ${seed}`);
    assert(runs.every(({ corrupted }) => corrupted > 0), "No byte was damaged");
  });
}
