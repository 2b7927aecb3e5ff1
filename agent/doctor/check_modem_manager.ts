/** Is ModemManager kept away from the boards, and are the ports' links there: the udev rule. */
import { type Check, ok, problem, warning } from "./check.ts";
import type { System } from "./system.ts";

const RULE = "60-uota-gateway.rules";
/** By precedence, as in udev(7). */
const RULE_DIRECTORIES = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d"];
const RULE_SOURCE = new URL(`../../config/${RULE}`, import.meta.url);
const RELOAD = "sudo udevadm control --reload && sudo udevadm trigger --subsystem-match=tty";

export async function checkModemManager(system: System): Promise<readonly Check[]> {
  const rule = await findRule(system);
  return [await checkRule(rule), await checkProcess(rule, system)];
}

interface Rule {
  readonly path: string;
  readonly text: string;
}

async function findRule(system: System): Promise<Rule | null> {
  for (const directory of RULE_DIRECTORIES) {
    const path = `${directory}/${RULE}`;
    const text = await system.readText(path);
    if (text !== null) return { path, text };
  }
  return null;
}

async function checkRule(rule: Rule | null): Promise<Check> {
  const mend = `sudo install -m 644 ${RULE_SOURCE.pathname} /etc/udev/rules.d/ && ${RELOAD}`;
  if (rule === null) {
    return warning("udev", `The udev rule ${RULE} is not installed`, mend);
  }
  const current = await Deno.readTextFile(RULE_SOURCE).catch(() => null);
  if (current !== null && current !== rule.text) {
    return warning("udev", `${rule.path} is not the one of this version`, mend);
  }
  return ok("udev", `${rule.path} is installed`);
}

async function checkProcess(rule: Rule | null, system: System): Promise<Check> {
  const pid = await findProcess(system);
  if (pid === null) return ok("modem-manager", "ModemManager does not run");
  if (rule?.text.includes("ID_MM_DEVICE_IGNORE")) {
    return ok("modem-manager", `ModemManager runs (process ${pid}), the udev rule keeps it away`);
  }
  return problem(
    "modem-manager",
    `ModemManager (process ${pid}) talks to boards as if they were modems`,
    "sudo systemctl disable --now ModemManager",
  );
}

async function findProcess(system: System): Promise<number | null> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if ((await system.processFile(name, "comm"))?.trim() === "ModemManager") return Number(name);
  }
  return null;
}
