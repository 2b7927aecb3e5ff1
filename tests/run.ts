/**
 * Runs the test suite, `deno task test`, in several processes side by side. A test that counts
 * descriptors or threads must not see those of another: `deno test --parallel`, which has all files
 * in one process, would not do.
 *
 * With arguments it is `deno test -A` with these.
 */
import { dirname, relative } from "node:path/posix";
import { stripVTControlCharacters } from "node:util";

const ROOT = `${import.meta.dirname}/..`;
/** A process costs half a second: not too many. The last one is waited for: none too long. */
const FILES_EACH = 5;
/** Tests wait for boards a good part of their time, so there is work for more than processors. */
const LANES = Math.min(navigator.hardwareConcurrency + 3, 6);
/** Far more than any share takes: one that hangs is ended, and what it had said is shown. */
const SHARE_BOUND_MS = 600_000;
/** The rooms whose tests take longest come first, so that the lanes end together. */
const FIRST = ["system", "update", "daemon", "install", "cuts", "programs", "agent"]
  .concat(
    "agent/completions",
    "agent/daemon",
    "agent/commands",
    "boards",
    "serial",
    "agent/board",
    "agent/doctor",
  );

interface Ended {
  readonly files: readonly string[];
  readonly code: number;
  readonly output: string;
}

/** The files of the suite in the shares of one process each, in the order to run them. */
async function shares(): Promise<readonly (readonly string[])[]> {
  const rank = (file: string) => {
    const index = FIRST.indexOf(relative("tests", dirname(file)));
    return index < 0 ? FIRST.length : index;
  };
  const byRank = Map.groupBy(await testFiles("tests"), rank);
  return [...byRank].sort(([one], [other]) => one - other)
    .flatMap(([, files]) => inParts(files, FILES_EACH));
}

async function testFiles(directory: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${directory}`)) {
    const path = `${directory}/${name}`;
    if (isDirectory) found.push(...await testFiles(path));
    else if (name.endsWith("_test.ts")) found.push(path);
  }
  return found.sort();
}

function inParts<T>(all: readonly T[], size: number): T[][] {
  const count = Math.ceil(all.length / size);
  return Array.from({ length: count }, (_, index) => all.slice(index * size, (index + 1) * size));
}

async function runFiles(files: readonly string[]): Promise<Ended> {
  // The types were checked once for all.
  const command = deno(AbortSignal.timeout(SHARE_BOUND_MS), "test", "-A", "--no-check", ...files);
  const { code, stdout, stderr } = await command.output();
  const decoder = new TextDecoder();
  return { files, code, output: decoder.decode(stdout) + decoder.decode(stderr) };
}

function deno(signal: AbortSignal, ...args: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    signal,
    args: [...args],
    cwd: ROOT,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** Runs all shares, and tells of each when it has ended. */
async function runAll(onEnd: (ended: Ended) => void): Promise<readonly Ended[]> {
  const queue = [...await shares()];
  console.log(
    `${queue.flat().length} files in ${queue.length} processes, ${LANES} side by side; ` +
      "each is heard of when it has ended",
  );
  const all: Ended[] = [];
  const lane = async () => {
    for (let files = queue.shift(); files !== undefined; files = queue.shift()) {
      const ended = await runFiles(files);
      all.push(ended);
      onEnd(ended);
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return all;
}

/** As Deno's own last line: "ok | 12 passed (3 steps) | 0 failed | 1 ignored (2s)". */
function summary(all: readonly Ended[], seconds: number): string {
  const total = (what: string) => all.reduce((sum, ended) => sum + count(ended, what), 0);
  const failed = total("failed") + all.filter(wentDown).length;
  const ok = all.some(isBad) ? "FAILED" : "ok";
  const steps = total("steps?");
  return `${ok} | ${total("passed")} passed (${steps} steps) | ${failed} failed | ` +
    `${total("ignored")} ignored (${Math.floor(seconds / 60)}m${Math.floor(seconds % 60)}s)`;
}

/** What the last line of a share says of this. */
function count(ended: Ended, what: string): number {
  return Number(new RegExp(`(\\d+) ${what}`).exec(lastLine(ended) ?? "")?.[1] ?? 0);
}

function lastLine({ output }: Ended): string | undefined {
  return stripVTControlCharacters(output).split("\n")
    .findLast((line) => /^(ok|FAILED) \| \d+ passed/.test(line));
}

function isBad(ended: Ended): boolean {
  return ended.code !== 0 || lastLine(ended) === undefined;
}

/** Whether the process ended badly and named no failed test. */
function wentDown(ended: Ended): boolean {
  return isBad(ended) && count(ended, "failed") === 0;
}

/** A line for each reason why tests were skipped, with how many; see `needs.ts`. */
function skipped(all: readonly Ended[]): readonly string[] {
  const reasons = all.flatMap(({ output }) =>
    [...stripVTControlCharacters(output).matchAll(/^Skipped, ([^:\n]*): /gm)]
      .map(([, reason = ""]) => reason)
  );
  return [...Map.groupBy(reasons, (reason) => reason)]
    .map(([reason, tests]) => `Skipped, ${reason}: ${tests.length}`);
}

async function main(): Promise<number> {
  if (Deno.args.length > 0) {
    const { code } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", ...Deno.args],
    }).spawn().status;
    return code;
  }
  const started = performance.now();
  const checked = await deno(AbortSignal.timeout(SHARE_BOUND_MS), "check").output();
  if (!checked.success) {
    await Deno.stderr.write(checked.stderr);
    return checked.code;
  }
  const all = await runAll(({ output }) => console.log(output));
  const bad = all.filter(isBad);
  if (bad.length > 0) {
    console.log(`\nFailures are among these: ${bad.flatMap(({ files }) => files).join(" ")}`);
  }
  for (const line of skipped(all)) console.log(line);
  console.log(`\n${summary(all, (performance.now() - started) / 1000)}`);
  return bad.length === 0 ? 0 : 1;
}

if (import.meta.main) Deno.exit(await main());
