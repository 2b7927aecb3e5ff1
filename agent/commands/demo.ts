/** `uota demo`: what `./install.sh --try` runs. */
import { EXIT, type ExitCode } from "../exit_code.ts";
import { updateJson } from "../report/json.ts";
import { updateText } from "../report/text.ts";
import type { CommandContext } from "./context.ts";

export async function runDemoCommand(context: CommandContext): Promise<ExitCode> {
  // Loads the emulated board, which no other command needs.
  const { runDemo } = await import("../demo.ts");
  await runDemo({
    signal: context.signal,
    tell: (line) => context.tell(line),
    async showUpdate(run) {
      const report = await (async () => {
        using progress = context.showProgress();
        return await run(progress);
      })();
      context.print({
        json: () => updateJson(report),
        text: (options) => updateText(report, options),
      });
      return report;
    },
  });
  return EXIT.ok;
}
