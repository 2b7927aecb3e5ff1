/**
 * A program that gives up root, then asks the daemon on the socket that it is given: what people
 * without rights get cannot be seen as root. Prints how it ended as JSON.
 */
import process from "node:process";
import { connectControl } from "../../../agent/daemon/control_client.ts";
import { UotaError } from "../../../errors/mod.ts";

const NOBODY = 65_534;
const [path = "", group = String(NOBODY)] = Deno.args;

process.setgid?.(Number(group));
process.setuid?.(NOBODY);
try {
  const daemon = await connectControl(path, { signal: new AbortController().signal });
  console.log(JSON.stringify({ code: daemon ? "connected" : "none", message: "" }));
} catch (error) {
  if (!(error instanceof UotaError)) throw error;
  console.log(JSON.stringify({ code: error.code, message: error.message }));
}
