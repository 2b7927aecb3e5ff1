/**
 * The gateway as a function of this process and as a process of its own, and what it says: the
 * documents that `--json` prints, which INTERFACE.md has.
 */
import { type GatewayConfig, loadConfig, resolveCredentials } from "../../config/mod.ts";
import { errorJson, historyJson, statusJson, updateJson } from "../../agent/report/json.ts";
import { LocalGateway } from "../../agent/local_gateway.ts";
import { rollback } from "../../agent/rollback.ts";
import { type ProgressEvent, update } from "../../agent/update.ts";
import { UotaError } from "../../errors/mod.ts";
import type { Action } from "./kinds.ts";

/** What the source offers. */
export type Offered = "new" | "old";

export interface ReportedReason {
  readonly code: string;
  readonly message: string;
}

/** What documents say of one attempt. */
export interface Reported {
  readonly outcome: string | null;
  readonly from: string | null;
  readonly to: string | null;
  readonly offered?: string | null;
  readonly strategy: string | null;
  readonly reason: ReportedReason | null;
}

/** How a run ended on its one board, or as a whole. */
export interface Ended extends Reported {
  /** For people. */
  readonly text: string;
}

/** One board of `status --json`. */
export interface ReportedStatus {
  readonly version: string | null;
}

export interface RunOptions {
  readonly signal: AbortSignal;
  /** @default "new" */
  readonly offered?: Offered;
  readonly onProgress?: (event: ProgressEvent) => void;
}

/** The gateway in this process. */
export class AgentInProcess {
  readonly #configs: Readonly<Record<Offered, GatewayConfig>>;

  private constructor(configs: Readonly<Record<Offered, GatewayConfig>>) {
    this.#configs = configs;
  }

  static async load(configFile: (offered: Offered) => string): Promise<AgentInProcess> {
    const load = async (offered: Offered) =>
      await resolveCredentials(await loadConfig(configFile(offered)), Deno.env);
    return new AgentInProcess({ new: await load("new"), old: await load("old") });
  }

  /** Runs it once. @throws what is no {@linkcode UotaError} */
  async run(action: Action, options: RunOptions): Promise<Ended> {
    return readDocument(await this.#document(action, options));
  }

  async #document(
    action: Action,
    { signal, offered = "new", onProgress = () => {} }: RunOptions,
  ): Promise<string> {
    const config = this.#configs[offered];
    const running = { signal, onProgress };
    try {
      if (action === "rollback") {
        const boards = await rollback(config, { selectors: ["all"], jobs: null }, running);
        return updateJson({ release: null, boards });
      }
      const request = { selectors: ["all"], versionCheck: true, force: false, dryRun: false };
      return updateJson(await update(config, { ...request, jobs: null, archive: null }, running));
    } catch (error) {
      if (error instanceof UotaError) return errorJson(error);
      throw error;
    }
  }

  /** `status --json`. */
  async status(signal: AbortSignal): Promise<readonly ReportedStatus[]> {
    return JSON.parse(statusJson(await new LocalGateway(this.#configs.new).status({ signal })));
  }

  /** `history --json`, newest first. */
  async history(signal: AbortSignal): Promise<readonly Reported[]> {
    return JSON.parse(
      historyJson(await new LocalGateway(this.#configs.new).history([], { signal })),
    );
  }
}

/** The gateway as a process. */
export class AgentProcess {
  readonly #root: string;
  readonly #configFile: string;

  /** @param root the checkout whose code it is */
  constructor(root: string, configFile: string) {
    this.#root = root;
    this.#configFile = configFile;
  }

  /** Starts it, to be killed. */
  start(action: Action, signal: AbortSignal): Deno.ChildProcess {
    return this.#command(action, signal, "null").spawn();
  }

  /** Runs it once. */
  async run(action: Action, { signal }: Pick<RunOptions, "signal">): Promise<Ended> {
    const { stdout, stderr } = await this.#command(action, signal, "piped").output();
    const decoder = new TextDecoder();
    try {
      return readDocument(decoder.decode(stdout));
    } catch (cause) {
      throw new Error(`The agent's process said ${decoder.decode(stderr)}`, { cause });
    }
  }

  #command(action: Action, signal: AbortSignal, output: "null" | "piped"): Deno.Command {
    return new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-A", "--no-check", `${this.#root}/agent/main.ts`],
        ...[action, "--board", "all", "--quiet", "--json", "--config", this.#configFile],
      ],
      cwd: this.#root,
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: output,
      stderr: output,
      signal,
    });
  }
}

interface Document {
  readonly boards?: readonly Reported[];
  readonly error?: ReportedReason;
}

function readDocument(text: string): Ended {
  const { boards, error }: Document = JSON.parse(text);
  if (error !== undefined) {
    const nothing = { outcome: null, from: null, to: null, strategy: null, reason: error };
    return { ...nothing, text: `${error.code}: ${error.message}` };
  }
  const [ended, ...others] = boards ?? [];
  if (ended === undefined || others.length > 0) throw new Error(`It had other boards: ${text}`);
  const { outcome, reason } = ended;
  return {
    ...ended,
    text: reason ? `${outcome}, ${reason.code}: ${reason.message}` : `${outcome}`,
  };
}
