/**
 * `deno task cuts`: cuts attempts of every kind at every operation and looks at what becomes of the
 * board, and at what the gateway says of it.
 * Progress goes to stderr; what is wrong, and the sums, to stdout. Its last line is
 * `N cuts, N violations`, where a cut that an attempt was over before counts as none; it exits with 1
 * where there is a violation, and where nothing was cut at all.
 */
import { Command, InvalidArgumentError, Option } from "commander";
import { type Corruption, FILE_SYSTEM_KINDS } from "../boards/mod.ts";
import { type CorruptRun, runCorrupted } from "./corrupt_line.ts";
import { type Case, CUT_KINDS, type CutKind, type Kind, KINDS, parseCase } from "./cut.ts";
import { needsOther } from "./kinds.ts";
import { takeOtherAgent } from "./other_agent.ts";
import { surround } from "./rig.ts";
import { type Progress, runCases, type Tally, walk } from "./walk.ts";

interface Flags {
  readonly sample?: number;
  readonly doubles: number;
  readonly seed: number;
  readonly kinds: readonly Kind[];
  readonly fs: readonly (typeof FILE_SYSTEM_KINDS)[number][];
  readonly cuts: readonly (CutKind | "double")[];
  readonly jobs: number;
  readonly only?: readonly Case[];
  readonly corrupt?: Corruption;
  readonly runs: number;
  readonly fromCommit: string;
  readonly reports: boolean;
}

/** What gateways out there may have been upgraded from. */
const EARLIER_COMMIT = "a4f3cd0";

const DOUBLES = 900;
/** Of a sample, this share are double cuts. */
const DOUBLE_SHARE = 0.25;
const CORRUPT_EVERY_BYTES = 3000;
/** Of what one cut has left wrong, so much is shown. */
const MOST_LINES = 8;
/** More boards than processors: half of a board's time is waiting for quiet on its line. */
const JOBS = 4;

const flags = new Command("cuts")
  .description("Cuts attempts at every operation, and counts boards left half-updated")
  .option("--sample <n>", "so many cuts, drawn at random, in place of all", wholeNumber)
  .option("--doubles <n>", "how many double cuts, without --sample", wholeNumber, DOUBLES)
  .option("--seed <n>", "what is drawn", wholeNumber, 1)
  .option("--fs <list>", "file systems", oneOf(FILE_SYSTEM_KINDS), FILE_SYSTEM_KINDS)
  .option("--kinds <list>", "kinds of attempts: see kinds.ts", oneOf(KINDS), [...KINDS])
  .option("--cuts <list>", "what is cut", oneOf([...CUT_KINDS, "double"]), [...CUT_KINDS, "double"])
  .option("--jobs <n>", "boards at once", wholeNumber, JOBS)
  .option("--only <names>", "just these cuts, as a violation names them", cases)
  .addOption(
    new Option("--corrupt <kind>", "no cuts, but a line that damages a byte in 3,000").choices([
      "flip",
      "lose",
      "double",
    ]),
  )
  .option("--runs <n>", "how many installations over such a line", wholeNumber, 50)
  .option("--from-commit <ref>", "what is upgraded from, and downgraded to", EARLIER_COMMIT)
  .option("--no-reports", "judge boards alone, and not what the gateway says of them")
  .parse()
  .opts<Flags>();

const begun = performance.now();
const tally = flags.corrupt === undefined ? await run() : await runOverCorruptLine(flags.corrupt);
const seconds = (performance.now() - begun) / 1000;
console.error(
  `\r${seconds.toFixed(0)} s, ${(seconds / Math.max(tally.cuts, 1)).toFixed(2)} s a cut`,
);
if (tally.notReached > 0) {
  console.log(`${tally.notReached} more were not reached: the attempt was over before they came`);
}
const what = flags.corrupt === undefined ? "cuts" : "runs";
console.log(`${tally.cuts} ${what}, ${tally.violations} violations`);
Deno.exit(tally.violations === 0 && tally.cuts > 0 ? 0 : 1);

