/**
 * Version strings taken apart, as Semantic Versioning 2.0.0, PEP 440, git describe and calendars
 * write them. Pure; used by `versions.ts`.
 */

/** A version whose parts are known. */
export interface ParsedVersion {
  /** Numbers and dates are two scales: 2024.5.1 is not "after" 3.0. */
  readonly scheme: "numbers" | "calendar";
  /** The first three numbers, or year, month, day. */
  readonly head: readonly bigint[];
  /** What refines the head: further numbers, or a time of day. None where all of it is zero. */
  readonly extra: { readonly kind: "none" | "more" | "time"; readonly numbers: readonly bigint[] };
  readonly steps: readonly VersionStep[];
}

/** One part of what follows the numbers. */
export interface VersionStep {
  readonly kind:
    /** A pre-release: before what it stands on. */
    | "before"
    /** A post-release: after it. */
    | "after"
    /** git describe's commits since the tag: after it, on a branch that the hash names. */
    | "commits"
    /** Semantic Versioning's `1.0.0-1` is before 1.0.0, PEP 440's and Debian's after it. */
    | "bare"
    /** A word without a known meaning. */
    | "word";
  readonly word: string;
  readonly numbers: readonly bigint[];
}

const PRE_RELEASE_WORDS: ReadonlyMap<string, string> = new Map([
  ["dev", "dev"],
  ["a", "alpha"],
  ["alpha", "alpha"],
  ["b", "beta"],
  ["beta", "beta"],
  ["c", "rc"],
  ["rc", "rc"],
  ["pre", "pre"],
  ["preview", "pre"],
  ["snapshot", "snapshot"],
  ["nightly", "nightly"],
]);

const POST_RELEASE_WORDS: ReadonlyMap<string, string> = new Map([
  ["post", "post"],
  ["rev", "post"],
  ["r", "post"],
  ["patch", "patch"],
  ["p", "patch"],
  ["hotfix", "hotfix"],
]);

const MAX_CHARACTERS = 256;
const HASH = /^(?=.*[a-f])[0-9a-f]{7,40}$/;
const COMPACT_DATE = /^(\d{4})(\d{2})(\d{2})(?:(\d{2})(\d{2})(\d{2})?)?(?!\d)/;
const DASHED_DATE = /^(\d{4})([-_])(\d{1,2})\2(\d{1,2})(?!\d)/;
const NUMBERS = /^\d+(?:\.\d+)*/;
const TIME = /^[-_t. ](\d{2}):?(\d{2})(?::?(\d{2}))?z?(?![\d:])/;
const REVISION = /^[-_.](\d+)(?![\d-])/;
const COMMITS = /^-(\d+)-g([0-9a-f]{4,40})(?![0-9a-z])/;
const STEP = /^([-_.]?)(\d+(?:\.\d+)*|[a-z]+)/;
const STEP_NUMBERS = /^[-_.]?(\d+(?:\.\d+)*)/;

/** Takes a version apart; null where it is none that is understood, like a word or a hash. */
export function parseVersion(version: string): ParsedVersion | null {
  const lower = version.trim().toLowerCase();
  if (lower.length > MAX_CHARACTERS || HASH.test(lower)) return null;
  const [core = "", ...build] = lower.replace(/^v(?=\d)/, "").split("+");
  // Semantic Versioning 10: build metadata does not count. An offset from UTC would.
  if (build.some((part) => part === "" || /^\d{2}:\d{2}$/.test(part))) return null;
  const front = parseFront(core);
  if (front === null) return null;
  const steps = parseSteps(front.rest);
  if (steps === null) return null;
  const { scheme, numbers, time } = front;
  if (time.some((number) => number !== 0n)) {
    return { scheme, head: numbers, extra: { kind: "time", numbers: time }, steps };
  }
  const more = numbers.slice(3);
  const kind = more.some((number) => number !== 0n) ? "more" : "none";
  return { scheme, head: numbers.slice(0, 3), extra: { kind, numbers: more }, steps };
}

interface Front {
  readonly scheme: ParsedVersion["scheme"];
  readonly numbers: readonly bigint[];
  readonly time: readonly bigint[];
  readonly rest: string;
}

