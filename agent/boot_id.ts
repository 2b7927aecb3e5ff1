/** Which start of the machine this is, for what does not outlive one. */
import { readFileSync } from "node:fs";

/** Differs for each start of the machine (random(4)). Where nobody can tell, each process has its own. */
export const bootId: string = readBootId();

function readBootId(): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return crypto.randomUUID();
  }
}
