/** Is the configuration there, valid, readable for the daemon, and closed to others? */
import type { UnresolvedConfig } from "../../config/mod.ts";
import type { UotaError } from "../../errors/mod.ts";
import { MAY, mayUse, octal } from "./accounts.ts";
import { type Check, ok, problem, shellWord, warning } from "./check.ts";
import type { System } from "./system.ts";

/** What came of reading the configuration. */
export type ConfigResult =
  | { readonly path: string; readonly config: UnresolvedConfig }
  | { readonly path: string; readonly error: UotaError };

const EXAMPLE = new URL("../../config/gateway.toml", import.meta.url).pathname;

export async function checkConfig(result: ConfigResult, system: System): Promise<Check> {
  const path = shellWord(result.path);
  if ("error" in result) return problem("config", oneLine(result.error), mendOf(result));
  const file = await Deno.stat(result.path);
  const { mode, gid } = file;
  const account = await system.daemonAccount();
  if (account !== null && !mayUse(account, file, MAY.read)) {
    return problem(
      "config",
      `The user ${account.name} may not read ${result.path} (mode ${octal(mode)})`,
      `sudo chgrp ${account.name} ${path} && sudo chmod 640 ${path}`,
    );
  }
  const holdsHeaders = Object.values(result.config.source.headers)
    .some((value) => typeof value === "string");
  if (holdsHeaders && ((mode ?? 0) & MAY.read) !== 0) {
    const group = await system.groupName(gid ?? 0);
    return warning(
      "config",
      `${result.path} holds headers, which may be secret, and everybody may read it`,
      account === null || group === account.name
        ? `sudo chmod o= ${path}`
        : `sudo chgrp ${account.name} ${path} && sudo chmod 640 ${path}`,
    );
  }
  const boards = result.config.boards.length;
  return ok(
    "config",
    `${result.path} is valid, it names ${boards} board${boards === 1 ? "" : "s"}`,
  );
}

/** Several problems of a file stand on a line each. */
function oneLine({ message }: UotaError): string {
  return message.split("\n").map((line) => line.trim()).join("; ").replace(":;", ":");
}

function mendOf({ path, error }: { readonly path: string; readonly error: UotaError }): string {
  if (error.cause instanceof Deno.errors.NotFound) {
    return `sudo install -D -m 640 ${shellWord(EXAMPLE)} ${shellWord(path)}`;
  }
  if (error.cause instanceof Deno.errors.PermissionDenied) return "sudo uota doctor";
  return `sudoedit ${shellWord(path)}`;
}