function parseFront(core: string): Front | null {
  const compact = COMPACT_DATE.exec(core);
  if (compact !== null && isDate(compact.slice(1, 4))) {
    const time = compact.slice(4);
    const rest = core.slice(compact[0].length);
    if (time[0] === undefined) return withTime(compact.slice(1, 4), rest);
    if (!isTime(time)) return null;
    return { scheme: "calendar", numbers: bigints(compact.slice(1, 4)), time: bigints(time), rest };
  }
  const dashed = DASHED_DATE.exec(core);
  if (dashed !== null) {
    const date = [dashed[1], dashed[3], dashed[4]];
    return isDate(date) ? withTime(date, core.slice(dashed[0].length)) : null;
  }
  const dotted = NUMBERS.exec(core);
  if (dotted === null) return null;
  const parts = dotted[0].split(".");
  const rest = core.slice(dotted[0].length);
  const isCalendar = parts.length > 1 && isYear(parts[0]);
  if (isCalendar && parts.length === 3 && isDate(parts)) return withTime(parts, rest);
  return { scheme: isCalendar ? "calendar" : "numbers", numbers: bigints(parts), time: [], rest };
}

/** A date with what may refine it: a time of day, else a running number. */
function withTime(date: readonly (string | undefined)[], rest: string): Front {
  const time = TIME.exec(rest);
  if (time !== null && isTime(time.slice(1))) {
    return {
      scheme: "calendar",
      numbers: bigints(date),
      time: bigints(time.slice(1)),
      rest: rest.slice(time[0].length),
    };
  }
  const revision = REVISION.exec(rest);
  return {
    scheme: "calendar",
    numbers: bigints([...date, revision?.[1]]),
    time: [],
    rest: rest.slice(revision?.[0].length ?? 0),
  };
}

function isYear(part: string | undefined): boolean {
  return part?.length === 4 && part >= "1970" && part < "2200";
}

function isDate([year, month, day]: readonly (string | undefined)[]): boolean {
  const isMonth = Number(month) >= 1 && Number(month) <= 12;
  return isYear(year) && isMonth && Number(day) >= 1 && Number(day) <= 31;
}

function isTime([hours, minutes, seconds = "0"]: readonly (string | undefined)[]): boolean {
  return Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) <= 60;
}

function parseSteps(text: string): readonly VersionStep[] | null {
  const steps: VersionStep[] = [];
  let rest = text;
  while (rest !== "") {
    const commits = COMMITS.exec(rest);
    if (commits !== null) {
      rest = rest.slice(commits[0].length);
      const numbers = bigints([commits[1]]);
      // git describe --long on the tag itself.
      if (numbers[0] !== 0n) steps.push({ kind: "commits", word: commits[2] ?? "", numbers });
      continue;
    }
    const step = STEP.exec(rest);
    if (step === null) return null;
    const [all, separator = "", what = ""] = step;
    rest = rest.slice(all.length);
    if (/^\d/.test(what)) {
      steps.push({ kind: "bare", word: "", numbers: bigints(what.split(".")) });
      continue;
    }
    const following = STEP_NUMBERS.exec(rest);
    // The number of a describe's commits belongs to it, not to the word before.
    const own = following !== null && !COMMITS.test(rest) ? following : null;
    rest = rest.slice(own?.[0].length ?? 0);
    const numbers = bigints(own?.[1]?.split(".") ?? []);
    const isAttached = separator === "";
    const named = namedStep(what, { isAttached, hasNumber: own !== null });
    if (named === null) return null;
    steps.push({ ...named, numbers });
  }
  return steps;
}

function namedStep(
  what: string,
  { isAttached, hasNumber }: { readonly isAttached: boolean; readonly hasNumber: boolean },
): Pick<VersionStep, "kind" | "word"> | null {
  // OpenSSL's 1.0.2a came after 1.0.2, PEP 440's 1.0a is an alpha: a lone letter says neither.
  const isClear = what.length > 1 || hasNumber;
  const before = isClear ? PRE_RELEASE_WORDS.get(what) : undefined;
  if (before !== undefined) return { kind: "before", word: before };
  const after = isClear ? POST_RELEASE_WORDS.get(what) : undefined;
  if (after !== undefined) return { kind: "after", word: after };
  // Letters that grow out of a number (3d, 1st) make it a word rather than a version.
  return isAttached ? null : { kind: "word", word: what };
}

function bigints(parts: readonly (string | undefined)[]): readonly bigint[] {
  return parts.flatMap((part) => part === undefined ? [] : [BigInt(part)]);
}
