/** Is this the Deno that the gateway was tested with? */
import { type Check, ok, problem, warning } from "./check.ts";

/** The version that install.sh pins. */
export const PINNED_DENO = "2.9.6";

/** Older ones lack what the serial ports need, newer ones are untested. */
export function checkDeno(version: string = Deno.version.deno): Check {
  if (version === PINNED_DENO) return ok("deno", `Deno ${version}, the one that it is tested with`);
  const mend = "sudo ./install.sh";
  return isOlder(version, PINNED_DENO)
    ? problem("deno", `Deno ${version} is too old, the gateway needs ${PINNED_DENO}`, mend)
    : warning("deno", `Deno ${version} is untested, the gateway was made for ${PINNED_DENO}`, mend);
}

function isOlder(version: string, other: string): boolean {
  return new Intl.Collator("en", { numeric: true }).compare(version, other) < 0;
}
