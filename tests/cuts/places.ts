/** Every place at which one attempt can be cut. */
import type { FileSystemKind } from "../boards/mod.ts";
import type { Case, Cut, CutKind, Kind } from "./cut.ts";
import { scenarioOf } from "./kinds.ts";
import type { Random } from "./random.ts";
import type { Reference, Work } from "./simulate.ts";

/** An attempt that can be cut. */
export interface Attempt {
  readonly kind: Kind;
  readonly fileSystem: FileSystemKind;
}

/** All single cuts of these kinds. */
export function singleCuts(
  { kind, fileSystem }: Attempt,
  reference: Reference,
  cutKinds: readonly CutKind[],
): Case[] {
  const scenario = scenarioOf(kind);
  const changes = Array.from({ length: reference.changes }, (_, index) => index + 1);
  const bytes = messagePlaces(reference.messageEnds);
  const cuts = scenario.cuts.filter((cut) => cutKinds.includes(cut)).flatMap((cut): Cut[] => {
    const atChanges = changes.map((at): Cut => ({ kind: cut, after: "change", at }));
    const atBytes = bytes.map((at): Cut => ({ kind: cut, after: "byte", at }));
    switch (cut) {
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
    !scenario.onlyOnceInstalled ||
    at > (after === "change" ? whenInstalled.changes : whenInstalled.bytes);
  return cuts.filter(isNew).map((first) => ({ kind, fileSystem, first, second: null }));
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

/**
 * A draw that takes as many of each kind as of any other: `count` attempts, some more than once,
 * those on one file system together.
 */
export function evenDraw(
  { kinds, fileSystems, count }: {
    readonly kinds: readonly Kind[];
    readonly fileSystems: readonly FileSystemKind[];
    readonly count: number;
  },
  random: Random,
): ReadonlyMap<Attempt, number> {
  const order = random.sample(kinds, kinds.length);
  const drawn = new Map<Attempt, number>();
  for (const [index, kind] of order.entries()) {
    const share = Math.floor(count / order.length) + (index < count % order.length ? 1 : 0);
    const some = random.sample(fileSystems, Math.min(share, fileSystems.length));
    for (const [at, fileSystem] of some.entries()) {
      const cuts = Math.floor(share / some.length) + (at < share % some.length ? 1 : 0);
      drawn.set({ kind, fileSystem }, cuts);
    }
  }
  return drawn;
}
