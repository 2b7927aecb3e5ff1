/**
 * The process: arguments, signals, exit code.
 *
 * INVARIANTS
 * - Only this module ends the process.
 * - There is one root `AbortController`. The first signal aborts it, and the run ends as soon as the
 *   boards are in a state that can be left; a second one by a hand ends the process at once. See
 *   `stop_signals.ts`.
 */
import { messageOf, UotaError } from "../errors/mod.ts";
import { runCommandLine } from "./commands/program.ts";
import { EXIT, type ExitCode, exitCodeOfError } from "./exit_code.ts";
import { errorJson } from "./report/json.ts";
import { systemTerminal, type Terminal } from "./report/terminal.ts";
import { shownLines } from "./report/words.ts";
import { type StopSignal, StopSignals } from "./stop_signals.ts";

const EXIT_OF_SIGNAL: Readonly<Record<StopSignal, ExitCode>> = {
  SIGHUP: EXIT.hungUp,
  SIGINT: EXIT.interrupted,
  SIGQUIT: EXIT.quit,
  SIGTERM: EXIT.terminated,
};

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<ExitCode> {
  const terminal = await systemTerminal(Deno.env);
  const root = new AbortController();
  let endsBySignal = false;
  const signals = new StopSignals({
    now: () => performance.now(),
    onStop: (signal) => {
      const again = signal === "SIGINT" ? "press Ctrl-C again to abort" : `${signal} received`;
      terminal.err(`uota: stopping; ${again}\n`);
      root.abort(new UotaError("cancelled", `Stopped by ${signal}`));
    },
    onAbort: (signal) => {
      terminal.release();
      Deno.exit(EXIT_OF_SIGNAL[signal]);
    },
  });
  signals.listen();
  const exitOfSignal = () => signals.stoppedBy === null ? null : EXIT_OF_SIGNAL[signals.stoppedBy];
  try {
    const exit = await runCommandLine(args, {
      ...{ terminal, env: Deno.env, signal: root.signal },
      endsBySignal: () => void (endsBySignal = true),
      onHangUp: (action) => signals.onHangUp(action),
    });
    return endsBySignal ? exit : exitOfSignal() ?? exit;
  } catch (error) {
    const failure = asUotaError(error);
    report(failure, { terminal, args });
    return exitOfSignal() ?? exitCodeOfError(failure);
  } finally {
    terminal.flush();
  }
}

function asUotaError(error: unknown): UotaError {
  if (error instanceof UotaError) return error;
  return new UotaError("internal", `A defect in uota: ${messageOf(error)}`, { cause: error });
}

/** The arguments may be what is wrong, so they are looked at, not parsed. */
function report(
  failure: UotaError,
  { terminal, args }: { readonly terminal: Terminal; readonly args: readonly string[] },
): void {
  if (args.includes("--json")) terminal.out(errorJson(failure));
  terminal.err(`uota: ${shownLines(failure.message).join("\n")}\n`);
  if (failure.code === "internal" && args.includes("--verbose") && failure.cause instanceof Error) {
    terminal.err(`${shownLines(failure.cause.stack ?? "").join("\n")}\n`);
  }
}
