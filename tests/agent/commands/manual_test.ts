/** The manual page, as mandoc(1) reads it. */
import { assert, assertEquals, assertIncludes } from "../../assert.ts";
import { testNeeding } from "../../needs.ts";

const MAIN = new URL("../../../agent/main.ts", import.meta.url).pathname;
const decoder = new TextDecoder();

async function uota(...args: readonly string[]): Promise<string> {
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  return decoder.decode(stdout);
}

testNeeding(
  ["mandoc"],
  "uota manual prints a page in which mandoc finds nothing wrong",
  async () => {
    const file = await Deno.makeTempFile({ suffix: ".8" });
    try {
      await Deno.writeTextFile(file, await uota("manual"));
      const lint = await new Deno.Command("mandoc", { args: ["-Tlint", file] }).output();
      // A date would have to be changed with every change of a flag.
      const complaints = decoder.decode(lint.stdout).trim().split("\n")
        .filter((line) => !line.includes("missing date"));
      assertEquals(complaints, []);
      const page = await new Deno.Command("mandoc", { args: ["-Tutf8", file] }).output();
      // Bold is a letter, a backspace and the letter again.
      const text = decoder.decode(page.stdout).replaceAll(/.[\b]/g, "");
      assertIncludes(text, "uota - install firmware releases on MicroPython boards");
      assertIncludes(text, "--no-version-check");
      assertIncludes(text, "/etc/uota-gateway/gateway.toml");
      assertIncludes(text, "244c8c0ccc3242289c09fcea2aff961c");
    } finally {
      await Deno.remove(file);
    }
  },
);

Deno.test("uota manual has every command and flag of --help", async () => {
  const page = (await uota("manual")).replaceAll("\\-", "-");
  const help = await uota("--help");
  const commands = [...help.matchAll(/^ {2}([a-z]+) .*/gm)].map(([, name = ""]) => name)
    .filter((name) => name !== "uota");
  assert(commands.length > 5, help);
  for (const command of commands) {
    assertIncludes(page, `.SS "${command}`);
    if (command === "help") continue;
    for (const [flag] of (await uota(command, "--help")).matchAll(/^ {2}--[a-z-]+/gm)) {
      assertIncludes(page, flag.trim());
    }
  }
});
