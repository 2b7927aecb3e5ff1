/**
 * Tests that need programs which not every machine has. They are skipped aloud without them; in CI,
 * which has everything, they fail instead.
 */
import { microbitAvailable } from "../boards/mod.ts";
import { whyNoNginx } from "../server/nginx.ts";
import { mpremoteAvailable } from "../boards/mpremote.ts";

export type Need = "nginx" | "micro:bit" | "mpremote";

const WHY_NOT: Readonly<Record<Need, () => Promise<string | null>>> = {
  "nginx": whyNoNginx,
  "micro:bit": async () =>
    await microbitAvailable() ? null : "there is no emulated micro:bit on this machine",
  "mpremote": async () =>
    await mpremoteAvailable() ? null : "mpremote is not installed, .ci/install_mpremote does it",
};

/** Registers a test. */
export async function testNeeding(
  needs: readonly Need[],
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): Promise<void> {
  let ignore = false;
  for (const need of needs) {
    const why = await WHY_NOT[need]();
    if (why === null) continue;
    console.warn(`Skipped, ${why}: ${name}`);
    ignore = true;
  }
  Deno.test({ name, ignore, fn });
}
