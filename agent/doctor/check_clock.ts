/** Is the clock right? Certificates are judged by it, and the times in the history are its. */
import { type Check, ok, problem, warning } from "./check.ts";
import type { System } from "./system.ts";

/** systemd-timesyncd touches it when it has set the clock. */
const SYNCHRONIZED = "/run/systemd/timesync/synchronized";
const MEND = "sudo timedatectl set-ntp true";
const INSTALLED = new URL("../../deno.json", import.meta.url);

export async function checkClock(system: System, now: Date): Promise<Check> {
  const installed = (await Deno.stat(INSTALLED)).mtime;
  const shown = now.toISOString().slice(0, 16).replace("T", " ");
  if (installed !== null && now < installed) {
    return problem("clock", `The clock says ${shown} UTC, before the gateway was installed`, MEND);
  }
  if (await system.stat(SYNCHRONIZED) !== null) {
    return ok("clock", `${shown} UTC, set by a time server`);
  }
  // Other services than timesyncd set it too; the kernel knows, and timedatectl asks it.
  const answer = await system.ask("timedatectl", ["show", "--property=NTPSynchronized", "--value"]);
  if (answer?.trim() === "yes") return ok("clock", `${shown} UTC, set by a time server`);
  return warning(
    "clock",
    answer?.trim() === "no"
      ? `No time server has set the clock, which says ${shown} UTC`
      : `Nobody says whether a time server sets the clock, which says ${shown} UTC`,
    MEND,
  );
}
