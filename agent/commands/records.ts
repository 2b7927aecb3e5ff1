/** `uota status` and `uota history`: what the store knows, without touching a board. */
import { EXIT, type ExitCode } from "../exit_code.ts";
import { historyJson, statusJson } from "../report/json.ts";
import { historyText, statusText } from "../report/records_text.ts";
import type { CommandContext } from "./context.ts";

export async function runStatus(context: CommandContext): Promise<ExitCode> {
  const gateway = await context.gateway();
  const boards = await gateway.status({ signal: context.signal, log: context.warn });
  context.print({
    json: () => statusJson(boards),
    text: (options) => statusText(boards, options),
  });
  return EXIT.ok;
}

/** @throws {UotaError} `unknown_board` where a selector means no board of the history */
export async function runHistory(
  selectors: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  const gateway = await context.gateway();
  const attempts = await gateway.history(selectors, { signal: context.signal, log: context.warn });
  context.print({
    json: () => historyJson(attempts),
    text: (options) => historyText(attempts, options),
  });
  return EXIT.ok;
}
