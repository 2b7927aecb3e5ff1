/**
 * A gateway under test: a configuration file in a directory of its own, and the two ways of running
 * with it, as the program that users start and, where a process a run would cost too much, as the
 * function behind it.
 */
import { type GatewayConfig, loadConfig, resolveCredentials } from "../../config/mod.ts";
import type { Outcome } from "../../agent/board/outcome.ts";
import {
  type RunOptions,
  update,
  type UpdateReport,
  type UpdateRequest,
} from "../../agent/update.ts";
import { assertEquals } from "../assert.ts";

/** What {@linkcode makeGateway} takes; the texts are lines of TOML. */
export interface GatewayOptions {
  /** @default a server that nobody runs, for updates from a local archive */
  readonly url?: string;
  /** The paths of the ports with boards. */
  readonly ports: readonly string[];
  /** More of `[source]`. */
  readonly source?: string;
  /** How long a program is watched after the reset. @default "0s" */
  readonly confirm?: string;
  /** More of `[defaults]`. */
  readonly defaults?: string;
  /** `[[board]]` tables. */
  readonly boards?: string;
}

/** How a run of the program ended. */
export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Gateway extends AsyncDisposable {
  readonly configFile: string;
  readonly config: GatewayConfig;
  /** A directory that goes with the gateway. */
  readonly directory: string;
  /** Runs the program: `run("update", "--board", "all")`. */
  run(...args: readonly string[]): Promise<Finished>;
  /** Starts the program and leaves it running. */
  start(...args: readonly string[]): Deno.ChildProcess;
  /** Updates all boards in this process, unless the request says something else. */
  update(
    request?: Partial<UpdateRequest>,
    options?: Partial<RunOptions>,
  ): Promise<UpdateReport>;
}

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;
const NOBODY = "http://127.0.0.1:9/";

/** Writes the configuration and reads it back as the program does. */
export async function makeGateway(options: GatewayOptions): Promise<Gateway> {
  const directory = await Deno.makeTempDir({ prefix: "uota-gateway-" });
  const configFile = `${directory}/gateway.toml`;
  await Deno.writeTextFile(configFile, gatewayToml(options, directory));
  const config = await resolveCredentials(await loadConfig(configFile), Deno.env);
  const command = (args: readonly string[]) =>
    new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", MAIN, "--config", configFile, ...args],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  return {
    configFile,
    config,
    directory,
    async run(...args) {
      const { code, stdout, stderr } = await command(args).output();
      const text = new TextDecoder();
      return { code, stdout: text.decode(stdout), stderr: text.decode(stderr) };
    },
    start: (...args) => command(args).spawn(),
    update: (request = {}, runOptions = {}) =>
      update(config, {
        selectors: ["all"],
        versionCheck: true,
        force: false,
        dryRun: false,
        jobs: null,
        archive: null,
        ...request,
      }, { signal: new AbortController().signal, ...runOptions }),
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

function gatewayToml(options: GatewayOptions, directory: string): string {
  return `
[source]
url = ${JSON.stringify(options.url ?? NOBODY)}
${options.source ?? ""}
[gateway]
state_dir = ${JSON.stringify(`${directory}/state`)}
control_socket = ${JSON.stringify(`${directory}/control.sock`)}
ports = ${JSON.stringify(options.ports)}
[defaults]
confirm = ${JSON.stringify(options.confirm ?? "0s")}
${options.defaults ?? ""}
${options.boards ?? ""}
`;
}

/** The outcome of a run on one board. */
export function onlyOutcome(report: UpdateReport): Outcome {
  const [outcome, ...others] = report.boards;
  assertEquals(others, []);
  if (outcome === undefined) throw new Error("The run had no board");
  return outcome;
}

/** An outcome in short, for comparing: `updated`, `skipped older`, `failed no_space`. */
export function inShort({ outcome, reason }: Pick<Outcome, "outcome" | "reason">): string {
  return reason === null ? outcome : `${outcome} ${reason.code}`;
}
