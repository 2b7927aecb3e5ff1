/** Is ModemManager kept away from the boards, and are the ports' links there: the udev rule. */
import type { PortInfo } from "../../serial/mod.ts";
import { type Check, ok, problem, warning } from "./check.ts";
import type { System } from "./system.ts";

const RULE = "60-uota-gateway.rules";
/** By precedence, as in udev(7). */
const RULE_DIRECTORIES = ["/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d"];
const RULE_SOURCE = new URL(`../../config/${RULE}`, import.meta.url);
const DISABLE = "sudo systemctl disable --now ModemManager";
const RELOAD = "sudo udevadm control --reload && " +
  "sudo udevadm trigger --subsystem-match=usb --subsystem-match=tty";

export async function checkModemManager(
  ports: readonly PortInfo[],
  system: System,
): Promise<readonly Check[]> {
  const rule = await findRule(system);
  return [await checkRule(rule), await checkProcess(ports, { rule, system })];
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

interface ProcessOptions {
  readonly rule: Rule | null;
  readonly system: System;
}

async function checkProcess(
  ports: readonly PortInfo[],
  { rule, system }: ProcessOptions,
): Promise<Check> {
  const pid = await findProcess(system);
  if (pid === null) return ok("modem-manager", "ModemManager does not run");
  if (!rule?.text.includes("ID_MM_DEVICE_IGNORE")) {
    return problem(
      "modem-manager",
      `ModemManager (process ${pid}) talks to boards as if they were modems`,
      DISABLE,
    );
  }
  const open: string[] = [];
  for (const port of ports) if (await isOpenToModems(port, system)) open.push(port.path);
  return open.length === 0
    ? ok("modem-manager", `ModemManager runs (process ${pid}), the udev rule keeps it away`)
    : warning(
      "modem-manager",
      `ModemManager (process ${pid}) may talk to ${open.join(", ")}: the udev rule does not know ` +
        "the adapter, or was not there when it was plugged in",
      `${RELOAD}, or ${DISABLE}`,
    );
}

/** ModemManager looks at USB devices only; udev's answer is in its database (sd-device(3)). */
async function isOpenToModems({ devicePath, usb }: PortInfo, system: System): Promise<boolean> {
  if (usb === null) return false;
  const { rdev } = await Deno.stat(devicePath);
  const { major, minor } = deviceNumber(rdev ?? 0);
  const properties = await system.readText(`/run/udev/data/c${major}:${minor}`) ?? "";
  return !/^E:ID_MM_(?:DEVICE|PORT)_IGNORE=1$/m.test(properties);
}

/** The parts of a `st_rdev`: the minor number's upper bits are above the major (sys/sysmacros.h). */
function deviceNumber(rdev: number): { readonly major: number; readonly minor: number } {
  return { major: (rdev >>> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >>> 12) & 0xfff00) };
}

async function findProcess(system: System): Promise<number | null> {
  for await (const { name } of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if ((await system.processFile(name, "comm"))?.trim() === "ModemManager") return Number(name);
  }
  return null;
}
