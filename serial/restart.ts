/** Leaving a board as one found it: with its program running. */
import { UotaError } from "../errors/mod.ts";
import { RawRepl } from "./raw_repl.ts";
import type { SerialPort } from "./tty.ts";

const RESTART_BOUND_MS = 3000;

/**
 * Starts the program again when all else is over; a board that is gone cannot be helped. Takes 3 s
 * at most. `entered` is null where the raw REPL was not reached yet.
 */
export async function restartQuietly(port: SerialPort, entered: RawRepl | null): Promise<void> {
  try {
    const signal = AbortSignal.timeout(RESTART_BOUND_MS);
    const options = { signal, timeoutMs: RESTART_BOUND_MS };
    const repl = entered ?? await RawRepl.enter(port, options);
    if (entered !== null) await repl.reenter(options);
    await repl.restartProgram({ signal });
  } catch (error) {
    // The reason why the visit ended is already on its way to the caller and matters more.
    if (!(error instanceof UotaError || error instanceof DOMException)) throw error;
  }
}
