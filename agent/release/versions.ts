/**
 * The order of versions as people mean it. Used to tell an update from a downgrade.
 *
 * INVARIANTS
 * - A partial order: antisymmetric, transitive, and `same` is an equivalence that it respects.
 * - Never a guess: where sources disagree about what comes first, the answer is `unordered`.
 */

import { type ParsedVersion, parseVersion, type VersionStep } from "./version_syntax.ts";

/** How one version stands to another. */
export type VersionOrder = "older" | "same" | "newer" | "unordered";

/**
 * How `a` stands to `b`: `older` where `a` comes first.
 *
 * | written | means |
 * |---|---|
 * | `v1.0`, `1.0`, `1.0.0`, `1.0.0+build` | one version |
 * | `1.0.dev1`, `1.0.0-alpha`, `1.0b2`, `1.0.0-rc.1` | before 1.0, in this order |
 * | `1.0.post1`, `1.0-r1`, `1.0-p1`, `1.0-5-gabc1234` | after 1.0 |
 * | `2024-05-01`, `2024.5.1`, `20240501`, each with a time | dates, unordered to numbers |
 * | `1.0-1`, `1.0-esp32`, `1.0a` | unordered to 1.0, but before 1.1 |
 * | words, git hashes | unordered, except to themselves |
 */
export function compareVersions(a: string, b: string): VersionOrder {
  if (a.trim() === b.trim()) return "same";
  const first = parseVersion(a);
  const second = parseVersion(b);
  if (first === null || second === null || first.scheme !== second.scheme) return "unordered";
  const byHead = compareNumbers(first.head, second.head);
  if (byHead !== "same") return byHead;
  const byExtra = compareExtra(first, second);
  return byExtra === "same" ? compareSteps(first.steps, second.steps) : byExtra;
}

function compareNumbers(a: readonly bigint[], b: readonly bigint[]): VersionOrder {
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const difference = (a[index] ?? 0n) - (b[index] ?? 0n);
    if (difference !== 0n) return difference < 0n ? "older" : "newer";
  }
  return "same";
}

function compareExtra({ extra: a }: ParsedVersion, { extra: b }: ParsedVersion): VersionOrder {
  const isComparable = a.kind === b.kind || a.kind === "none" || b.kind === "none";
  return isComparable ? compareNumbers(a.numbers, b.numbers) : "unordered";
}

function compareSteps(a: readonly VersionStep[], b: readonly VersionStep[]): VersionOrder {
  let isOnPreRelease = false;
  for (let index = 0; index < Math.max(a.length, b.length); index++) {
    const [first, second] = [a[index], b[index]];
    const order = compareStep(first, second, { isOnPreRelease });
    if (order !== "same") return order;
    isOnPreRelease = first?.kind === "before";
  }
  return "same";
}

function compareStep(
  a: VersionStep | undefined,
  b: VersionStep | undefined,
  context: { readonly isOnPreRelease: boolean },
): VersionOrder {
  if (a === undefined && b === undefined) return "same";
  if (a === undefined && b !== undefined) return reversed(toNothing(b, context));
  if (a !== undefined && b === undefined) return toNothing(a, context);
  if (a === undefined || b === undefined) return "same";
  if (a.kind !== b.kind) return betweenKinds(a, b);
  if (a.kind === "before" && a.word !== b.word) return compareStages(a.word, b.word);
  if (a.kind === "commits") {
    const order = compareNumbers(a.numbers, b.numbers);
    return order === "same" && a.word !== b.word ? "unordered" : order;
  }
  return a.word === b.word ? compareNumbers(a.numbers, b.numbers) : "unordered";
}

/** A step against the bare version that it stands on. */
function toNothing(
  { kind }: VersionStep,
  { isOnPreRelease }: { readonly isOnPreRelease: boolean },
): VersionOrder {
  if (kind === "after" || kind === "commits") return "newer";
  // PEP 440 puts rc1.dev2 before rc1, Semantic Versioning rc.1.dev.2 after rc.1.
  return kind === "before" && !isOnPreRelease ? "older" : "unordered";
}

function betweenKinds(a: VersionStep, b: VersionStep): VersionOrder {
  const isAfter = (step: VersionStep) => step.kind === "after" || step.kind === "commits";
  if (a.kind === "before" && isAfter(b)) return "older";
  return isAfter(a) && b.kind === "before" ? "newer" : "unordered";
}

/** In this order by PEP 440; other words for pre-releases have no agreed place among them. */
const STAGES = ["dev", "alpha", "beta", "rc"];

function compareStages(a: string, b: string): VersionOrder {
  if (!STAGES.includes(a) || !STAGES.includes(b)) return "unordered";
  return STAGES.indexOf(a) < STAGES.indexOf(b) ? "older" : "newer";
}

function reversed(order: VersionOrder): VersionOrder {
  return order === "older" ? "newer" : order === "newer" ? "older" : order;
}
