/** `uota status` and `uota history`: what the store knows, without touching a board. */
import { EXIT, type ExitCode } from "../exit_code.ts";
import { selectBoards } from "../fleet/selection.ts";
import { Memory } from "../memory.ts";
import { historyJson, statusJson } from "../report/json.ts";
import { historyText, statusText } from "../report/records_text.ts";
import type { CommandContext } from "./context.ts";

export async function runStatus(context: CommandContext): Promise<ExitCode> {
  using memory = await openMemory(context);
  const boards = memory.store.status();
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
  using memory = await openMemory(context);
  const all = memory.store.history();
  const config = await context.loadConfig();
  const groupOf = (name: string) =>
    config.boards.find((entry) => entry.name === name)?.group ?? null;
  const selectable = all.map((attempt) => ({
    ...attempt,
    ports: attempt.port === null ? [] : [attempt.port],
    group: groupOf(attempt.name),
  }));
  const chosen = selectors.length === 0 ? all : selectBoards(selectors, selectable);
  context.print({
    json: () => historyJson(chosen),
    text: (options) => historyText(chosen, options),
  });
  return EXIT.ok;
}

async function openMemory(context: CommandContext): Promise<Memory> {
  const { gateway } = await context.loadConfig();
  return Memory.open(gateway.stateDir, context.warn);
}
