/**
 * The process: arguments, signals, exit code.
 *
 * INVARIANTS
 * - Only this module ends the process.
 * - There is one root `AbortController`. The first SIGINT or SIGTERM aborts it, and the run ends as
 *   soon as the boards are in a state that can be left; the second ends the process at once.
 */
import { messageOf, UotaError } from "../errors/mod.ts";
import { runCommandLine } from "./commands/program.ts";
import { EXIT, type ExitCode, exitCodeOfError } from "./exit_code.ts";
import { errorJson } from "./report/json.ts";
import { systemTerminal, type Terminal } from "./report/terminal.ts";
import { shownLines } from "./report/words.ts";

const EXIT_OF_SIGNAL = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated } as const;

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: readonly string[]): Promise<ExitCode> {
  const terminal = await systemTerminal(Deno.env);
  const root = new AbortController();
  let exitOfSignal: ExitCode | null = null;
  let endsBySignal = false;
  for (const [name, exit] of entriesOf(EXIT_OF_SIGNAL)) {
    Deno.addSignalListener(name, () => {
      if (exitOfSignal !== null) Deno.exit(exit);
      exitOfSignal = exit;
      terminal.err(`uota: ${name}: stopping, once more to stop at once\n`);
      root.abort(new UotaError("cancelled", `Stopped by ${name}`));
    });
  }
  try {
    const exit = await runCommandLine(args, {
      ...{ terminal, env: Deno.env, signal: root.signal },
      endsBySignal: () => void (endsBySignal = true),
    });
    return endsBySignal ? exit : exitOfSignal ?? exit;
  } catch (error) {
    const failure = asUotaError(error);
    report(failure, { terminal, args });
    return exitOfSignal ?? exitCodeOfError(failure);
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
    terminal.err(`${failure.cause.stack}\n`);
  }
}

function entriesOf<Key extends string, Value>(
  table: Readonly<Record<Key, Value>>,
): readonly [Key, Value][] {
  // Object.entries types keys as string, since there might be more than the type says; not here.
  return Object.entries(table) as [Key, Value][];
}
