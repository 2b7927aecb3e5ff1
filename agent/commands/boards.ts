/** `uota boards`: the attached boards and what is on them. */
import { EXIT, type ExitCode } from "../exit_code.ts";
import { boardsJson } from "../report/json.ts";
import { boardsText } from "../report/text.ts";
import type { CommandContext } from "./context.ts";

/** Exits with 75 where a board could not be asked: its line says why. */
export async function runBoards(context: CommandContext): Promise<ExitCode> {
  const gateway = await context.gateway();
  const boards = await (async () => {
    using progress = context.showProgress();
    return await gateway.boards({
      signal: context.signal,
      onProgress: progress.onProgress,
      log: progress.log,
    });
  })();
  context.print({
    json: () => boardsJson(boards),
    text: (options) => boardsText(boards, options),
  });
  return boards.some(({ reason }) => reason !== null) ? EXIT.tryAgain : EXIT.ok;
}
