/**
 * Everything that one simulated installation needs: the release's web server, a directory with the
 * configuration and the gateway's state, an emulated board, and the agent as a function or as a
 * process of its own.
 */
import { type GatewayConfig, loadConfig } from "../../config/mod.ts";
import type { Outcome } from "../../agent/board/outcome.ts";
import { update } from "../../agent/update.ts";
import { type FileSystemKind, startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { GATEWAY_EXCLUDES, oldTree, publishedFiles } from "./installation.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;

/** Serves the release; one is enough for all rigs of a process. */
export interface ReleaseServer extends AsyncDisposable {
  readonly url: string;
}

export function serveRelease(): ReleaseServer {
  const files = publishedFiles();
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const content = files.get(new URL(request.url).pathname.slice(1));
    return content === undefined
      ? new Response("Not found", { status: 404 })
      : new Response(content);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/** A fresh copy of the old board, and an agent for it. */
export class Rig implements AsyncDisposable {
  readonly board: WasmBoard;
  readonly #directory: string;
  readonly #config: GatewayConfig;

  private constructor(directory: string, board: WasmBoard, config: GatewayConfig) {
    this.#directory = directory;
    this.board = board;
    this.#config = config;
  }

  static async start(url: string, fileSystem: FileSystemKind): Promise<Rig> {
    const directory = await Deno.makeTempDir({ prefix: "uota-cut-" });
    try {
      const link = `${directory}/ttyBOARD`;
      const configFile = configFileIn(directory);
      await Deno.writeTextFile(configFile, gatewayToml({ url, directory, link }));
      const config = await loadConfig(configFile);
      const board = await startWasmBoard({ files: oldTree(), link, fileSystem, usbDelayMs: 10 });
      return new Rig(directory, board, config);
    } catch (error) {
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /** Waits until the board's port is there: a board that was just told to reset comes back. */
  async portThere(): Promise<void> {
    using watcher = Deno.watchFs(this.#directory);
    const isThere = () => Deno.stat(this.board.port).then(() => true, () => false);
    if (await isThere()) return;
    for await (const _ of watcher) if (await isThere()) return;
  }

  /** One ordinary update within this process. */
  async update(signal: AbortSignal): Promise<Outcome> {
    const report = await update(this.#config, {
      selectors: ["all"],
      versionCheck: true,
      force: false,
      dryRun: false,
      jobs: null,
      archive: null,
    }, { signal });
    const [outcome] = report.boards;
    if (outcome === undefined || report.boards.length !== 1) {
      throw new Error(`The update had ${report.boards.length} outcomes`);
    }
    return outcome;
  }

  /** One ordinary update as a process, which can be killed. */
  spawnUpdate(signal: AbortSignal): Deno.ChildProcess {
    return new Deno.Command(Deno.execPath(), {
      args: [
        "run",
        "-A",
        "--no-check",
        MAIN,
        "update",
        "--board",
        "all",
        "--quiet",
        "--config",
        configFileIn(this.#directory),
      ],
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "null",
      stderr: "null",
      signal,
    }).spawn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.board.stop();
    await Deno.remove(this.#directory, { recursive: true });
  }
}

function configFileIn(directory: string): string {
  return `${directory}/gateway.toml`;
}

function gatewayToml(
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
confirm = "100ms"
exclude = ${JSON.stringify(GATEWAY_EXCLUDES)}
`;
}
