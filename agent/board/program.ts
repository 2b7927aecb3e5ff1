/**
 * Whether a board has a program to lose. Used by `inspect.ts` for boards without a `version`, which
 * nobody has installed a release on.
 */
import type { Board } from "../../serial/mod.ts";

/** What starts by itself. */
const FILES = ["main.py", "main.mpy", "code.py", "code.mpy", "boot.py", "boot.mpy"] as const;
/** No stock file is longer. */
const LONGEST_STOCK_BYTES = 2048;

/**
 * What is in the boot.py that a port makes for an empty file system, besides comments; also what is
 * there in a comment for people to switch on and starts no program of theirs.
 */
const STOCK_BOOT_LINES: ReadonlySet<string> = new Set([
  // ports/esp8266/modules/inisetup.py; ports/esp32/modules/inisetup.py has comments only
  "import gc",
  "gc.collect()",
  "import os, machine",
  "import uos, machine",
  "import esp",
  "esp.osdebug(None)",
  "import webrepl",
  "webrepl.start()",
  // ports/stm32/factoryreset.c, ports/renesas-ra/factoryreset.c
  "import machine",
  "import pyb",
  // ports/cc3200/mptask.c
  "import os",
  "from machine import UART",
  "uart = UART(0, 115200)",
  "os.dupterm(uart)",
]);

/**
 * Whether the board has a program: one in a file that starts by itself and is not as the firmware
 * makes it, or one that was running when the board was entered, wherever it came from.
 *
 * @throws {UotaError} as `Board.files.readFile`
 */
export async function hasProgram(
  board: Board,
  options: { readonly signal: AbortSignal },
): Promise<boolean> {
  if (board.wasRunning) return true;
  const states = await board.files.stat(FILES, options);
  for (const [index, name] of FILES.entries()) {
    const state = states[index];
    if (state?.kind !== "file") continue;
    if (name !== "main.py" && name !== "boot.py") return true;
    if (state.sizeBytes > LONGEST_STOCK_BYTES) return true;
    const stock = name === "boot.py" ? STOCK_BOOT_LINES : NONE;
    const source = new TextDecoder().decode(await board.files.readFile(name, options));
    if (!codeLines(source).every((line) => stock.has(line))) return true;
  }
  return false;
}

/** ports/stm32/factoryreset.c makes a main.py with a comment and nothing else. */
const NONE: ReadonlySet<string> = new Set();

/** The lines of a program without comments. */
function codeLines(source: string): string[] {
  return source.split(/\r?\n/)
    .map((line) => line.replace(/(^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}
