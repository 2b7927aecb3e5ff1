/** `uota update` and `uota check`: the same run, which for `check` stops before it writes. */
import { type ExitCode, exitCodeOfOutcomes } from "../exit_code.ts";
import { resolvePortSelectors } from "../fleet/port_selectors.ts";
import { updateJson } from "../report/json.ts";
import { updateText } from "../report/text.ts";
import type { UpdateRequest } from "../update.ts";
import type { CommandContext } from "./context.ts";

export async function runUpdate(
  request: UpdateRequest,
  context: CommandContext,
): Promise<ExitCode> {
  const gateway = await context.gateway();
  const selectors = await resolvePortSelectors(request.selectors);
  const report = await (async () => {
    using progress = context.showProgress();
    return await gateway.update({ ...request, selectors }, {
      signal: context.signal,
      onProgress: progress.onProgress,
      log: progress.log,
    });
  })();
  context.print({
    json: () => updateJson(report),
    text: (options) => updateText(report, options),
  });
  return exitCodeOfOutcomes(report.boards);
}
