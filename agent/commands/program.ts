/**
 * The command line: which commands and flags there are, and which function runs each. Knows nothing
 * of what they do, and never ends the process.
 */
import { Command, CommanderError, InvalidArgumentError } from "commander";
import deno from "../../deno.json" with { type: "json" };
import { MAX_JOBS } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { runBoards } from "./boards.ts";
import { CommandContext, type GlobalFlags, type Surroundings } from "./context.ts";
import { runDemoCommand } from "./demo.ts";
import { runHistory, runStatus } from "./records.ts";
import { runRollback } from "./rollback.ts";
import { runUpdate } from "./update.ts";

/** Commands of INTERFACE.md that this version does not have. They must not look like typing errors. */
const NOT_BUILT = ["daemon", "release", "doctor"];

/**
 * Runs the command that the arguments name.
 *
 * @throws {UotaError} `usage` for wrong arguments; whatever the command throws.
 */
export async function runCommandLine(
  args: readonly string[],
  surroundings: Surroundings,
): Promise<ExitCode> {
  let exitCode: ExitCode = EXIT.ok;
  const program = buildProgram(surroundings, (code) => exitCode = code);
  try {
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    // --help and --version end the same way as mistakes do.
    if (error.exitCode === 0) return EXIT.ok;
    throw new UotaError("usage", usageMessage(error), { cause: error });
  }
  return exitCode;
}

function usageMessage(error: CommanderError): string {
  if (error.code === "commander.help") return "Which command? See uota --help";
  const advice = error.code === "commander.excessArguments" ? ", select boards with --board" : "";
  const [first = "", ...rest] = error.message.replace(/^error: /, "").split("\n");
  // Commander puts the name that was meant on a line of its own, in brackets.
  const meant = rest.map((line) => `, ${line.replace(/^\((.*)\)$/, "$1").replace("Did", "did")}`);
  return `${first.replace(/\.$/, "")}${meant.join("")}${advice}`;
}

interface UpdateFlags {
  readonly board?: readonly string[];
  /** False with --no-version-check. */
  readonly versionCheck: boolean;
  readonly force?: true;
  readonly dryRun?: true;
  readonly jobs?: number;
  readonly archive?: string;
}

interface CheckFlags {
  readonly board?: readonly string[];
  readonly jobs?: number;
}

