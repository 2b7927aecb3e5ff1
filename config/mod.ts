/**
 * The gateway's configuration: finds the file, reads it, and gives it back complete and checked,
 * or says everything that is wrong with it at once.
 *
 * INVARIANTS
 * - What `loadConfig` returns needs no further check: every value is possible and agrees with the
 *   others. Credentials are read later, by `resolveCredentials`, where they are needed.
 * - No key is ignored: unknown ones, and those whose function this version lacks, are errors.
 * - Messages name keys and never repeat values, which may be secrets.
 */
import { parseDuration } from "./durations.ts";
import type { Environment } from "./environment.ts";
import { dirname, resolve } from "node:path";
import { parse as parseToml, TomlError } from "smol-toml";
import { messageOf, UotaError } from "../errors/mod.ts";
import { consistencyProblems } from "./consistency.ts";
import type {
  BoardEntry,
  BoardMatch,
  BoardSettings,
  HeaderValue,
  UnresolvedConfig,
} from "./gateway_config.ts";
import { notBuiltProblems } from "./not_built.ts";
import { formatPath, type Problem, problemsOf, valueAt } from "./problems.ts";
import { type FileContent, fileSchema, type FileSettings } from "./schema.ts";
import { boardPath } from "./values.ts";

export { resolveCredentials } from "./credentials.ts";
export { parseDuration } from "./durations.ts";
export type { Environment } from "./environment.ts";
export type {
  BoardEntry,
  BoardMatch,
  BoardSettings,
  CredentialHeader,
  GatewayConfig,
  GatewaySection,
  HeaderValue,
  SourceConfig,
  UnresolvedConfig,
} from "./gateway_config.ts";
export { nearName } from "./near_name.ts";
export { MAX_JOBS } from "./values.ts";

/** Where the configuration is when nobody says otherwise. */
export const DEFAULT_CONFIG_PATH = "/etc/uota-gateway/gateway.toml";

/** Where the daemon listens when the configuration does not say. */
export const DEFAULT_CONTROL_SOCKET = "/run/uota-gateway/control.sock";
const SYSTEM_STATE_DIR = "/var/lib/uota-gateway";
/** Where boards are looked for when the configuration does not say. */
export const DEFAULT_PORTS: readonly string[] = ["/dev/ttyACM*", "/dev/ttyUSB*"];
const DEFAULT_JOBS = 8;
const DEFAULT_POLL_INTERVAL = "15m";
const DEFAULT_SETTINGS: BoardSettings = {
  baud: 115_200,
  exclude: [],
  delete: [],
  auto: true,
  pin: "",
  confirmMs: 5000,
  ready: "",
  watchdogMs: null,
  restarts: false,
};

/** Who loads the configuration: it decides where state is kept by default. */
export interface LoadOptions {
  /** Where `$XDG_STATE_HOME` and `$HOME` are looked up. @default {Deno.env} */
  readonly env?: Environment;
  /** The user's number, 0 for root. @default {Deno.uid()} */
  readonly uid?: number | null;
}

/** The file to read: `--config`, else `$UOTA_CONFIG`, else the system's. */
export function configPath(flag: string | undefined, env: Environment): string {
  return flag ?? (env.get("UOTA_CONFIG") || DEFAULT_CONFIG_PATH);
}

/**
 * Reads and checks a configuration file. Relative paths in it count from the file's directory.
 *
 * @throws {UotaError} `config_invalid`, with all that is wrong in the file, a line each.
 */
export async function loadConfig(
  path: string,
  options: LoadOptions = {},
): Promise<UnresolvedConfig> {
  const { env = Deno.env, uid = Deno.uid() } = options;
  const content = parseText(path, await readText(path));
  const directory = dirname(resolve(path));
  const parsed = fileSchema.safeParse(content);
  const problems = [
    ...(parsed.error?.issues ?? []).flatMap((issue) => problemsOf(issue, content)),
    ...consistencyProblems(content),
    ...await caFileProblems(valueAt(content, ["source", "ca_file"]), directory),
  ];
  const reported = new Set(problems.map((problem) => formatPath(problem.path)));
  problems.push(
    ...notBuiltProblems(content).filter((problem) => !reported.has(formatPath(problem.path))),
  );
  if (!parsed.success || problems.length > 0) throw invalid(path, problems);
  return complete(parsed.data, { directory, env, uid });
}

async function readText(path: string): Promise<string> {
  try {
    return await Deno.readTextFile(path);
  } catch (error) {
    const advice = error instanceof Deno.errors.NotFound
      ? ", start from config/gateway.toml or name another with --config"
      : "";
    throw new UotaError("config_invalid", `Cannot read ${path}: ${whyUnreadable(error)}${advice}`, {
      cause: error,
    });
  }
}

function whyUnreadable(error: unknown): string {
  if (error instanceof Deno.errors.NotFound) return "there is no such file";
  if (error instanceof Deno.errors.PermissionDenied) {
    return "this user may not read it, run the command as root or as the gateway's user";
  }
  return messageOf(error);
}

