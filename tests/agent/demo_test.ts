/** The demonstration as `./install.sh --try` runs it. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { testNeeding } from "../needs.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;

function demo(...flags: readonly string[]): Deno.Command {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "demo", ...flags],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

/** The temporary directory that the demonstration names in its first line. */
function directoryIn(told: string): string {
  return /\/\S*uota-demo-\w+/.exec(told)?.[0] ?? "";
}

async function assertGone(path: string): Promise<void> {
  assert(path !== "", "no directory was named");
  const found = await Deno.lstat(path).then(() => true, () => false);
  assert(!found, `${path} is still there`);
}

testNeeding(
  ["tar", "gzip"],
  "uota demo updates an emulated board and leaves nothing behind",
  async () => {
    const { code, stdout, stderr } = await demo().output();
    const out = new TextDecoder().decode(stdout);
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    assertIncludes(out, "MicroPython with firmware 1.0.0 on ");
    assertIncludes(out, "Release 1.1.0: firmware.tar.gz");
    assertIncludes(out, "1 board: 1 updated");
    assertIncludes(out, "firmware 1.0.0 before, 1.1.0 now");
    await assertGone(directoryIn(out));
  },
);

testNeeding(
  ["tar", "gzip"],
  "uota demo with json prints one document, and tells the rest on stderr",
  async () => {
    const { code, stdout, stderr } = await demo("--json").output();
    assertEquals(code, 0);
    const { release, boards } = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(release.version, "1.1.0");
    assertEquals(boards.map(({ outcome }: { outcome: string }) => outcome), ["updated"]);
    assertIncludes(new TextDecoder().decode(stderr), "1.1.0 now");
  },
);

for (const [signal, exit] of [["SIGINT", 130], ["SIGTERM", 143]] as const) {
  testNeeding(
    ["tar", "gzip"],
    `uota demo stopped by ${signal} cleans up and exits with ${exit}`,
    async () => {
      const child = demo().spawn();
      const rest = child.stderr.text();
      let out = "";
      for await (const text of child.stdout.pipeThrough(new TextDecoderStream())) {
        const before = out;
        out += text;
        if (!before.includes("served at") && out.includes("served at")) child.kill(signal);
      }
      assertEquals((await child.status).code, exit, await rest);
      assertIncludes(await rest, "uota: stopping; ");
      await assertGone(directoryIn(out));
    },
  );
}
