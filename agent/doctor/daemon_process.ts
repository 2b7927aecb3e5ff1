/** Which processes are this gateway's daemon, and what systemd knows of its unit. */
import { type System, UNIT } from "./system.ts";

/** Properties of systemctl(1)'s `show`, by name. */
export type UnitState = ReadonlyMap<string, string>;

const PROPERTIES = [
  "LoadState",
  "ActiveState",
  "SubState",
  "UnitFileState",
  "Result",
  "ExecMainStatus",
  "MainPID",
];

/** Null where systemd does not run here. */
export async function readUnit(system: System): Promise<UnitState | null> {
  const text = await system.ask("systemctl", ["show", UNIT, `--property=${PROPERTIES.join(",")}`]);
  if (text === null || text.trim() === "") return null;
  return new Map(
    text.trim().split("\n").map((line): [string, string] => {
      const [name = "", ...value] = line.split("=");
      return [name, value.join("=")];
    }),
  );
}

/** With a unit or without one, as with `deno task daemon`. */
export async function daemonPids(system: System): Promise<ReadonlySet<number>> {
  const pids = new Set<number>();
  const main = Number((await readUnit(system))?.get("MainPID") ?? 0);
  if (main > 0) pids.add(main);
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const words = (await system.processFile(name, "cmdline"))?.split("\0") ?? [];
    const script = words.findIndex((word) => word.endsWith("agent/main.ts"));
    if (script !== -1 && words.indexOf("daemon", script) !== -1) pids.add(Number(name));
  }
  return pids;
}
