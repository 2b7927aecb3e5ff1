/** `uota completions` and `uota manual`: what install.sh puts beside the program. */
import { bashCompletions } from "../completions/bash.ts";
import { fishCompletions } from "../completions/fish.ts";
import type { CompletionKind } from "../completions/kinds.ts";
import { selectorsOf } from "../completions/selectors.ts";
import { zshCompletions } from "../completions/zsh.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { manualPage } from "./manual_page.ts";
import type { CommandContext } from "./context.ts";
import type { ProgramOutline } from "./program_outline.ts";

export async function runCompletions(
  request: { readonly kind: CompletionKind; readonly program: ProgramOutline },
  context: CommandContext,
): Promise<ExitCode> {
  const { kind, program } = request;
  const text = kind === "boards"
    ? selectorsOf(await context.loadConfig()).map((selector) => `${selector}\n`).join("")
    : GENERATORS[kind](program);
  context.printText(text);
  return EXIT.ok;
}

const GENERATORS = {
  bash: bashCompletions,
  zsh: zshCompletions,
  fish: fishCompletions,
} as const;

export function runManual(program: ProgramOutline, context: CommandContext): Promise<ExitCode> {
  context.printText(manualPage(program));
  return Promise.resolve(EXIT.ok);
}
