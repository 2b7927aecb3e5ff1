/** Names for processes that no other process ever has. */
import { readFileSync } from "node:fs";
import { bootId } from "../boot_id.ts";

/** A pid and when it began (proc_pid_stat(5), field 22): pids are used again, this pair is not. */
export function thisProcess(): string {
  return `${Deno.pid} ${startOf(Deno.pid)}`;
}

export function isRunning(process: string): boolean {
  const [pid, start] = process.split(" ");
  return startOf(Number(pid)) === start;
}

function startOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, in brackets, may hold spaces and brackets of its own.
    return `${bootId}/${stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]}`;
  } catch {
    return "gone";
  }
}
