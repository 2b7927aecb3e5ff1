/** The program as a person runs it: a process, its streams and its exit code. */
import { assertEquals, assertIncludes } from "../../assert.ts";

const MAIN = new URL("../../../agent/main.ts", import.meta.url).pathname;

async function uota(args: readonly string[], env: Record<string, string> = {}) {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    env: { NO_COLOR: "1", UOTA_CONFIG: "/nonexistent/gateway.toml", ...env },
    stdin: "null",
  }).output();
  const decoder = new TextDecoder();
  return { code, out: decoder.decode(stdout), err: decoder.decode(stderr) };
}

const NO_FILE =
  "uota: Cannot read /nonexistent/gateway.toml: there is no such file, start from config/gateway.toml or name another with --config\n";

/** Arguments, the exit code, and all that stands on stderr. */
const MISTAKES: readonly (readonly [string, number, string])[] = [
  ["", 2, "uota: Which command? See uota --help\n"],
  ["updtae --board all", 2, "uota: unknown command 'updtae', did you mean update?\n"],
  ["update", 2, "uota: update needs --board SELECTOR, for every board --board all\n"],
  ["update --bord all", 2, "uota: unknown option '--bord', did you mean --board?\n"],
  ["update --board", 2, "uota: option '--board <selector...>' argument missing\n"],
  [
    "update all",
    2,
    "uota: too many arguments for 'update'. Expected 0 arguments but got 1: all, select boards with --board\n",
  ],
  ...["0", "257", "1.5", "x", ""].map((jobs) =>
    [
      `update --board all --jobs=${jobs}`,
      2,
      `uota: option '--jobs <n>' argument '${jobs}' is invalid. It must be a whole number from 1 to 256\n`,
    ] as const
  ),
  ["boards --quiet --verbose", 2, "uota: --quiet and --verbose exclude each other\n"],
  ...["release x"].map((
    command,
  ) =>
    [
      command,
      2,
      `uota: This version of uota has no ${command.split(" ")[0]} command, see uota --help\n`,
    ] as const
  ),
  ["update --board all", 78, NO_FILE],
  ["check", 78, NO_FILE],
  ["boards", 78, NO_FILE],
  ["daemon", 78, NO_FILE],
];

for (const [args, code, err] of MISTAKES) {
  Deno.test(`uota ${args} exits with ${code}`, async () => {
    assertEquals(await uota(args.split(" ").filter(Boolean)), { code, out: "", err });
  });
}

Deno.test("uota takes the global flags before and after the command", async () => {
  const path = "/nonexistent/other.toml";
  for (
    const args of [["--config", path, "--json", "check"], ["check", "--json", "--config", path]]
  ) {
    const { code, out } = await uota(args);
    assertEquals(code, 78);
    const { error } = JSON.parse(out);
    assertEquals(error.code, "config_invalid");
    assertIncludes(error.message, path);
  }
});

Deno.test("uota --help shows examples and exit codes for every command", async () => {
  const pages = await Promise.all(
    [["--help"], ["update", "--help"], ["check", "--help"], ["boards", "--help"], [
      "demo",
      "--help",
    ], ["help", "update"]].map((args) => uota(args)),
  );
  for (const { code, out, err } of pages) {
    assertEquals({ code, err }, { code: 0, err: "" });
    assertIncludes(out, "Usage: uota");
    assertIncludes(out, "Examples:");
  }
  assertIncludes(pages[0]?.out ?? "", "77  release refused");
});

Deno.test("uota --version prints the version", async () => {
  const { code, out } = await uota(["--version"]);
  assertEquals(code, 0);
  assertEquals(/^\d+\.\d+\.\d+\n$/.test(out), true, out);
});