function parseText(path: string, text: string): unknown {
  try {
    return parseToml(text);
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    // The rest of the message repeats lines of the file, which may hold secrets.
    const what = (error.message.split("\n")[0] ?? "").replace("Invalid TOML document: ", "");
    throw new UotaError(
      "config_invalid",
      `${path} is not valid TOML: line ${error.line}, column ${error.column}: ${what}`,
    );
  }
}

async function caFileProblems(caFile: unknown, directory: string): Promise<readonly Problem[]> {
  if (typeof caFile !== "string" || caFile === "") return [];
  const path = ["source", "ca_file"];
  try {
    const text = await Deno.readTextFile(resolve(directory, caFile));
    return text.includes("-----BEGIN CERTIFICATE-----")
      ? []
      : [{ path, message: "holds no certificate in PEM form" }];
  } catch (error) {
    return [{ path, message: `cannot be read: ${whyUnreadable(error)}` }];
  }
}

function invalid(path: string, problems: readonly Problem[]): UotaError {
  const lines = problems.map(({ path, message }) => `${formatPath(path)}: ${message}`);
  return new UotaError(
    "config_invalid",
    lines.length === 1
      ? `${path}: ${lines[0]}`
      : `${path} has ${lines.length} problems:\n${lines.map((line) => `  ${line}`).join("\n")}`,
  );
}

interface Surroundings {
  readonly directory: string;
  readonly env: Environment;
  readonly uid: number | null;
}

function complete(file: FileContent, around: Surroundings): UnresolvedConfig {
  const { source, gateway = {} } = file;
  const defaults = withOverrides(DEFAULT_SETTINGS, file.defaults ?? {});
  return {
    source: {
      url: withSlash(source.url),
      pollIntervalMs: parseDuration(source.poll_interval ?? DEFAULT_POLL_INTERVAL) ?? 0,
      pubkeyHash: source.pubkey_hash ?? "",
      caFile: source.ca_file ? resolve(around.directory, source.ca_file) : "",
      headers: headersOf(source.headers ?? {}),
      require: source.require === "none" ? "none" : "sha256",
    },
    gateway: {
      stateDir: resolve(around.directory, gateway.state_dir ?? defaultStateDir(around)),
      controlSocket: (gateway.control_socket ?? DEFAULT_CONTROL_SOCKET) || null,
      ports: gateway.ports ?? DEFAULT_PORTS,
      jobs: gateway.jobs ?? DEFAULT_JOBS,
    },
    defaults,
    boards: (file.board ?? []).map((entry): BoardEntry => ({
      name: entry.name,
      group: entry.group || null,
      match: matchOf(entry.match),
      url: entry.url ? withSlash(entry.url) : null,
      settings: withOverrides(defaults, entry),
    })),
  };
}

function withOverrides(base: BoardSettings, overrides: FileSettings): BoardSettings {
  return {
    baud: overrides.baud ?? base.baud,
    exclude: overrides.exclude?.map(boardPath) ?? base.exclude,
    delete: overrides.delete?.map(boardPath) ?? base.delete,
    auto: overrides.auto ?? base.auto,
    pin: overrides.pin ?? base.pin,
    confirmMs: durationOr(overrides.confirm, base.confirmMs),
    ready: overrides.ready ?? base.ready,
    watchdogMs: overrides.watchdog === "" ? null : durationOr(overrides.watchdog, base.watchdogMs),
    restarts: overrides.restarts ?? base.restarts,
  };
}

function headersOf(
  headers: NonNullable<FileContent["source"]["headers"]>,
): Readonly<Record<string, HeaderValue>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      typeof value === "string"
        ? value
        : { credential: value.credential, prefix: value.prefix ?? "" },
    ]),
  );
}

/** The schema has seen to it that a duration is one. */
function durationOr<Default>(text: string | undefined, base: Default): number | Default {
  return text === undefined ? base : parseDuration(text) ?? base;
}

function matchOf(match: NonNullable<FileContent["board"]>[number]["match"]): BoardMatch {
  if (match.uid !== undefined) return { kind: "uid", uid: match.uid.toLowerCase() };
  if (match.port !== undefined) return { kind: "port", port: match.port };
  if (match.usb_serial !== undefined) return { kind: "usb_serial", usbSerial: match.usb_serial };
  throw new UotaError("internal", "A board's match passed the schema without a key");
}

/** uOTA adds a missing slash, and so do we; a query, as signed URLs have, stays behind it. */
function withSlash(url: string): string {
  const query = url.indexOf("?");
  const path = query === -1 ? url : url.slice(0, query);
  return path.endsWith("/") ? url : `${path}/${url.slice(path.length)}`;
}

function defaultStateDir({ env, uid }: Surroundings): string {
  if (uid === 0) return SYSTEM_STATE_DIR;
  // systemd makes it for the daemon (StateDirectory=), and it is where root looks.
  if (env.get("STATE_DIRECTORY") === SYSTEM_STATE_DIR) return SYSTEM_STATE_DIR;
  const base = env.get("XDG_STATE_HOME") || `${env.get("HOME") ?? ""}/.local/state`;
  return `${base}/uota-gateway`;
}
