/**
 * Are there ports, may the gateway open them, and does nobody else hold them?
 *
 * INVARIANTS
 * - No port is opened: on many boards that alone moves DTR and starts the program anew.
 */
import { access, constants } from "node:fs/promises";
import { findHolders, type Holder, type PortInfo } from "../../serial/mod.ts";
import { type Account, MAY, mayUse, octal } from "./accounts.ts";
import { type Check, ok, problem, shellWord } from "./check.ts";
import { daemonPids } from "./daemon_process.ts";
import { DAEMON_USER, type System, UNIT } from "./system.ts";

/** `globs` is where the ports were looked for. */
export async function checkPorts(
  ports: readonly PortInfo[],
  { globs, system }: { readonly globs: readonly string[]; readonly system: System },
): Promise<readonly Check[]> {
  if (ports.length === 0) {
    return [problem(
      "ports",
      `No port matches ${globs.join(", ")}: plug a board in with a cable that carries data`,
      "sudo dmesg --follow",
    )];
  }
  const account = await system.operator();
  const daemons = await daemonPids(system);
  return await Promise.all(ports.map((port) => checkPort(port, { account, daemons, system })));
}

interface PortOptions {
  readonly account: Account;
  readonly daemons: ReadonlySet<number>;
  readonly system: System;
}

async function checkPort(port: PortInfo, options: PortOptions): Promise<Check> {
  const denied = await checkRights(port, options);
  if (denied !== null) return denied;
  const holders = (await findHolders(port.path)).filter(({ certain, locks }) => certain || locks);
  const stranger = holders.find(({ pid }) => !options.daemons.has(pid));
  if (stranger !== undefined) return held(port, stranger);
  const device = port.usb === null
    ? "no USB device"
    : `USB ${port.usb.vendorId}:${port.usb.productId}`;
  const by = holders.length > 0 ? ", held by the daemon" : "";
  return ok("port", `${port.path} (${device}) can be opened${by}`);
}

function held({ path }: PortInfo, { pid, command }: Holder): Check {
  const isModemManager = /(?:^|\/)ModemManager\b/.test(command);
  return problem(
    "port",
    `${path} is held by process ${pid} (${command})`,
    isModemManager ? "sudo systemctl disable --now ModemManager" : `sudo kill ${pid}`,
  );
}

/** Null where the account may open the port. */
async function checkRights(port: PortInfo, options: PortOptions): Promise<Check | null> {
  const { account, system } = options;
  const file = await Deno.stat(port.devicePath).catch(() => null);
  if (file === null) {
    return problem("port", `${port.path} has just gone`, "uota doctor");
  }
  const both = MAY.read + MAY.write;
  if (mayUse(account, file, both) || await isAccessible(port, account)) return null;
  const group = await system.groupName(file.gid ?? 0);
  const what = `The user ${account.name} may not open ${port.path} ` +
    `(group ${group}, mode ${octal(file.mode)})`;
  if (((file.mode ?? 0) >> 3 & both) !== both || file.gid === 0) {
    return problem(
      "port",
      what,
      `sudo chgrp dialout ${shellWord(port.devicePath)} && ` +
        `sudo chmod 660 ${shellWord(port.devicePath)}`,
    );
  }
  if (account.configuredGids.includes(file.gid ?? -1)) {
    return problem(
      "port",
      `${what}: its membership counts from the next login on`,
      `newgrp ${group}`,
    );
  }
  const after = account.name === DAEMON_USER
    ? `sudo systemctl restart ${UNIT}`
    : "log out and in again";
  return problem(
    "port",
    what,
    `sudo usermod --append --groups ${group} ${account.name}, then ${after}`,
  );
}

/** An access control list may grant what the mode does not, as for who sits at the machine. */
async function isAccessible({ devicePath }: PortInfo, { uid }: Account): Promise<boolean> {
  if (uid !== Deno.uid()) return false;
  try {
    await access(devicePath, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