async function run(): Promise<Tally> {
  const { only, jobs, seed, fs: fileSystems, sample, reports } = flags;
  const wanted = only?.map(({ kind }) => kind) ?? flags.kinds;
  await using other = wanted.some(needsOther) ? await takeOtherAgent(flags.fromCommit) : null;
  await using surroundings = surround({ other, reports });
  const isPossible = (kind: Kind) => other !== null || !needsOther(kind);
  if (only !== undefined) {
    const possible = only.filter(({ kind }) => isPossible(kind));
    return await runCases(possible, { surroundings, jobs, onProgress });
  }
  const cuts = CUT_KINDS.filter((kind) => flags.cuts.includes(kind));
  const withDoubles = flags.cuts.includes("double");
  const doubles = !withDoubles
    ? 0
    : sample === undefined
    ? flags.doubles
    : Math.round(sample * (cuts.length === 0 ? 1 : DOUBLE_SHARE));
  return await walk({
    ...{ surroundings, fileSystems },
    kinds: flags.kinds.filter(isPossible),
    cuts: cuts.length === 0 ? CUT_KINDS : cuts,
    singles: cuts.length === 0 ? 0 : sample === undefined ? null : sample - doubles,
    doubles,
    seed,
    jobs,
    onProgress,
  });
}

async function runOverCorruptLine(kind: Corruption): Promise<Tally> {
  const runs = await runCorrupted({
    kind,
    everyBytes: CORRUPT_EVERY_BYTES,
    seeds: Array.from({ length: flags.runs }, (_, index) => flags.seed + index),
    jobs: flags.jobs,
    fileSystems: flags.fs,
    onRun: ({ seed, corrupted, ended, wrong }: CorruptRun) => {
      console.error(`seed ${seed}: ${corrupted} bytes damaged, ${ended}`);
      if (wrong.length === 0) return;
      console.log(`\nVIOLATION of a line that can ${kind}, seed ${seed} (${ended})`);
      show(wrong);
      const fs = flags.fs.join(",");
      console.log(
        `  Repeat it with: deno task cuts --corrupt ${kind} --seed ${seed} --runs 1 --fs ${fs}`,
      );
    },
  });
  return {
    cuts: runs.filter(({ corrupted }) => corrupted > 0).length,
    notReached: runs.filter(({ corrupted }) => corrupted === 0).length,
    violations: runs.filter(({ wrong }) => wrong.length > 0).length,
  };
}

function show(wrong: readonly string[]): void {
  for (const what of wrong.slice(0, MOST_LINES)) console.log(`  ${what}`);
  const more = wrong.length - MOST_LINES;
  if (more > 0) console.log(`  and ${more} more`);
}

function onProgress({ name, verdict, done, total }: Progress): void {
  if (verdict.wrong.length > 0) {
    console.log(`\nVIOLATION ${name} (seed ${flags.seed})`);
    show(verdict.wrong);
    const from = flags.fromCommit === EARLIER_COMMIT ? "" : ` --from-commit ${flags.fromCommit}`;
    console.log(`  Repeat it with: deno task cuts --only ${name}${from}`);
  } else if (!verdict.reached && flags.only !== undefined) {
    console.log(`${name} was not reached`);
  }
  Deno.stderr.writeSync(new TextEncoder().encode(`\r${done} of ${total} `));
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a number without sign or unit.");
  return Number(text);
}

/** A comma-separated list of some of these. */
function oneOf<Name extends string>(names: readonly Name[]): (text: string) => Name[] {
  return (text) =>
    text.split(",").map((part) => {
      const name = names.find((one) => one === part);
      if (name === undefined) throw new InvalidArgumentError(`Choose from ${names.join(",")}.`);
      return name;
    });
}

function cases(text: string): Case[] {
  return text.split(",").map((name) => {
    const one = parseCase(name);
    if (one === null) throw new InvalidArgumentError("A cut is named like littlefs:power:37.");
    return one;
  });
}
