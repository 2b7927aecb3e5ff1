/** What one MicroPython board is and can do, as `on_board/probe.py` reports it. */
import { z } from "zod";
import { UotaError } from "../errors/mod.ts";

/** Facts about one board. Found out once a visit, after the soft reset. */
export interface Capabilities {
  /** `sys.implementation.name`, such as "micropython". */
  readonly implementation: string;
  /** `sys.implementation.version`, such as "1.27.0". */
  readonly version: string;
  /** `sys.platform`, such as "esp32". */
  readonly platform: string;
  /** `os.uname().machine`, such as "Raspberry Pi Pico with RP2040"; null where there is none. */
  readonly machine: string | null;
  /** `machine.unique_id()` in lower-case hex; null where the port has none. */
  readonly uid: string | null;
  /**
   * Where the board's files are, without a slash at its end: "" for "/", "/flash" on stm32; null on
   * boards whose names are flat. It is the working directory, in which main.py is looked up, where
   * boot.py went to another one than the file system's root, and no release is laid out from there.
   */
  readonly root: string | null;
  /** `machine.reset` is there: a reset as by power-on. */
  readonly hardReset: boolean;
  /** There are directories, and `os.stat`. */
  readonly directories: boolean;
  /** `os.rename` is there. */
  readonly rename: boolean;
  /** `os.statvfs` is there: the board can tell its free space. */
  readonly statvfs: boolean;
  /** SHA-256 can be computed on the board. */
  readonly sha256: boolean;
  /** `gc.mem_free()` after a soft reset and a collection, in bytes. */
  readonly freeHeapBytes: number;
}

/** More than any chip says of itself, `machine` apart. */
const LONGEST_NAME = 100;
const LONGEST_MACHINE = 200;
const LONGEST_UID_BYTES = 64;
/** All facts together, and then some. */
const LONGEST_REPLIES = 4096;
const CONTROL_CHARACTERS = /\p{Cc}/gu;

const flag = z.enum(["0", "1"]).transform((value) => value === "1");
const name = z.string().min(1).transform((text) => printable(text, LONGEST_NAME));
const facts = z.object({
  implementation: name,
  version: name,
  platform: name,
  machine: z.string().transform((text) => printable(text, LONGEST_MACHINE)).optional(),
  uid: z.string().max(2 * LONGEST_UID_BYTES).regex(/^(?:[0-9a-f]{2})+$/).optional(),
  root: z.string().startsWith("/").optional(),
  hard_reset: flag,
  directories: flag,
  rename: flag,
  statvfs: flag,
  sha256: flag,
  free_heap: z.string().regex(/^\d{1,12}$/).transform(Number),
});

/** These facts go into messages and onto screens. */
function printable(text: string, length: number): string {
  return text.slice(0, length).replaceAll(CONTROL_CHARACTERS, "?");
}

/**
 * Reads the probe's replies.
 *
 * @throws {UotaError} `protocol` when facts are missing or not of their form, `not_micropython`
 */
export function parseCapabilities(replies: readonly string[], path: string): Capabilities {
  const length = replies.reduce((sum, reply) => sum + reply.length, 0);
  if (length > LONGEST_REPLIES) {
    throw new UotaError(
      "protocol",
      `The board on ${path} said ${length} characters of what it is, where some hundred are due; ` +
        "its boot.py may have replaced what MicroPython brings",
    );
  }
  const pairs = replies.map((reply) => {
    const cut = reply.indexOf("\t");
    return [reply.slice(0, cut), reply.slice(cut + 1)] as const;
  });
  const parsed = facts.safeParse(Object.fromEntries(pairs));
  if (!parsed.success) {
    const missing = parsed.error.issues.map((issue) => issue.path.join(".")).join(", ");
    throw new UotaError(
      "protocol",
      `The board on ${path} did not say what it is (${missing}); check that it runs MicroPython 1.9 or newer`,
    );
  }
  const { hard_reset, free_heap, machine, uid, root, ...rest } = parsed.data;
  if (rest.implementation === "circuitpython") throw notMicroPython("CircuitPython", path);
  return {
    ...rest,
    machine: machine ?? null,
    uid: uid ?? null,
    root: root?.replace(/\/+$/, "") ?? null,
    hardReset: hard_reset,
    freeHeapBytes: free_heap,
  };
}

/** For firmware that speaks the same REPL, and has another idea of who may write its files. */
export function notMicroPython(what: string, path: string): UotaError {
  return new UotaError(
    "not_micropython",
    `The board on ${path} runs ${what}, not MicroPython; nothing was changed on it. Flash ` +
      "MicroPython onto it, or name the port in ignore of [gateway] in the configuration",
  );
}
