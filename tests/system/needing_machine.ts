/** Registers tests that run in a machine; skipped aloud where none can boot, in CI they fail. */
import { whyNoMachine } from "./nspawn.ts";

/**
 * A test that boots one or more machines.
 *
 * @param programs what it runs there beside systemd, from /usr/bin
 */
export async function testInMachine(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
  programs: readonly string[] = [],
): Promise<void> {
  const why = await whyNoMachine(programs);
  if (why !== null) console.warn(`Skipped, ${why}: ${name}`);
  Deno.test({ name, ignore: why !== null, fn });
}
