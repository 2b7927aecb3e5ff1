/** Does the server answer, is it the right one, and does it offer a release? */
import {
  type Environment,
  type GatewayConfig,
  resolveCredentials,
  type SourceConfig,
  type UnresolvedConfig,
} from "../../config/mod.ts";
import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { fetchNotice } from "../release/mod.ts";
import { withoutUrlSecrets } from "../report/url_secrets.ts";
import { type Check, ok, problem, shellWord, warning } from "./check.ts";
import { UNIT } from "./system.ts";

/** A person waits for the answer. */
const TIMEOUTS = { connectMs: 10_000, idleMs: 10_000, totalMs: 20_000 };

export interface ServerOptions {
  readonly signal: AbortSignal;
  readonly configPath: string;
  /** Where credentials are looked for. */
  readonly env: Environment;
}

/** One check a distinct source. */
export async function checkServers(
  config: UnresolvedConfig,
  options: ServerOptions,
): Promise<readonly Check[]> {
  let resolved: GatewayConfig;
  try {
    resolved = await resolveCredentials(config, options.env);
  } catch (error) {
    if (!(error instanceof UotaError)) throw error;
    return [withoutCredentials(error, options)];
  }
  const { source } = resolved;
  const others = new Set(config.boards.flatMap(({ url }) => url === null ? [] : [url]));
  others.delete(source.url);
  const sources = [source, ...[...others].map((url) => sourceAt(url, source))];
  return await Promise.all(sources.map((each) => checkServer(each, options)));
}

/** The daemon has credentials that a person at a shell has not, which is no fault. */
function withoutCredentials({ message }: UotaError, { env }: ServerOptions): Check {
  if (env.get("CREDENTIALS_DIRECTORY")) {
    return problem("server", `Not checked: ${message}`, `sudo systemctl edit ${UNIT}`);
  }
  return warning(
    "server",
    `Not checked: ${message}`,
    `sudo env CREDENTIALS_DIRECTORY=/run/credentials/${UNIT} uota doctor`,
  );
}

/** Headers may hold secrets, so they stay with their origin. */
function sourceAt(url: string, source: SourceConfig): SourceConfig {
  const isSameOrigin = new URL(url).origin === new URL(source.url).origin;
  return { ...source, url, headers: isSameOrigin ? source.headers : {} };
}

async function checkServer(source: SourceConfig, options: ServerOptions): Promise<Check> {
  const url = withoutUrlSecrets(source.url);
  try {
    const { signal } = options;
    const { version, archive } = await fetchNotice({ ...source, timeouts: TIMEOUTS }, { signal });
    return ok("server", `${url} offers ${version} (${archive})`);
  } catch (error) {
    if (!(error instanceof UotaError) || options.signal.aborted) throw error;
    return problem("server", withoutUrlSecrets(error.message), mendOf(error, source, options));
  }
}

/** Codes for which the configuration has to change; the message says what about it. */
const CONFIG_CODES: ReadonlySet<ErrorCode> = new Set(["pin_mismatch", "config_invalid"]);
const CLOCK_CAUSES = /has expired|not valid yet/;

function mendOf(error: UotaError, { url }: SourceConfig, { configPath }: ServerOptions): string {
  const { hostname, host, port, protocol } = new URL(url);
  if (CONFIG_CODES.has(error.code)) return `sudoedit ${shellWord(configPath)}`;
  if (error.code === "tls") {
    if (CLOCK_CAUSES.test(error.message)) return "sudo timedatectl set-ntp true";
    const name = port === "" ? `${host}:443` : host;
    return `openssl s_client -connect ${shellWord(name)} -servername ${shellWord(hostname)}`;
  }
  if (error.code === "server_unreachable" && error.message.includes("resolved")) {
    return `getent hosts ${shellWord(hostname)}`;
  }
  return `curl --verbose --output - ${
    shellWord(withoutUrlSecrets(`${protocol}//${host}`) + latestPath(url))
  }`;
}

/** A query may hold a signature and stays out. */
function latestPath(url: string): string {
  return `${new URL(url).pathname}latest`;
}
