/** Completions as a person has them: keys at real shells, and the arguments that came of them. */
import { assertEquals, assertIncludes } from "../../assert.ts";
import { makeDesk, Shell } from "./shell.ts";
import { testNeeding } from "../../needs.ts";

/** Keys, with the paths of the desk in capitals, and the arguments that `uota` gets. */
const TYPED: readonly (readonly [keys: string, args: readonly string[]])[] = [
  ["uota upd\t--dr\t", ["update", "--dry-run"]],
  ["uota --js\tstat\t", ["--json", "status"]],
  ["uota update --board gree\t", ["update", "--board", "greenhouse-1"]],
  ["uota check --board group:ho\t", ["check", "--board", "group:houses"]],
  ["uota check --board al\tno\t--js\t", ["check", "--board", "all", "north wing", "--json"]],
  ["uota history --board it\t", ["history", "--board", "it's $5"]],
  ["uota update --archive DIR/fir\t", ["update", "--archive", "DIR/firmware.tar.gz"]],
  ["UOTA_CONFIG= uota --config DIR/gate\tboa\t", ["--config", "DIR/gateway.toml", "boards"]],
  [
    "UOTA_CONFIG= uota --config DIR/gateway.toml check --board gree\t",
    ["--config", "DIR/gateway.toml", "check", "--board", "greenhouse-1"],
  ],
  ["uota help roll\t", ["help", "rollback"]],
];

for (const shell of ["bash", "zsh"] as const) {
  testNeeding([shell, "script"], `uota completions ${shell} completes what is typed`, async (t) => {
    await using desk = await makeDesk();
    await using person = await Shell.open(shell, desk);
    const placed = (text: string) => text.replaceAll("DIR", desk.directory);
    for (const [keys, args] of TYPED) {
      await t.step(JSON.stringify(keys), async () => {
        assertEquals(await person.enter(placed(keys)), args.map(placed));
      });
    }
  });
}

testNeeding(
  ["bash", "script"],
  "uota completions bash completes a flag's value behind an equals sign",
  async () => {
    await using desk = await makeDesk();
    await using person = await Shell.open("bash", desk);
    assertEquals(await person.enter("uota check --board=gree\t"), [
      "check",
      "--board=greenhouse-1",
    ]);
  },
);

testNeeding(["fish"], "uota completions fish completes what is typed", async (t) => {
  await using desk = await makeDesk();
  for (
    const [line, candidates] of [
      ["uota upd", ["update"]],
      ["uota update --dr", ["--dry-run"]],
      ["uota update --board gree", ["greenhouse-1"]],
      ["uota update --board group:", ["group:houses"]],
      ["uota check --board all n", ["north wing"]],
      ["uota check --board=it", ["--board=it's $5"]],
      ["uota check n", []],
      [`uota update --archive ${desk.directory}/fir`, [`${desk.directory}/firmware.tar.gz`]],
      ["uota help roll", ["rollback"]],
    ] as const
  ) {
    await t.step(line, async () => {
      const script = "uota completions fish | source; complete --do-complete $argv[1]";
      const { stdout } = await new Deno.Command("fish", {
        args: ["--no-config", "--command", script, line],
        env: desk.env,
      }).output();
      const lines = new TextDecoder().decode(stdout).split("\n").filter(Boolean);
      assertEquals(lines.map((text) => text.split("\t")[0] ?? ""), [...candidates]);
    });
  }
});

Deno.test("uota completions boards is silent, and leaves no state behind", async () => {
  await using desk = await makeDesk();
  const ask = async (config: string) => {
    const { code, stdout } = await new Deno.Command(`${desk.directory}/uota`, {
      args: ["completions", "boards"],
      env: { ...desk.env, UOTA_CONFIG: config },
    }).output();
    return { code, names: new TextDecoder().decode(stdout) };
  };
  assertEquals(await ask(desk.configFile), {
    code: 0,
    names: "all\ngreenhouse-1\nnorth wing\nit's $5\ngroup:houses\n",
  });
  const left = [...Deno.readDirSync(desk.directory)].map(({ name }) => name).sort();
  assertEquals(left, ["firmware.tar.gz", "gateway.toml", "uota"]);
  assertEquals(await ask("/nonexistent/gateway.toml"), { code: 78, names: "" });
});

Deno.test("uota completions names the shells that it knows", async () => {
  const main = new URL("../../../agent/main.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", main, "completions", "tcsh"],
  }).output();
  assertEquals(code, 2);
  assertIncludes(new TextDecoder().decode(stderr), "Allowed choices are bash, zsh, fish, boards");
});
