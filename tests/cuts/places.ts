/** Every place at which one installation can be cut. */
import type { Case, Cut, CutKind } from "./cut.ts";
import type { Random } from "./random.ts";
import type { Reference, Work } from "./simulate.ts";

/**
 * All single cuts of these kinds. A release that is rolled back is cut from when it is in place:
 * until then it does not differ from one that is installed.
 */
export function singleCuts(
  { fileSystem, release }: Pick<Case, "fileSystem" | "release">,
  reference: Reference,
  kinds: readonly CutKind[],
): Case[] {
  const changes = Array.from({ length: reference.changes }, (_, index) => index + 1);
  const bytes = messagePlaces(reference.messageEnds);
  const cuts = kinds.flatMap((kind): Cut[] => {
    const atChanges = changes.map((at): Cut => ({ kind, after: "change", at }));
    const atBytes = bytes.map((at): Cut => ({ kind, after: "byte", at }));
    switch (kind) {
      case "power":
        return atChanges;
      case "cable":
        return atBytes;
      case "kill":
        return [...atChanges, ...atBytes];
    }
  });
  const { whenInstalled } = reference;
  const isNew = ({ after, at }: Cut) =>
    release === "healthy" ||
    at > (after === "change" ? whenInstalled.changes : whenInstalled.bytes);
  return cuts.filter(isNew).map((first) => ({ release, fileSystem, first, second: null }));
}

/** The end of each message, and its middle. */
function messagePlaces(ends: readonly number[]): number[] {
  const places = new Set<number>();
  let begin = 0;
  for (const end of ends) {
    const middle = Math.floor((begin + end) / 2);
    if (middle > begin) places.add(middle);
    places.add(end);
    begin = end;
  }
  return [...places];
}

/** Some cut, of any of these kinds, of a recovery that had so much to do. */
export function secondCut(work: Work, kinds: readonly CutKind[], random: Random): Cut {
  const possible: readonly CutKind[] = work.changes > 0
    ? kinds
    : kinds.filter((kind) => kind !== "power");
  const kind = possible[random.below(possible.length)] ?? "cable";
  const byChange = kind === "power" ||
    (kind === "kill" && work.changes > 0 && random.below(2) === 0);
  return byChange
    ? { kind, after: "change", at: 1 + random.below(work.changes) }
    : { kind, after: "byte", at: 1 + random.below(work.bytes) };
}
