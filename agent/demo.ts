/**
 * The demonstration: a release server, an emulated board and one update, all on this machine and in
 * a temporary directory. Nothing is pretended: the archive is made by tar, the notice is served
 * over HTTP, the board is MicroPython on a tty, and the update is what `uota update` runs.
 *
 * The only product code that imports from tests/: the emulated board is the tests' one.
 */
import { createHash } from "node:crypto";
import { loadConfig, resolveCredentials } from "../config/mod.ts";
import { UotaError } from "../errors/mod.ts";
import { startWasmBoard, type WasmBoard } from "../tests/boards/mod.ts";
import type { Outcome } from "./board/outcome.ts";
import { update, type UpdateReport } from "./update.ts";

const OLD_VERSION = "1.0.0";
const NEW_VERSION = "1.1.0";
const ARCHIVE = "firmware.tar.gz";

export interface DemoOptions {
  readonly signal: AbortSignal;
  /** Takes what the demonstration tells, a line at a time. */
  readonly tell: (line: string) => void;
  /** Runs the update while showing how it goes on, and shows the result. */
  readonly showUpdate: (
    run: (show: Pick<Parameters<typeof update>[2], "onProgress" | "log">) => Promise<UpdateReport>,
  ) => Promise<UpdateReport>;
}

/**
 * Updates an emulated board from 1.0.0 to 1.1.0.
 *
 * @throws {UotaError} `verification_failed` where the board does not end as the release says; the
 * reason of `signal` where that is aborted;
 * whatever the update throws.
 */
export async function runDemo({ signal, tell, showUpdate }: DemoOptions): Promise<void> {
  await using directory = await temporaryDirectory();
  tell(`Everything happens on this machine, in ${directory.path}`);

  tell("");
  tell("A board");
  await using board = await startWasmBoard({
    root: firmwareDirectory(OLD_VERSION),
    link: `${directory.path}/ttyBOARD`,
    signal,
  });
  tell(`  MicroPython with firmware ${await versionOn(board)} on ${board.port}`);

  signal.throwIfAborted();
  tell("");
  tell("A release");
  const releases = `${directory.path}/www`;
  await publish(releases);
  await using server = serveFiles(releases);
  tell(`  $ tar -czf ${ARCHIVE} *`);
  tell(`  $ cat latest`);
  tell(`  ${await Deno.readTextFile(`${releases}/latest`)}`);
  tell(`  served at ${server.url}`);

  signal.throwIfAborted();
  tell("");
  tell("The update");
  const configFile = `${directory.path}/gateway.toml`;
  await Deno.writeTextFile(configFile, gatewayToml({ url: server.url, directory: directory.path }));
  const config = await resolveCredentials(await loadConfig(configFile), Deno.env);
  tell(`  $ uota update --board all --config ${configFile}`);
  tell("");
  const report = await showUpdate((show) =>
    update(config, {
      selectors: ["all"],
      versionCheck: true,
      force: false,
      dryRun: false,
      jobs: null,
      archive: null,
    }, { signal, ...show })
  );

  tell("");
  tell("The board afterwards");
  const [outcome] = report.boards;
  const files = await checkedFiles(board, outcome);
  tell(`  firmware ${OLD_VERSION} before, ${await versionOn(board)} now`);
  tell(`  files: ${files.join(", ")}`);
  tell("  secrets.py is the board's own, because its uota.cfg excludes it");
  tell(`  ${outcome?.bytesOnWire ?? 0} bytes went over the line`);
}

interface TemporaryDirectory extends AsyncDisposable {
  readonly path: string;
}

async function temporaryDirectory(): Promise<TemporaryDirectory> {
  const path = await Deno.makeTempDir({ prefix: "uota-demo-" });
  return { path, [Symbol.asyncDispose]: () => Deno.remove(path, { recursive: true }) };
}

function firmwareDirectory(version: string): string {
  return new URL(`demo_firmware/${version}`, import.meta.url).pathname;
}

async function versionOn(board: WasmBoard): Promise<string> {
  const version = (await board.files()).get("/version");
  return version === undefined ? "unknown" : new TextDecoder().decode(version).trim();
}

/** What a person does to publish: first the archive, then the notice that names it. */
async function publish(directory: string): Promise<void> {
  await Deno.mkdir(directory);
  const archive = `${directory}/${ARCHIVE}`;
  const { success, stderr } = await new Deno.Command("sh", {
    args: ["-c", 'tar -czf "$1" *', "sh", archive],
    cwd: firmwareDirectory(NEW_VERSION),
  }).output();
  if (!success) {
    throw new UotaError(
      "internal",
      `tar cannot make the archive: ${new TextDecoder().decode(stderr)}`,
    );
  }
  const sha256 = createHash("sha256").update(await Deno.readFile(archive)).digest("hex");
  await Deno.writeTextFile(`${directory}/latest`, `${NEW_VERSION};${ARCHIVE};0;${sha256}`);
}

interface FileServer extends AsyncDisposable {
  readonly url: string;
}

/** As plain as a web server can be: two static files. */
function serveFiles(directory: string): FileServer {
  const server = Deno.serve({ hostname: "127.0.0.1", port: 0, onListen() {} }, async (request) => {
    const name = new URL(request.url).pathname.slice(1);
    if (name !== "latest" && name !== ARCHIVE) return new Response("Not found", { status: 404 });
    return new Response(await Deno.readFile(`${directory}/${name}`));
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}/`,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

function gatewayToml({ url, directory }: { url: string; directory: string }): string {
  return `[source]
url = ${JSON.stringify(url)}
[gateway]
state_dir = ${JSON.stringify(`${directory}/state`)}
control_socket = ""
ports = [${JSON.stringify(`${directory}/ttyBOARD`)}]
`;
}

/** The names of the board's files, once they are what the release and the exclusion say. */
async function checkedFiles(
  board: WasmBoard,
  outcome: Outcome | undefined,
): Promise<readonly string[]> {
  const onBoard = await board.files();
  const expected: readonly (readonly [string, string])[] = [
    ["lib/greeting.py", NEW_VERSION],
    ["main.py", NEW_VERSION],
    ["secrets.py", OLD_VERSION],
    ["uota.cfg", NEW_VERSION],
    ["version", NEW_VERSION],
  ];
  for (const [path, version] of expected) {
    const wanted = await Deno.readFile(`${firmwareDirectory(version)}/${path}`);
    const found = onBoard.get(`/${path}`);
    if (found === undefined || found.toBase64() !== wanted.toBase64()) {
      throw wrongBoard(`its ${path} is not that of ${version}`, outcome);
    }
  }
  if (onBoard.has("/greeting.py")) throw wrongBoard("greeting.py is still there", outcome);
  return [...onBoard.keys()].map((path) => path.slice(1)).sort();
}

function wrongBoard(what: string, outcome: Outcome | undefined): UotaError {
  const why = outcome?.reason?.message ?? outcome?.outcome ?? "the board was not found";
  return new UotaError("verification_failed", `The board was not updated, ${what}: ${why}`);
}
