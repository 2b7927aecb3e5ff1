/**
 * A cut and its name: what is cut, and after which operation. The name repeats it:
 * `littlefs:power:37` is power cut after the 37th change of the flash, `fat:cable:1200` the cable
 * pulled after the 1,200th byte from the host, `fat:kill:c37` and `fat:kill:b1200` the agent killed
 * at those moments, `fat:power:37+kill:b800` a second cut while the agent recovers from the first.
 * `raising/fat:power:37` is a cut of the release whose program fails, which is rolled back.
 *
 * INVARIANTS
 * - Operations are counted from when an attempt begins, so a name means the same in every run.
 */
import { FILE_SYSTEM_KINDS, type FileSystemKind } from "../boards/mod.ts";

/** Releases by what becomes of them: one is installed, the other is rolled back. */
export type ReleaseKind = "healthy" | "raising";

export const RELEASE_KINDS: readonly ReleaseKind[] = ["healthy", "raising"];

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

/** What is simulated: an installation on a fresh board, cut once, and perhaps again. */
export interface Case {
  readonly release: ReleaseKind;
  readonly fileSystem: FileSystemKind;
  readonly first: Cut;
  readonly second: Cut | null;
}

export function nameOfCut({ kind, after, at }: Cut): string {
  return `${kind}:${kind === "kill" ? after.slice(0, 1) : ""}${at}`;
}

export function nameOf({ release, fileSystem, first, second }: Case): string {
  const prefix = release === "healthy" ? "" : `${release}/`;
  return `${prefix}${fileSystem}:${nameOfCut(first)}${
    second === null ? "" : `+${nameOfCut(second)}`
  }`;
}

/** Reads a name; null where it is none. */
export function parseCase(name: string): Case | null {
  const form = /^((?<release>\w+)\/)?(?<fileSystem>\w+):(?<first>[^+]+)(\+(?<second>.+))?$/;
  const match = form.exec(name)?.groups;
  const release = RELEASE_KINDS.find((kind) => kind === (match?.["release"] ?? "healthy"));
  const fileSystem = FILE_SYSTEM_KINDS.find((kind) => kind === match?.["fileSystem"]);
  const first = parseCut(match?.["first"] ?? "");
  const second = match?.["second"] === undefined ? null : parseCut(match["second"]);
  if (release === undefined || fileSystem === undefined || first === null) return null;
  if (second === null && match?.["second"] !== undefined) return null;
  return { release, fileSystem, first, second };
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
