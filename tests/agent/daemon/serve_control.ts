/** A process that serves the gateway of a configuration until it is killed; prints a line when it does. */
import { loadConfig, resolveCredentials } from "../../../config/mod.ts";
import { startControl } from "./control_rig.ts";

const [configFile = ""] = Deno.args;
const control = await startControl(
  await resolveCredentials(await loadConfig(configFile), Deno.env),
);
console.log(control.path);
await new Promise(() => setInterval(() => {}, 60_000));
