/**
 * Everything that one simulated installation needs: the release's web server, a directory with the
 * configuration and the gateway's state, an emulated board, and the agent as a function or as a
 * process of its own.
 */
import { type GatewayConfig, loadConfig, resolveCredentials } from "../../config/mod.ts";
import type { Outcome } from "../../agent/board/outcome.ts";
import { type ProgressEvent, update } from "../../agent/update.ts";
import { type FileSystemKind, startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { RELEASE_KINDS, type ReleaseKind } from "./cut.ts";
import { GATEWAY_EXCLUDES, oldTree, publishedFiles } from "./installation.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;

/** Serves the release; one is enough for all rigs of a process. */
export interface ReleaseServer extends AsyncDisposable {
  /** Each release is below its name. */
  readonly url: string;
}

export function serveRelease(): ReleaseServer {
  const releases = RELEASE_KINDS.map((kind) => [kind, publishedFiles(kind)] as const);
  const files = new Map(
    releases.flatMap(([kind, published]) =>
      [...published].map(([name, content]) => [`/${kind}/${name}`, content])
    ),
  );
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, (request) => {
    const content = files.get(new URL(request.url).pathname);
    return content === undefined
      ? new Response("Not found", { status: 404 })
      : new Response(content);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

/**
 * A fresh copy of the old board, and an agent for it. A program that fails is seen to fail as soon as
 * it does; how long it is watched only matters for one that goes on.
 */
export class Rig implements AsyncDisposable {
  readonly board: WasmBoard;
  readonly #directory: string;
  readonly #config: GatewayConfig;

  private constructor(directory: string, board: WasmBoard, config: GatewayConfig) {
    this.#directory = directory;
    this.board = board;
    this.#config = config;
  }

  static async start(
    url: string,
    fileSystem: FileSystemKind,
    release: ReleaseKind = "healthy",
  ): Promise<Rig> {
    const directory = await Deno.makeTempDir({ prefix: "uota-cut-" });
    try {
      const link = `${directory}/ttyBOARD`;
      const configFile = configFileIn(directory);
      await Deno.writeTextFile(configFile, gatewayToml({ url, release, directory, link }));
      const config = await resolveCredentials(await loadConfig(configFile), Deno.env);
      const board = await startWasmBoard({ files: oldTree(), link, fileSystem, usbDelayMs: 10 });
      return new Rig(directory, board, config);
    } catch (error) {
      await Deno.remove(directory, { recursive: true });
      throw error;
    }
  }

  /**
   * Waits until the board's port is there: a board that was just told to reset comes back.
   *
   * @throws the signal's reason when it does not
   */
  async portThere(signal: AbortSignal): Promise<void> {
    using watcher = Deno.watchFs(this.#directory);
    const isThere = () => Deno.stat(this.board.port).then(() => true, () => false);
    const close = () => watcher.close();
    signal.addEventListener("abort", close);
    try {
      if (await isThere()) return;
      for await (const _ of watcher) if (await isThere()) return;
      signal.throwIfAborted();
    } finally {
      signal.removeEventListener("abort", close);
    }
  }

  /** One ordinary update within this process. */
  async update(
    signal: AbortSignal,
    onProgress: (event: ProgressEvent) => void = () => {},
  ): Promise<Outcome> {
    const report = await update(this.#config, {
      selectors: ["all"],
      versionCheck: true,
      force: false,
      dryRun: false,
      jobs: null,
      archive: null,
    }, { signal, onProgress });
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
  { url, release, directory, link }: {
    readonly url: string;
    readonly release: ReleaseKind;
    readonly directory: string;
    readonly link: string;
  },
): string {
  return `[source]
url = ${JSON.stringify(`${url}${release}/`)}
[gateway]
state_dir = ${JSON.stringify(`${directory}/state`)}
control_socket = ""
ports = [${JSON.stringify(link)}]
[defaults]
confirm = "${release === "healthy" ? "100ms" : "10s"}"
exclude = ${JSON.stringify(GATEWAY_EXCLUDES)}
`;
}
