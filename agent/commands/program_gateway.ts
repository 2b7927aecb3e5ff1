/** The commands that concern the gateway itself and touch no board; each is loaded when it is needed. */
import { Argument, type Command } from "commander";
import { COMPLETION_KINDS, type CompletionKind } from "../completions/kinds.ts";
import type { RunCommand } from "./context.ts";
import { examples, SELECTOR_HELP } from "./program_help.ts";
import { outlineOf } from "./program_outline.ts";

export function addGatewayCommands(program: Command, run: RunCommand): void {
  program.command("status")
    .description("What the gateway knows of each board: version, last outcome and when.")
    .addHelpText("after", examples(["uota status", "touches no board"]))
    .action(() => run(async (context) => (await import("./records.ts")).runStatus(context)));

  program.command("history")
    .description("Past attempts, newest first, with their reasons.")
    .option("--board <selector...>", "boards to show (default: all)")
    .addHelpText(
      "after",
      SELECTOR_HELP + examples(["uota history --board greenhouse-1", "what happened to it"]),
    )
    .action(({ board = [] }: { readonly board?: readonly string[] }) =>
      run(async (context) => (await import("./records.ts")).runHistory(board, context))
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
    .action(() => run(async (context) => (await import("./daemon.ts")).runDaemon(context)));

  program.command("doctor")
    .description("Check what stops gateways from working, and say what mends it. Changes nothing.")
    .addHelpText(
      "after",
      examples(
        ["uota doctor", "touches no board"],
        ["sudo uota doctor", "sees also what only root may read"],
      ),
    )
    .action(() => run(async (context) => (await import("./doctor.ts")).runDoctor(context)));

  program.command("demo")
    .description("Update an emulated board from a release server, both on this machine.")
    .addHelpText("after", examples(["uota demo", "needs no root, no board and no configuration"]))
    .action(() => run(async (context) => (await import("./demo.ts")).runDemoCommand(context)));

  // For install.sh, which puts their output where shells and man(1) look.
  program.command("completions", { hidden: true })
    .description("Print the completions for a shell.")
    .addArgument(new Argument("<shell>").choices(COMPLETION_KINDS))
    .action((kind: CompletionKind) =>
      run(async (context) => {
        const { runCompletions } = await import("./completions.ts");
        return await runCompletions({ kind, program: outlineOf(program) }, context);
      })
    );

  program.command("manual", { hidden: true })
    .description("Print the manual page.")
    .action(() =>
      run(async (context) =>
        (await import("./completions.ts")).runManual(outlineOf(program), context)
      )
    );
}
