/** The commands that concern the gateway itself and touch no board. */
import { Argument, type Command } from "commander";
import { COMPLETION_KINDS, type CompletionKind, runCompletions, runManual } from "./completions.ts";
import type { RunCommand } from "./context.ts";
import { runDaemon } from "./daemon.ts";
import { runDemoCommand } from "./demo.ts";
import { runDoctor } from "./doctor.ts";
import { examples, SELECTOR_HELP } from "./program_help.ts";
import { outlineOf } from "./program_outline.ts";
import { runHistory, runStatus } from "./records.ts";

export function addGatewayCommands(program: Command, run: RunCommand): void {
  program.command("status")
    .description("What the gateway knows of each board: version, last outcome and when.")
    .addHelpText("after", examples(["uota status", "touches no board"]))
    .action(() => run(runStatus));

  program.command("history")
    .description("Past attempts, newest first, with their reasons.")
    .option("--board <selector...>", "boards to show (default: all)")
    .addHelpText(
      "after",
      SELECTOR_HELP + examples(["uota history --board greenhouse-1", "what happened to it"]),
    )
    .action(({ board = [] }: { readonly board?: readonly string[] }) =>
      run((context) => runHistory(board, context))
    );

  program.command("daemon")
    .description("Keep the attached boards on the releases that they should have, until stopped.")
    .addHelpText(
      "after",
      examples(
        ["systemctl status uota-gateway", "how it is doing, where it is installed as a service"],
        ["systemctl reload uota-gateway", "read the configuration anew"],
        ["journalctl -u uota-gateway", "what it has done"],
      ),
    )
    .action(() => run(runDaemon));

  program.command("doctor")
    .description("Check what stops gateways from working, and say what mends it. Changes nothing.")
    .addHelpText(
      "after",
      examples(
        ["uota doctor", "touches no board"],
        ["sudo uota doctor", "sees also what only root may read"],
      ),
    )
    .action(() => run(runDoctor));

  program.command("demo")
    .description("Update an emulated board from a release server, both on this machine.")
    .addHelpText("after", examples(["uota demo", "needs no root, no board and no configuration"]))
    .action(() => run(runDemoCommand));

  // For install.sh, which puts their output where shells and man(1) look.
  program.command("completions", { hidden: true })
    .description("Print the completions for a shell.")
    .addArgument(new Argument("<shell>").choices(COMPLETION_KINDS))
    .action((kind: CompletionKind) =>
      run((context) => runCompletions({ kind, program: outlineOf(program) }, context))
    );

  program.command("manual", { hidden: true })
    .description("Print the manual page.")
    .action(() => run((context) => runManual(outlineOf(program), context)));
}
