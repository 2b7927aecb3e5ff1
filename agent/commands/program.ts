/**
 * The command line: which commands and flags there are, and which function runs each. Knows nothing
 * of what they do, and never ends the process.
 */
import { Command, CommanderError } from "commander";
import deno from "../../deno.json" with { type: "json" };
import { UotaError } from "../../errors/mod.ts";
import { EXIT, type ExitCode } from "../exit_code.ts";
import { CommandContext, type GlobalFlags, type RunCommand, type Surroundings } from "./context.ts";
import { addBoardCommands } from "./program_boards.ts";
import { addGatewayCommands } from "./program_gateway.ts";
import { examples, EXIT_CODES } from "./program_help.ts";

/** Commands of INTERFACE.md that this version does not have. They must not look like typing errors. */
const NOT_BUILT = ["release"];

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
      examples(
        ["uota boards", "which boards are there"],
        ["uota check", "what an update would do"],
        ["uota update --board all", "install what is published"],
      ) + EXIT_CODES,
    );
  const run: RunCommand = async (command) =>
    done(await command(new CommandContext(surroundings, globalFlags(program))));
  addBoardCommands(program, run);
  addGatewayCommands(program, run);
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
