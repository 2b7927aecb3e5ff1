/** A program that gives up root, then looks at the daemon's socket. Prints the check as JSON. */
import process from "node:process";
import { checkDaemon } from "../../../agent/doctor/check_daemon.ts";
import { System } from "../../../agent/doctor/system.ts";

const NOBODY = 65_534;
const [root = "", controlSocket = ""] = Deno.args;

process.setgid?.(NOBODY);
process.setuid?.(NOBODY);
const system = new System({ signal: new AbortController().signal, root });
const [, check] = await checkDaemon(system, { controlSocket });
console.log(JSON.stringify(check ?? null));
