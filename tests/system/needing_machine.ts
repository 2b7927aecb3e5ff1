/** Registers tests that run in a machine; skipped aloud where none can boot, in CI they fail. */
import { whyNoMachine } from "./nspawn.ts";

/** A test that boots one or more machines. */
export async function testInMachine(
  name: string,
  fn: (t: Deno.TestContext) => Promise<void>,
): Promise<void> {
  const why = await whyNoMachine();
  if (why !== null) console.warn(`Skipped, ${why}: ${name}`);
  Deno.test({ name, ignore: why !== null, fn });
}
