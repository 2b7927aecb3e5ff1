/**
 * The place on the board in which everything runs that is sent: a dict of its own, out of reach of
 * what boot.py or a program left in the globals, in `builtins` and in `sys.modules`. What opens it is
 * `on_board/bootstrap.py` and `base.py`; the raw REPL itself sees one name, `_uota`, which is the
 * dict while functions are loaded and the guard (`guard.ts`) afterwards.
 */
import { createHash } from "node:crypto";
import type { python } from "./literal.ts";
import { type Script, script } from "./script.ts";

/** From here on `_uota` is the guard. */
export const ENTRANCE: Script = script('_uota = _uota["guard"]');

/** How a piece of source is checked on the board before it is run there. */
export type Check =
  /** Without anything but what is built in: for the first piece, which is `on_board/run.py`. */
  | "first"
  /** By a sum of its bytes: one damaged byte always changes it, two may not. */
  | "sum"
  /** By the first bytes of its SHA-256, where `on_board/load.py` is there. */
  | "sha256";

/** Source that runs `source` in the clean place, and only when it arrived whole. */
export function checkedSource(
  source: Script,
  { check, py }: { readonly check: Check; readonly py: ReturnType<typeof python> },
): Script {
  const sum = source.reduce((total, byte) => total + byte, 0);
  if (check === "sum") return py`_uota["run"](${source}, ${sum})`;
  const isDamaged = check === "first"
    ? py`_uota["b"].sum(_uota["s"]) != ${sum}`
    : py`_uota["load"]("hashlib").sha256(_uota["s"]).digest()[:4] != ${new Uint8Array(
      createHash("sha256").update(source).digest().subarray(0, 4),
    )}`;
  return py`_uota["s"] = ${source}\nif ${{
    code: isDamaged,
  }}:\n raise _uota["b"].ValueError("damaged")\n_uota["b"].exec(_uota["s"], _uota)\n_uota["s"] = None\n`;
}
