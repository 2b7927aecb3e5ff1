/**
 * Shows that the suite passes, and skips aloud, on machines that lack a program: `deno task hidden`.
 * Runs tests once for each program of `needs.ts`, with a PATH on which that one alone is missing.
 *
 *     deno task hidden [--program NAME…] [FILE…]
 *
 * Without files it takes those that name the program, or a need that it is behind.
 */
import { join } from "node:path/posix";
import { needsOf, type Program, PROGRAMS } from "./needs.ts";

const ROOT = join(import.meta.dirname ?? ".", "..");
/** Far more than any of it takes. */
const BOUND_MS = 900_000;

async function main(args: readonly string[]): Promise<number> {
  const { programs, files } = parse(args);
  const sources = await readSources();
  const failed: string[] = [];
  for (const program of programs) {
    const tests = files.length > 0 ? files : testsThatName(program, sources);
    if (tests.length === 0) {
      console.log(`${program}: no test names it`);
      continue;
    }
    const { code, output } = await runWithout(program, tests);
    const skipped = new Set(output.match(/^Skipped, .*$/gm) ?? []);
    console.log(
      `${program}: ${tests.length} files, ${code === 0 ? "ok" : "FAILED"}, ` +
        `${skipped.size} skipped`,
    );
    if (code === 0) continue;
    failed.push(program);
    console.log(output);
  }
  if (failed.length > 0) console.log(`\nFailed without ${failed.join(", ")}`);
  return failed.length === 0 ? 0 : 1;
}

function parse(args: readonly string[]) {
  const programs: Program[] = [];
  const files: string[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg !== "--program") {
      files.push(arg);
      continue;
    }
    const name = args[++index] ?? "";
    if (!isProgram(name)) throw new Error(`There is no program ${name} in tests/needs.ts`);
    programs.push(name);
  }
  return {
    programs: programs.length > 0 ? programs : Object.keys(PROGRAMS).filter(isProgram),
    files,
  };
}

function isProgram(name: string): name is Program {
  return name in PROGRAMS;
}

/** Text of each source of the tests, by path from the root. */
async function readSources(): Promise<ReadonlyMap<string, string>> {
  const sources = new Map<string, string>();
  const visit = async (directory: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}/${directory}`)) {
      const path = `${directory}/${name}`;
      if (isDirectory) await visit(path);
      else if (name.endsWith(".ts")) {
        sources.set(path, await Deno.readTextFile(`${ROOT}/${path}`));
      }
    }
  };
  await visit("tests");
  return sources;
}

/** A test names what it needs itself, also where a helper runs it: `needs_test.ts` holds that. */
function testsThatName(program: Program, sources: ReadonlyMap<string, string>): readonly string[] {
  const name = new RegExp(`"(${needsOf(program).join("|")})"`);
  return [...sources].filter(([path, text]) => path.endsWith("_test.ts") && name.test(text))
    .map(([path]) => path)
    // It hides programs itself.
    .filter((path) => path !== "tests/needs_test.ts")
    .sort();
}

async function runWithout(program: Program, tests: readonly string[]) {
  const directory = await Deno.makeTempDir({ prefix: "uota-path-" });
  try {
    await linkAllBut(program, directory);
    // CI skips nothing; here it is to be seen that the rest passes.
    const { CI: _, ...env } = Deno.env.toObject();
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["test", "-A", "--no-check", ...tests],
      cwd: ROOT,
      clearEnv: true,
      env: { ...env, PATH: directory, NO_COLOR: "1" },
      stdin: "null",
      signal: AbortSignal.timeout(BOUND_MS),
    }).output();
    const decoder = new TextDecoder();
    return { code, output: decoder.decode(stdout) + decoder.decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** The first of each name counts, as on PATH. */
async function linkAllBut(program: Program, directory: string): Promise<void> {
  const seen = new Set<string>([program]);
  for (const from of (Deno.env.get("PATH") ?? "").split(":")) {
    let entries: Deno.DirEntry[];
    try {
      entries = await Array.fromAsync(Deno.readDir(from));
    } catch (error) {
      if (error instanceof Deno.errors.NotFound) continue;
      throw error;
    }
    for (const { name, isDirectory } of entries) {
      if (isDirectory || seen.has(name)) continue;
      seen.add(name);
      await Deno.symlink(`${from}/${name}`, `${directory}/${name}`);
    }
  }
}

if (import.meta.main) Deno.exit(await main(Deno.args));