function buildProgram(surroundings: Surroundings, done: (code: ExitCode) => void): Command {
  const { out } = surroundings.terminal;
  const program = new Command("uota")
    .description(
      "Installs firmware releases in uOTA's format on MicroPython boards over USB serial.",
    )
    .version(deno.version)
    .option(
      "--config <file>",
      "the configuration (default: $UOTA_CONFIG, then /etc/uota-gateway/gateway.toml)",
    )
    .option("--json", "print the result as one JSON document")
    .option("--quiet", "print nothing but results and errors")
    .option("--verbose", "log every step on stderr")
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: out,
      // Mistakes are reported where all errors are, so that they read the same.
      writeErr: () => {},
      outputError: () => {},
    })
    .exitOverride()
    .addHelpText(
      "after",
      example(
        ["uota boards", "which boards are there"],
        ["uota check", "what an update would do"],
        ["uota update --board all", "install what is published"],
      ) + EXIT_CODES,
    );
  const context = () => new CommandContext(surroundings, globalFlags(program));

  withSelection(program.command("update"), "boards to update (required)")
    .description("Poll the source, verify the release, install it on the selected boards.")
    .option("--no-version-check", "install whatever version the board has, or none, as in uOTA")
    .option("--force", "also what is older than the board's version or known to be bad")
    .option("--dry-run", "say what would be done and change nothing")
    .option("--archive <file>", "install this local archive instead of the source's")
    .addHelpText(
      "after",
      SELECTOR_HELP + example(
        ["uota update --board all", "every board"],
        ["uota update --board greenhouse-1 group:barn", "one board and a group"],
        ["uota update --board 'north-*' --dry-run --json", "for a program to read"],
        ["uota update --board /dev/ttyACM0 --archive firmware.tar.gz", "without a server"],
      ),
    )
    .action(async (flags: UpdateFlags) => {
      if (flags.board === undefined) {
        throw new UotaError("usage", "update needs --board SELECTOR, for every board --board all");
      }
      done(
        await runUpdate({
          selectors: flags.board,
          versionCheck: flags.versionCheck,
          force: flags.force ?? false,
          dryRun: flags.dryRun ?? false,
          jobs: flags.jobs ?? null,
          archive: flags.archive ?? null,
        }, context()),
      );
    });

  withSelection(program.command("check"), "boards to look at (default: all)")
    .description("Poll the source and say what update would do. Changes nothing.")
    .addHelpText(
      "after",
      SELECTOR_HELP + example(
        ["uota check", "every board"],
        ["uota check --board group:greenhouse", "the boards of a group"],
      ),
    )
    .action(async (flags: CheckFlags) => {
      done(
        await runUpdate({
          selectors: flags.board ?? ["all"],
          versionCheck: true,
          force: false,
          dryRun: true,
          jobs: flags.jobs ?? null,
          archive: null,
        }, context()),
      );
    });

  program.command("boards")
    .description("List the attached boards: name, uid, port, MicroPython, firmware, free space.")
    .addHelpText(
      "after",
      example(
        ["uota boards", "a table"],
        ["uota boards --json", "for a program to read"],
      ),
    )
    .action(async () => done(await runBoards(context())));

  program.command("status")
    .description("What the gateway knows of each board: version, last outcome and when.")
    .addHelpText("after", example(["uota status", "touches no board"]))
    .action(async () => done(await runStatus(context())));

  program.command("history")
    .description("Past attempts, newest first, with their reasons.")
    .option("--board <selector...>", "boards to show (default: all)")
    .addHelpText(
      "after",
      SELECTOR_HELP + example(["uota history --board greenhouse-1", "what happened to it"]),
    )
    .action(async (flags: Pick<CheckFlags, "board">) =>
      done(await runHistory(flags.board ?? [], context()))
    );

  withSelection(program.command("rollback"), "boards to bring back (required)")
    .description("Bring boards back to the release before.")
    .addHelpText(
      "after",
      SELECTOR_HELP + example(
        ["uota rollback --board greenhouse-1", "the release that it leaves does not come back"],
      ),
    )
    .action(async (flags: CheckFlags) => {
      if (flags.board === undefined) {
        throw new UotaError("usage", "rollback needs --board SELECTOR");
      }
      done(await runRollback({ selectors: flags.board, jobs: flags.jobs ?? null }, context()));
    });

  program.command("demo")
    .description("Update an emulated board from a release server, both on this machine.")
    .addHelpText("after", example(["uota demo", "needs no root, no board and no configuration"]))
    .action(async () => done(await runDemoCommand(context())));

  // Stand-ins until the real ones are merged.
  program.command("completions <shell>", { hidden: true })
    .action((shell: string) => out(`# completions for ${shell}\n`));
  program.command("manual", { hidden: true })
    .action(() => out(".TH UOTA 8\n.SH NAME\nuota\n"));

  for (const name of NOT_BUILT) {
    program.command(name, { hidden: true })
      .helpOption(false)
      .allowUnknownOption()
      .allowExcessArguments()
      .action(() => {
        throw new UotaError(
          "usage",
          `This version of uota has no ${name} command, see uota --help`,
        );
      });
  }
  return program;
}

function globalFlags(program: Command): GlobalFlags {
  const flags = program.opts<GlobalFlags>();
  if (flags.quiet && flags.verbose) {
    throw new UotaError("usage", "--quiet and --verbose exclude each other");
  }
  return flags;
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

const SELECTOR_HELP = `
A SELECTOR is all, a board's name, its uid, a port's path, group:NAME, or a glob over names.
`;

const EXIT_CODES = `
Exit codes:
  0   all selected boards are updated or current
  1   at least one failed or was rolled back
  2   wrong usage
  69  server unreachable
  75  some boards unreachable or busy, try again
  77  release refused
  78  configuration wrong
  130 interrupted, 143 terminated; the boards are whole
`;

function example(...lines: readonly (readonly [command: string, what: string])[]): string {
  const width = Math.max(...lines.map(([command]) => command.length));
  return `\nExamples:\n${
    lines.map(([command, what]) => `  ${command.padEnd(width)}  ${what}\n`).join("")
  }`;
}
