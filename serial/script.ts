/**
 * The MicroPython that runs on the board, kept as readable `.py` files and sent without what the
 * board does not need: comments, blank lines and three of every four spaces of indentation.
 */
import inspect from "./on_board/inspect.py" with { type: "text" };
import inspectFlat from "./on_board/inspect_flat.py" with { type: "text" };
import probe from "./on_board/probe.py" with { type: "text" };
import read from "./on_board/read.py" with { type: "text" };
import removeTree from "./on_board/remove_tree.py" with { type: "text" };
import reply from "./on_board/reply.py" with { type: "text" };
import write from "./on_board/write.py" with { type: "text" };

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

/** What `board.ts` sends. */
export const scripts = {
  inspect: script(inspect),
  inspectFlat: script(inspectFlat),
  probe: script(probe),
  read: script(read),
  removeTree: script(removeTree),
  reply: script(reply),
  write: script(write),
} as const satisfies Readonly<Record<string, Script>>;
