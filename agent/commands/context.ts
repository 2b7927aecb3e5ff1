/** What every command gets from `main.ts`, and what it may not get for itself. */
import {
  configPath,
  type Environment,
  loadConfig,
  type UnresolvedConfig,
} from "../../config/mod.ts";
import { connectControl } from "../daemon/control_client.ts";
import type { ExitCode } from "../exit_code.ts";
import type { Gateway } from "../gateway.ts";
import { showProgress, type Verbosity } from "../report/progress.ts";
import type { Progress } from "../report/progress.ts";
import { type EventLog, openEventLog } from "../report/event_log.ts";
import type { Terminal } from "../report/terminal.ts";
import type { TextOptions } from "../report/text.ts";
import { shownLines } from "../report/words.ts";
import { refuseSuspension } from "../stop_signals.ts";

/** The flags that stand before or after any command. */
export interface GlobalFlags {
  readonly config?: string;
  readonly json?: true;
  readonly quiet?: true;
  readonly verbose?: true;
}

/** The surroundings of the process. */
export interface Surroundings {
  readonly terminal: Terminal;
  readonly env: Environment;
  /** Aborted by the first signal that asks for a stop. */
  readonly signal: AbortSignal;
  /** A command that is meant to run until then calls this: a signal is no failure of it. */
  readonly endsBySignal: () => void;
  /** Until disposed of, SIGHUP does this instead of stopping the run. */
  readonly onHangUp: (action: () => void) => Disposable;
}

/** Runs a command with its context and keeps its exit code. */
export type RunCommand = (
  command: (context: CommandContext) => Promise<ExitCode>,
) => Promise<void>;

export class CommandContext {
  readonly signal: AbortSignal;
  readonly env: Environment;
  readonly json: boolean;
  readonly endsBySignal: () => void;
  readonly onHangUp: (action: () => void) => Disposable;
  readonly #terminal: Terminal;
  readonly #flags: GlobalFlags;
  /** Whether boards are worked on from this process. */
  #hasBoards = false;

  constructor(surroundings: Surroundings, flags: GlobalFlags) {
    const { terminal, env, signal, endsBySignal, onHangUp } = surroundings;
    this.signal = signal;
    this.env = env;
    this.endsBySignal = endsBySignal;
    this.onHangUp = onHangUp;
    this.json = flags.json ?? false;
    this.#terminal = terminal;
    this.#flags = flags;
  }

  /** The configuration's file. */
  get configPath(): string {
    return configPath(this.#flags.config, this.env);
  }

  /** @throws {UotaError} `config_invalid` */
  loadConfig(): Promise<UnresolvedConfig> {
    return loadConfig(this.configPath, { env: this.env });
  }

  /**
   * The gateway to ask: a daemon's where one runs, else one in this process.
   *
   * @throws {UotaError} `config_invalid`, and as {@linkcode connectControl}
   */
  async gateway(): Promise<Gateway> {
    const config = await this.loadConfig();
    const { controlSocket } = config.gateway;
    const daemon = controlSocket === null
      ? null
      : await connectControl(controlSocket, { signal: this.signal });
    if (daemon) return daemon;
    this.#hasBoards = true;
    const { LocalGateway } = await import("../local_gateway.ts");
    return new LocalGateway(config, this.env);
  }

  /** Says something on stderr that is no result. */
  readonly warn = (line: string): void =>
    this.#terminal.err(`uota: ${shownLines(line).join("\n")}\n`);

  /**
   * Shows on stderr what is going on, until it is disposed of. Meanwhile Ctrl-Z suspends nothing,
   * where boards would wait for this process.
   */
  showProgress(): Progress {
    const { onProgress, log, [Symbol.dispose]: dispose } = showProgress(this.#terminal, {
      verbosity: this.#verbosity(),
      now: () => performance.now(),
    });
    const unsuspended = this.#hasBoards ? refuseSuspension(this.#explainSuspension) : null;
    return {
      onProgress,
      log,
      [Symbol.dispose]() {
        unsuspended?.[Symbol.dispose]();
        dispose();
      },
    };
  }

  readonly #explainSuspension = (): void =>
    this.warn("not suspended: the boards would wait with their programs stopped; Ctrl-C stops");

  /** Prints the result on stdout in the form that was asked for. */
  print(forms: { readonly json: () => string; readonly text: (options: TextOptions) => string }) {
    const { out, outColumns: width, outColor: color } = this.#terminal;
    out(this.json ? forms.json() : forms.text({ width, color }));
  }

  /** Prints what has one form only, whatever the flags ask for. */
  printText(text: string): void {
    this.#terminal.out(text);
  }

  /** What a long-running command reports on stderr. */
  openEventLog(): EventLog {
    return openEventLog({
      env: this.env,
      terminal: this.#terminal,
      verbose: this.#verbosity() === "verbose",
    });
  }

  /** A line for people, on stdout unless that is for programs. */
  tell(line: string): void {
    const { out, err } = this.#terminal;
    (this.json ? err : out)(`${line}\n`);
  }

  #verbosity(): Verbosity {
    if (this.#flags.quiet) return "quiet";
    return this.#flags.verbose ? "verbose" : "normal";
  }
}
