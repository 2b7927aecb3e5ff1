/** The one way of asking for what a machine may lack, and that nobody goes around it. */
import { assert, assertEquals, assertIncludes, assertThrows } from "./assert.ts";
import { type Need, PROGRAMS, whyMissing } from "./needs.ts";

const ROOT = new URL("..", import.meta.url).pathname;

/**
 * What runs a program for a test, where that is not the test itself: the test has to ask for the
 * needs of what it uses.
 */
const RUNNERS: readonly {
  /** The file that runs it. */
  readonly file: string;
  /** How tests use it. */
  readonly use: RegExp;
  readonly needs: readonly Need[];
}[] = [
  { file: "tests/server/nginx.ts", use: /\bstart(Nginx|OneBoard)\(/, needs: ["nginx"] },
  { file: "tests/server/certificates.ts", use: /\bmakeAuthority\(/, needs: ["openssl"] },
  { file: "tests/boards/microbit.ts", use: /\bstartMicrobit\(/, needs: ["micro:bit"] },
  {
    file: "tests/boards/mpremote.ts",
    use: /\b(MPREMOTE|mpremoteCommand|readBack)\b/,
    needs: ["mpremote"],
  },
  { file: "tests/system/nspawn.ts", use: /\bMachine\.start\(/, needs: ["machine"] },
  { file: "tests/update/firmware.ts", use: /\bpackedByTar\(/, needs: ["tar", "gzip"] },
  { file: "tests/update/person.ts", use: /\bnew Person\(/, needs: ["setsid"] },
  { file: "tests/agent/completions/shell.ts", use: /\bShell\.open\(/, needs: ["script"] },
  {
    file: "tests/agent/daemon/datagram_receiver.ts",
    use: /\bDatagramReceiver\.bind\(/,
    needs: ["python3"],
  },
];

/** Helpers that ask by what they export, since what they run depends on the user. */
const ASKING_BY_EXPORT = ["tests/serial/as_nobody.ts"];
/** Those that run nothing: the table, the one that hides, and this. */
const NO_RUNNERS = ["tests/needs.ts", "tests/needs_test.ts", "tests/hidden.ts"];

/** Strings that begin with a program's name as a command, or run it from a shell's script. */
function programsRunIn(source: string): readonly string[] {
  // What doctor says that a person can type is run by nobody.
  const text = source.split("\n").filter((line) => !/\bmend\b/.test(line)).join("\n");
  return Object.keys(PROGRAMS).filter((program) =>
    new RegExp(`\\bCommand\\(\\s*"${program}"|\\bstartProgram\\(\\s*"${program}"`).test(text) ||
    new RegExp(`(\\[|through: \\[|concat\\()\\s*"${program}"`).test(text) ||
    new RegExp(`["'\`](exec |[^"'\`\\n]*[;&|] *(exec )?)?${program} -`).test(text)
  );
}

/** The needs that a test file asks for, whatever its test; as a text, since some are computed. */
function askedFor(text: string): string {
  return [...text.matchAll(/\b(?:testNeeding|isMissing)\(\s*(\[[^\]]*\]|\w+)/g)]
    .map(([, needs = ""]) => needs).join(" ");
}

async function sources(): Promise<ReadonlyMap<string, string>> {
  const found = new Map<string, string>();
  const visit = async (directory: string) => {
    for await (const { name, isDirectory } of Deno.readDir(`${ROOT}${directory}`)) {
      const path = `${directory}/${name}`;
      if (isDirectory) await visit(path);
      else if (name.endsWith(".ts")) found.set(path, await Deno.readTextFile(`${ROOT}${path}`));
    }
  };
  await visit("tests");
  for (const path of NO_RUNNERS) found.delete(path);
  return found;
}

/** What runs a program in a test machine needs the machine, which says what it has. */
function runsInMachine(text: string): boolean {
  return /\bMachine\.start\(/.test(text);
}

function unasked(path: string, text: string): readonly string[] {
  const asked = askedFor(text);
  const asks = (need: Need) => asked.includes(`"${need}"`);
  const uses = RUNNERS.filter(({ use }) => use.test(text)).flatMap(({ needs }) => needs);
  const runs = runsInMachine(text) ? [] : programsRunIn(text);
  // The names of programs are needs.
  return [...uses, ...runs as readonly Need[]].filter((need) => !asks(need))
    .map((need) => `${path} needs ${need} and does not ask for it`);
}

Deno.test("every test asks for the programs that it runs", async () => {
  const all = await sources();
  const tests = [...all].filter(([path]) => path.endsWith("_test.ts"));
  assert(tests.length > 50, `${tests.length} tests were looked at`);
  assertEquals(tests.flatMap(([path, text]) => unasked(path, text)), []);
});

Deno.test("every helper that runs a program is known, so that its users are held to ask", async () => {
  const known = new Set([...RUNNERS.map(({ file }) => file), ...ASKING_BY_EXPORT]);
  const all = await sources();
  const helpers = [...all].filter(([path]) => !path.endsWith("_test.ts"));
  const unknown = helpers.filter(([path, text]) =>
    !known.has(path) && programsRunIn(text).length > 0
  );
  assertEquals(unknown.map(([path, text]) => `${path} runs ${programsRunIn(text)}`), []);
  assertEquals([...known].filter((path) => !all.has(path)), []);
});

Deno.test("no test is skipped but by what it needs", async () => {
  const all = await sources();
  const silent = [...all].filter(([, text]) => {
    const asked = new Set([...text.matchAll(/const (\w+) = isMissing\(/g)].map(([, name]) => name));
    return [...text.matchAll(/\bignore: (\w+)/g)]
      .some(([, what = ""]) => what !== "isMissing" && !asked.has(what));
  });
  assertEquals(silent.map(([path]) => path), []);
});

Deno.test("unasked() finds what is run without being asked for", () => {
  const asking = (needs: string) => `testNeeding([${needs}], "x", async () => {`;
  for (
    const [text, found] of [
      ['new Deno.Command("openssl", { args: [] })', "openssl"],
      ['await startProgram("flock", [])', "flock"],
      ['through: ["unshare", "--mount"]', "unshare"],
      ['args: ["-c", "cd x; tar -czf a.tgz *"]', "tar"],
      ['args: ["-c", "tar -czf a.tgz *"]', "tar"],
      ["await using server = await startNginx();", "nginx"],
      [`${asking('"python3"')} new Deno.Command("zsh", {})`, "zsh"],
    ] as const
  ) {
    assertEquals(unasked("a_test.ts", text), [`a_test.ts needs ${found} and does not ask for it`]);
    assertEquals(unasked("a_test.ts", `${asking(`"${found}"`)}${text.replace(/^.*\{ /, "")}`), []);
  }
});

Deno.test("whyMissing() says which program is not there, and which package brings it", () => {
  withPath("/nonexistent", () => {
    assertEquals(whyMissing(["zsh"]), "zsh is not installed (package zsh)");
    assertIncludes(whyMissing(["micro:bit"]) ?? "", "qemu-system-arm is not installed");
  });
  assertEquals(whyMissing([]), null);
});

Deno.test("whyMissing() does not take a program for there that does not work", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/python3`, "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    withPath(directory, () => {
      assertEquals(whyMissing(["python3"]), "python3 does not work here");
    });
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

/** Tests of a file run one after the other, so the process's own PATH can be another for a while. */
function withPath(path: string, run: () => void): void {
  const before = Deno.env.get("PATH") ?? "";
  Deno.env.set("PATH", path);
  try {
    run();
  } finally {
    Deno.env.set("PATH", before);
  }
}

Deno.test("isMissing() throws in CI, which is to have everything", async () => {
  const { isMissing } = await import("./needs.ts");
  const before = Deno.env.get("CI");
  Deno.env.set("CI", "true");
  try {
    withPath("/nonexistent", () => {
      const { message } = assertThrows(() => isMissing(["zsh"], "a test"), Error);
      assertEquals(
        message,
        "CI is to have everything, but zsh is not installed (package zsh): a test",
      );
    });
  } finally {
    if (before === undefined) Deno.env.delete("CI");
    else Deno.env.set("CI", before);
  }
});
