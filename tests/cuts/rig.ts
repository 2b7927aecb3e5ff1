/**
 * Everything that one simulated attempt needs: the releases' web server, a directory with the
 * configurations and the gateway's state, an emulated board, and agents for it.
 */
import { type FileSystemKind, startWasmBoard, untilLinked, type WasmBoard } from "../boards/mod.ts";
import { AgentInProcess, AgentProcess, type Offered } from "./agents.ts";
import { type Kind, KINDS } from "./cut.ts";
import { firstTree, GATEWAY_EXCLUDES } from "./installation.ts";
import { type Scenario, scenarioOf, type Whose } from "./kinds.ts";
import type { OtherAgent } from "./other_agent.ts";

const ROOT = new URL("../../", import.meta.url).pathname;

/** What the rigs of a process share. */
export interface Surroundings extends AsyncDisposable {
  /** Each kind's releases are below its name, `new` and `old`. */
  readonly url: string;
  /** Null where upgrades and downgrades cannot be tried. */
  readonly other: OtherAgent | null;
  /** Whether what the gateway says is judged, beside what the board has. */
  readonly reports: boolean;
}

/** Serves the releases. */
export function surround(
  { other = null, reports = true }: Partial<Pick<Surroundings, "other" | "reports">> = {},
): Surroundings {
  const files = new Map(
    KINDS.flatMap((kind) => {
      const { published } = scenarioOf(kind).installation;
      return (["new", "old"] as const).flatMap((which) =>
        [...published[which]].map(([name, content]) => [`/${kind}/${which}/${name}`, content])
      );
    }),
  );
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const content = files.get(new URL(request.url).pathname);
    return content === undefined
      ? new Response("Not found", { status: 404 })
      : new Response(content);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    ...{ other, reports },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * A fresh board as a kind of attempt finds it, and agents for it. A program that fails is seen to
 * fail as soon as it does; how long it is watched only matters for one that goes on.
 */
export class Rig implements AsyncDisposable {
  readonly board: WasmBoard;
  readonly scenario: Scenario;
  readonly #directory: string;
  readonly #other: OtherAgent | null;
  readonly #inProcess: AgentInProcess;

  private constructor(options: {
    readonly directory: string;
    readonly board: WasmBoard;
    readonly scenario: Scenario;
    readonly other: OtherAgent | null;
    readonly inProcess: AgentInProcess;
  }) {
    this.#directory = options.directory;
    this.board = options.board;
    this.scenario = options.scenario;
    this.#other = options.other;
    this.#inProcess = options.inProcess;
  }

  /** Starts a board and brings it to where the attempt that is cut begins. */
  static async start(
    { url, other }: Pick<Surroundings, "url" | "other">,
    { kind, fileSystem, signal }: {
      readonly kind: Kind;
      readonly fileSystem: FileSystemKind;
      readonly signal: AbortSignal;
    },
  ): Promise<Rig> {
    const scenario = scenarioOf(kind);
    const { installation, prepared } = scenario;
    const directory = await Deno.makeTempDir({ prefix: "uota-cut-" });
    try {
      const link = `${directory}/ttyBOARD`;
      for (const offered of ["new", "old"] as const) {
        await Deno.writeTextFile(
          configFileIn(directory, offered),
          gatewayToml(scenario, { url: `${url}${kind}/${offered}/`, directory, link }),
        );
      }
      const inProcess = await AgentInProcess.load((offered) => configFileIn(directory, offered));
      const board = await startWasmBoard({
        files: prepared[0] === "old" ? firstTree(installation) : installation.old,
        ...{ link, fileSystem, usbDelayMs: 10, ...scenario.board },
      });
      const rig = new Rig({ directory, board, scenario, other, inProcess });
      try {
        await rig.#prepare(signal);
      } catch (error) {
        await board.stop();
        throw error;
      }
      return rig;
    } catch (error) {
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  async #prepare(signal: AbortSignal): Promise<void> {
    for (const offered of this.scenario.prepared) {
      const outcome = await this.#inProcess.run("update", { signal, offered });
      if (outcome.outcome !== "updated") {
        throw new Error(`Preparing the board with the ${offered} release: ${outcome.text}`);
      }
    }
    // A program that has ended needs nothing of its predecessor, which goes at the next visit.
    if (this.scenario.replaces !== "beside_backwards") return;
    await this.#inProcess.run("update", { signal, offered: "new" });
  }

  /** The gateway in this process. */
  get inProcess(): AgentInProcess {
    return this.#inProcess;
  }

  /** The gateway as a process, which can be killed. */
  agent(whose: Whose): AgentProcess {
    const root = whose === "present" ? ROOT : this.#other?.directory;
    if (root === undefined) throw new Error("The code of another commit is not there");
    return new AgentProcess(root, configFileIn(this.#directory, "new"));
  }

  /**
   * Waits until the board's port is there: a board that was just told to reset comes back.
   *
   * @throws the signal's reason when it does not
   */
  portThere(signal: AbortSignal): Promise<void> {
    return untilLinked(this.board.port, { signal });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.board.stop();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function configFileIn(directory: string, offered: Offered): string {
  return `${directory}/${offered}.toml`;
}

function gatewayToml(
  { confirm }: Pick<Scenario, "confirm">,
  { url, directory, link }: {
    readonly url: string;
    readonly directory: string;
    readonly link: string;
  },
): string {
  return `[source]
url = ${JSON.stringify(url)}
[gateway]
state_dir = ${JSON.stringify(`${directory}/state`)}
control_socket = ""
ports = [${JSON.stringify(link)}]
[defaults]
confirm = ${JSON.stringify(confirm)}
exclude = ${JSON.stringify(GATEWAY_EXCLUDES)}
`;
}
