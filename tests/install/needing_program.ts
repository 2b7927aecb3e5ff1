/** Tests that need a program of the system; skipped aloud without it, in CI they fail. */

/** Registers a test that runs the program. */
export async function testNeedingProgram(
  program: string,
  name: string,
  fn: () => Promise<void>,
): Promise<void> {
  const present = await isThere(program);
  if (!present && Deno.env.has("CI")) throw new Error(`CI needs ${program}`);
  if (!present) console.warn(`Skipped, ${program} is not installed: ${name}`);
  Deno.test({ name, ignore: !present, fn });
}

async function isThere(program: string): Promise<boolean> {
  try {
    await new Deno.Command(program, { args: ["--version"], stdout: "null", stderr: "null" })
      .output();
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
