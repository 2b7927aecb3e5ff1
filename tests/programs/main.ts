/**
 * `deno task programs`: tries programs that people write and that hurt, on boards of both kinds of
 * ports, from their base to the last roll-back. Its last line is `N programs, N violations`; it exits
 * with 1 where there is a violation, and where nothing was tried.
 */
import { Command, InvalidArgumentError } from "commander";
import { sideBySide } from "../../agent/fleet/side_by_side.ts";
import { Random } from "../cuts/random.ts";
import { aloneNames, pairNames, programOf } from "./choose.ts";
import type { Program } from "./program.ts";
import { tryProgram } from "./trial.ts";

interface Flags {
  readonly sample?: number;
  readonly pairs: number;
  readonly seed: number;
  readonly jobs: number;
  readonly only?: readonly string[];
}

/** Most of a trial is watching and waiting. */
const JOBS = 4;
const PAIRS = 40;

const flags = new Command("programs")
  .description("Tries programs that hurt, and counts boards that they keep from their releases")
  .option("--sample <n>", "so many of all, drawn at random", wholeNumber)
  .option("--pairs <n>", "how many pairs of boot.py and main.py", wholeNumber, PAIRS)
  .option("--seed <n>", "which pairs, and which ports", wholeNumber, 1)
  .option("--jobs <n>", "boards at once", wholeNumber, JOBS)
  .option("--only <names>", "just these, as a violation names them", (text) => text.split(","))
  .parse()
  .opts<Flags>();

const begun = performance.now();
const programs = chosen(flags);
let done = 0;
let violations = 0;
await sideBySide(programs, flags.jobs, async (program) => {
  const wrong = await tryProgram(program);
  done++;
  if (wrong.length > 0) {
    violations++;
    console.log(`\nVIOLATION ${program.name}`);
    for (const what of wrong) console.log(`  ${what.replaceAll("\n", "\n    ")}`);
    console.log(`  Repeat it with: deno task programs --only ${program.name}`);
  }
  Deno.stderr.writeSync(new TextEncoder().encode(`\r${done} of ${programs.length} `));
});
console.error(`\r${((performance.now() - begun) / 1000).toFixed(0)} s        `);
console.log(`${programs.length} programs, ${violations} violations`);
Deno.exit(violations === 0 && programs.length > 0 ? 0 : 1);

function chosen({ only, pairs, seed, sample }: Flags): readonly Program[] {
  const all = only ?? [...aloneNames(seed), ...pairNames(pairs, seed)];
  const names = sample === undefined ? all : new Random(seed).sample(all, sample);
  return names.map((name) => {
    const program = programOf(name);
    if (program === null) throw new InvalidArgumentError(`There is no program ${name}`);
    return program;
  });
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new InvalidArgumentError("It is a number without sign or unit.");
  return Number(text);
}
