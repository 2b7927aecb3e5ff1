/** mpremote, the judge of the emulated boards and of what an update left on one. */

/** Debian's script, and not whatever python3 comes first on PATH. */
export const MPREMOTE = "/usr/bin/mpremote";

/**
 * Whether this machine has it; says aloud that it has not.
 *
 * @throws {Error} in CI, where everything has to be there
 */
export async function mpremoteAvailable(): Promise<boolean> {
  try {
    await Deno.stat(MPREMOTE);
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
    if (Deno.env.has("CI")) throw new Error("CI needs .ci/install_mpremote to be run");
    console.warn("mpremote is not installed: its tests are skipped. Run .ci/install_mpremote");
    return false;
  }
}
