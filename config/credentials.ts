/**
 * Reads the secrets that systemd hands over as files in `$CREDENTIALS_DIRECTORY` (systemd.exec(5),
 * LoadCredential=), for whoever is about to ask a server.
 *
 * INVARIANTS
 * - Messages name keys, credentials and paths, never what a credential holds.
 */
import { join } from "node:path";
import { messageOf, UotaError } from "../errors/mod.ts";
import type { Environment } from "./environment.ts";
import type { CredentialHeader, GatewayConfig, UnresolvedConfig } from "./gateway_config.ts";
import { formatPath } from "./problems.ts";
import { headerValueProblem } from "./values.ts";

/**
 * The configuration with every credential in its place.
 *
 * @throws {UotaError} `config_invalid`, with the key, where a credential is not there or is no
 *   header's value
 */
export async function resolveCredentials(
  config: UnresolvedConfig,
  env: Environment,
): Promise<GatewayConfig> {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(config.source.headers)) {
    if (typeof value === "string") headers[name] = value;
    else headers[name] = await readHeader(name, value, env);
  }
  return { ...config, source: { ...config.source, headers } };
}

async function readHeader(
  name: string,
  { credential, prefix }: CredentialHeader,
  env: Environment,
): Promise<string> {
  const refuse = (why: string, cause?: unknown) => {
    const key = formatPath(["source", "headers", name]);
    return new UotaError("config_invalid", `${key}: the credential ${credential} ${why}`, {
      cause,
    });
  };
  const directory = env.get("CREDENTIALS_DIRECTORY");
  if (!directory) {
    throw refuse(
      "cannot be read: systemd gives it to the daemon only, so ask the daemon, or set " +
        `CREDENTIALS_DIRECTORY to a directory that holds the file ${credential}`,
    );
  }
  let text: string;
  try {
    text = await Deno.readTextFile(join(directory, credential));
  } catch (error) {
    throw refuse(`cannot be read: ${whyUnreadable(error, { credential, directory })}`, error);
  }
  // Editors and echo end a file with a line break, which is none of the secret.
  const secret = text.replace(/\r?\n$/, "");
  const problem = secret === "" ? "is empty" : headerValueProblem(secret);
  if (problem !== null) throw refuse(problem);
  return prefix + secret;
}

function whyUnreadable(
  error: unknown,
  { credential, directory }: { readonly credential: string; readonly directory: string },
): string {
  if (error instanceof Deno.errors.NotFound) {
    return `${directory} has no such file; with "sudo systemctl edit uota-gateway" add ` +
      `[Service] and LoadCredential=${credential}:/etc/uota-gateway/${credential}.secret, then ` +
      `restart the service`;
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    return `this user may not read ${directory}, run the command as root`;
  }
  return messageOf(error);
}
