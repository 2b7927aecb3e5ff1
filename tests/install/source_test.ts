/** When install.sh takes a configuration for one that names no source yet. */
import { assertEquals } from "../assert.ts";
import { CHECKOUT, temporaryDirectory } from "./installer.ts";

const EXAMPLE = 'url = "https://example.com/downloads/"';
const OWN = 'url = "https://releases.example.org/"';

const CONFIGURATIONS: readonly (readonly [configuration: string, namesNone: boolean])[] = [
  [`[source]\n${EXAMPLE}\n`, true],
  [`  [ source ] # ours\n\n  ${EXAMPLE} # to be set\n`, true],
  [`[source]\nurl = 'https://example.com/'\n`, true],
  [`[source]\n${OWN}\n`, false],
  [`[source]\n${OWN}\n# ${EXAMPLE}\n`, false],
  [`[source]\n${OWN}\n[[board]]\nname = "a"\n${EXAMPLE}\n`, false],
  [`[[board]]\n${EXAMPLE}\n[source]\n${OWN}\n`, false],
  [`[[board]]\n${OWN}\n[source]\n${EXAMPLE}\n`, true],
  ["", false],
];

Deno.test("install.sh looks at the url of [source] and at no other", async () => {
  await using directory = await temporaryDirectory();
  const path = `${directory.path}/gateway.toml`;
  for (const [configuration, namesNone] of CONFIGURATIONS) {
    await Deno.writeTextFile(path, configuration);
    const { code } = await new Deno.Command("sh", {
      args: ["-euc", '. "$0/install/system.sh"; config=$1; names_no_source', CHECKOUT, path],
    }).output();
    assertEquals([configuration, code], [configuration, namesNone ? 0 : 1]);
  }
});

Deno.test("install.sh takes the example for a configuration without a source", async () => {
  const { code } = await new Deno.Command("sh", {
    args: [
      "-euc",
      '. "$0/install/system.sh"; config=$0/config/gateway.toml; names_no_source',
      CHECKOUT,
    ],
  }).output();
  assertEquals(code, 0);
});
