/**
 * A cut and its name: what is cut, and after which operation. The name repeats it:
 * `littlefs:power:37` is power cut after the 37th change of the flash, `fat:cable:1200` the cable
 * pulled after the 1,200th byte from the host, `fat:kill:c37` and `fat:kill:b1200` the agent killed
 * at those moments, `fat:power:37+kill:b800` a second cut while the agent recovers from the first.
 * `raising/fat:power:37` is a cut of another kind of attempt than a plain installation: see
 * `kinds.ts`. `raising/fat` is that attempt without a cut.
 *
 * INVARIANTS
 * - Operations are counted from when an attempt begins, so a name means the same in every run.
 */
import { FILE_SYSTEM_KINDS, type FileSystemKind } from "../boards/mod.ts";

/** What is attempted, on which board, and what has to become of it; `kinds.ts` says more of each. */
export const KINDS = [
  "healthy",
  "raising",
  "rollback",
  "rollback_archive",
  "in_place",
  "in_place_raising",
  "repair",
  "resetting",
  "resetting_uart",
  "upgrade",
  "upgrade_raising",
  "downgrade",
] as const;

export type Kind = typeof KINDS[number];

/** Cuts by what they cut. */
export type CutKind = "power" | "cable" | "kill";

export const CUT_KINDS: readonly CutKind[] = ["power", "cable", "kill"];

/** One cut. */
export interface Cut {
  readonly kind: CutKind;
  /** What `at` counts: changes of the flash, or bytes from the host. */
  readonly after: "change" | "byte";
  readonly at: number;
}

/** What is simulated: an attempt on a fresh board, cut once, and perhaps again, or not at all. */
export interface Case {
  readonly kind: Kind;
  readonly fileSystem: FileSystemKind;
  readonly first: Cut | null;
  readonly second: Cut | null;
}

export function nameOfCut({ kind, after, at }: Cut): string {
  return `${kind}:${kind === "kill" ? after.slice(0, 1) : ""}${at}`;
}

export function nameOf({ kind, fileSystem, first, second }: Case): string {
  if (first === null) return `${kind}/${fileSystem}`;
  const prefix = kind === "healthy" ? "" : `${kind}/`;
  const more = second === null ? "" : `+${nameOfCut(second)}`;
  return `${prefix}${fileSystem}:${nameOfCut(first)}${more}`;
}

/** Reads a name; null where it is none. */
export function parseCase(name: string): Case | null {
  const form = /^((?<kind>\w+)\/)?(?<fileSystem>\w+)(:(?<first>[^+]+)(\+(?<second>.+))?)?$/;
  const match = form.exec(name)?.groups;
  const kind = KINDS.find((one) => one === (match?.["kind"] ?? "healthy"));
  const fileSystem = FILE_SYSTEM_KINDS.find((one) => one === match?.["fileSystem"]);
  if (kind === undefined || fileSystem === undefined) return null;
  const texts = [match?.["first"], match?.["second"]];
  const [first = null, second = null] = texts.map((text) =>
    text === undefined ? null : parseCut(text)
  );
  if (texts.some((text, index) => text !== undefined && [first, second][index] === null)) {
    return null;
  }
  return { kind, fileSystem, first, second };
}

function parseCut(text: string): Cut | null {
  const match = /^(?<kind>power|cable|kill):(?<unit>[bc]?)(?<at>\d+)$/.exec(text)?.groups;
  const kind = CUT_KINDS.find((one) => one === match?.["kind"]);
  if (match === undefined || kind === undefined) return null;
  const unit = match["unit"] ?? "";
  if ((kind === "kill") !== (unit !== "")) return null;
  const after = kind === "power" || unit === "c" ? "change" : "byte";
  return { kind, after, at: Number(match["at"]) };
}
