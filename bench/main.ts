/**
 * `deno task bench`: what the gateway costs. Figures are for comparing within one run; what a
 * machine does besides shows in seconds, not in bytes.
 */
import { parseArgs } from "node:util";
import { measureIdle } from "./idle.ts";
import { measureTransfer } from "./transfer.ts";

const USAGE = `Usage: deno task bench idle [--boards N] [--seconds N]   a daemon with nothing to do
       deno task bench transfer [--bytes N]             one file to a board, beside mpremote`;

if (import.meta.main) Deno.exit(await main(Deno.args));

async function main(args: string[]): Promise<number> {
  const options = readOptions(args);
  switch (options?.what) {
    case "idle":
      console.log(await measureIdle(options));
      return 0;
    case "transfer":
      console.log(await measureTransfer(options));
      return 0;
    default:
      console.error(USAGE);
      return 2;
  }
}

/** Null for what is no use of the command. */
function readOptions(args: string[]) {
  try {
    const { positionals: [what, ...rest], values } = parseArgs({
      args,
      allowPositionals: true,
      options: {
        boards: { type: "string", default: "8" },
        seconds: { type: "string", default: "600" },
        bytes: { type: "string", default: "300000" },
      },
    });
    const [boards, seconds, bytes] = [values.boards, values.seconds, values.bytes].map(Number);
    const isCount = (value = NaN) => Number.isInteger(value) && value > 0;
    if (rest.length > 0 || ![boards, seconds, bytes].every(isCount)) return null;
    return { what, boards: boards ?? 0, seconds: seconds ?? 0, bytes: bytes ?? 0 };
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}
