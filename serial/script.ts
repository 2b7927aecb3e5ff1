/**
 * The MicroPython that runs on the board, kept as readable `.py` files and sent without what the
 * board does not need: comments, blank lines and three of every four spaces of indentation.
 */
import base from "./on_board/base.py" with { type: "text" };
import bootstrap from "./on_board/bootstrap.py" with { type: "text" };
import chooseRoot from "./on_board/choose_root.py" with { type: "text" };
import common from "./on_board/common.py" with { type: "text" };
import evidence from "./on_board/evidence.py" with { type: "text" };
import files from "./on_board/files.py" with { type: "text" };
import filesFlat from "./on_board/files_flat.py" with { type: "text" };
import guard from "./on_board/guard.py" with { type: "text" };
import guardSum from "./on_board/guard_sum.py" with { type: "text" };
import inspect from "./on_board/inspect.py" with { type: "text" };
import inspectFlat from "./on_board/inspect_flat.py" with { type: "text" };
import load from "./on_board/load.py" with { type: "text" };
import probe from "./on_board/probe.py" with { type: "text" };
import probeRoot from "./on_board/probe_root.py" with { type: "text" };
import read from "./on_board/read.py" with { type: "text" };
import reply from "./on_board/reply.py" with { type: "text" };
import rescue from "./on_board/rescue.py" with { type: "text" };
import run from "./on_board/run.py" with { type: "text" };

/** Source for the board; made by {@linkcode script}. */
export type Script = Uint8Array<ArrayBuffer>;

/**
 * Prepares a `.py` file for the wire. Files given to it indent by four spaces, hold no string that
 * spans lines, and have comments on lines of their own only.
 */
export function script(source: string): Script {
  const lines = source.split("\n")
    .filter((line) => !/^\s*(#|$)/.test(line))
    .map((line) => line.replace(/^( {4})+/, (indent) => " ".repeat(indent.length / 4)));
  return new TextEncoder().encode(lines.join("\n") + "\n");
}

/** About this much source goes to the board at once. */
const PIECE_BYTES = 256;

/**
 * Cuts a script between its top-level statements, so that a small board need not compile it whole
 * and a bad line has less to damage at a time. A `for`, `with` or `if` with an `else` must not be at
 * the top level of scripts that are cut.
 */
export function piecesOf(whole: Script): Script[] {
  const text = new TextDecoder().decode(whole);
  const pieces: string[] = [];
  for (const statement of text.split(/^(?=\S)/m)) {
    const last = pieces.at(-1);
    if (last !== undefined && last.length + statement.length <= PIECE_BYTES) {
      pieces[pieces.length - 1] = last + statement;
    } else pieces.push(statement);
  }
  return pieces.map((piece) => new TextEncoder().encode(piece));
}

/** What this room sends. */
export const scripts = {
  base: script(base),
  bootstrap: script(bootstrap),
  chooseRoot: script(chooseRoot),
  common: script(common),
  evidence: script(evidence),
  files: script(files),
  filesFlat: script(filesFlat),
  guard: script(guard),
  guardSum: script(guardSum),
  inspect: script(inspect),
  inspectFlat: script(inspectFlat),
  load: script(load),
  probe: script(probe),
  probeRoot: script(probeRoot),
  read: script(read),
  reply: script(reply),
  rescue: script(rescue),
  run: script(run),
} as const satisfies Readonly<Record<string, Script>>;
