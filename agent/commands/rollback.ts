/** `uota rollback`: back to the release before. Here a roll-back is what was asked for. */
import { EXIT, type ExitCode, exitCodeOfOutcomes } from "../exit_code.ts";
import { resolvePortSelectors } from "../fleet/port_selectors.ts";
import { updateJson } from "../report/json.ts";
import { updateText } from "../report/text.ts";
import type { RollbackRequest } from "../rollback.ts";
import type { CommandContext } from "./context.ts";

export async function runRollback(
  request: RollbackRequest,
  context: CommandContext,
): Promise<ExitCode> {
  const gateway = await context.gateway();
  const selectors = await resolvePortSelectors(request.selectors);
  const boards = await (async () => {
    using progress = context.showProgress();
    return await gateway.rollback({ ...request, selectors }, {
      signal: context.signal,
      onProgress: progress.onProgress,
      log: progress.log,
    });
  })();
  const report = { release: null, boards };
  context.print({
    json: () => updateJson(report),
    text: (options) => updateText(report, options),
  });
  const others = boards.filter(({ outcome, reason }) => outcome !== "updated" || reason);
  return others.length === 0 ? EXIT.ok : exitCodeOfOutcomes(others);
}
