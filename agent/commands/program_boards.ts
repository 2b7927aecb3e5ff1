/**
 * The commands that touch boards: what they are called and which flags they take. What runs them is
 * loaded when it is needed: on a small machine loading all of it takes longer than most commands.
 */
import { type Command, InvalidArgumentError } from "commander";
import { MAX_JOBS } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import type { ExitCode } from "../exit_code.ts";
import type { CommandContext, RunCommand } from "./context.ts";
import { examples, SELECTOR_HELP } from "./program_help.ts";
import type { UpdateRequest } from "../update.ts";

interface UpdateFlags {
  readonly board?: readonly string[];
  /** False with --no-version-check. */
  readonly versionCheck: boolean;
  readonly force?: true;
  readonly dryRun?: true;
  readonly jobs?: number;
  readonly archive?: string;
}

interface SelectionFlags {
  readonly board?: readonly string[];
  readonly jobs?: number;
}

export function addBoardCommands(program: Command, run: RunCommand): void {
  addUpdate(program, run);
  addCheck(program, run);
  program.command("boards")
    .description("List the attached boards: name, uid, port, MicroPython, firmware, free space.")
    .addHelpText(
      "after",
      examples(
        ["uota boards", "a table"],
        ["uota boards --json", "for a program to read"],
      ),
    )
    .action(() => run(async (context) => (await import("./boards.ts")).runBoards(context)));
  addRollback(program, run);
}

function addUpdate(program: Command, run: RunCommand): void {
  withSelection(program.command("update"), "boards to update (required)")
    .description("Poll the source, verify the release, install it on the selected boards.")
    .option("--no-version-check", "install whatever version the board has, or none, as in uOTA")
    .option("--force", "also what is older than the board's version or known to be bad")
    .option("--dry-run", "say what would be done and change nothing")
    .option("--archive <file>", "install this local archive instead of the source's")
    .addHelpText(
      "after",
      SELECTOR_HELP + examples(
        ["uota update --board all", "every board"],
        ["uota update --board greenhouse-1 group:barn", "one board and a group"],
        ["uota update --board 'north-*' --dry-run --json", "for a program to read"],
        ["uota update --board /dev/ttyACM0 --archive firmware.tar.gz", "without a server"],
      ),
    )
    .action((flags: UpdateFlags) => {
      const { board: selectors, versionCheck, force = false, dryRun = false } = flags;
      if (selectors === undefined) {
        throw new UotaError("usage", "update needs --board SELECTOR, for every board --board all");
      }
      const { jobs = null, archive = null } = flags;
      const request = { selectors, versionCheck, force, dryRun, jobs, archive };
      return run((context) => update(request, context));
    });
}

function addCheck(program: Command, run: RunCommand): void {
  withSelection(program.command("check"), "boards to look at (default: all)")
    .description("Poll the source and say what update would do. Changes nothing.")
    .addHelpText(
      "after",
      SELECTOR_HELP + examples(
        ["uota check", "every board"],
        ["uota check --board group:greenhouse", "the boards of a group"],
      ),
    )
    .action(({ board: selectors = ["all"], jobs }: SelectionFlags) => {
      const request = { selectors, versionCheck: true, force: false, dryRun: true, archive: null };
      return run((context) => update({ ...request, jobs: jobs ?? null }, context));
    });
}

function addRollback(program: Command, run: RunCommand): void {
  withSelection(program.command("rollback"), "boards to bring back (required)")
    .description("Bring boards back to the release before.")
    .addHelpText(
      "after",
      SELECTOR_HELP + examples(
        ["uota rollback --board greenhouse-1", "the release that it leaves does not come back"],
      ),
    )
    .action(({ board: selectors, jobs }: SelectionFlags) => {
      if (selectors === undefined) throw new UotaError("usage", "rollback needs --board SELECTOR");
      return run(async (context) =>
        (await import("./rollback.ts")).runRollback({ selectors, jobs: jobs ?? null }, context)
      );
    });
}

async function update(request: UpdateRequest, context: CommandContext): Promise<ExitCode> {
  const { runUpdate } = await import("./update.ts");
  return await runUpdate(request, context);
}

/** Variadic flags may be given several times, with several values each. */
function withSelection(command: Command, what: string): Command {
  return command
    .option("--board <selector...>", what)
    .option("--jobs <n>", "how many boards side by side (default: the configuration's)", jobs);
}

function jobs(text: string): number {
  const count = Number(text);
  if (/^\d+$/.test(text) && count >= 1 && count <= MAX_JOBS) return count;
  throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_JOBS}`);
}
