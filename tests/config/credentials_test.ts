/** Credentials of systemd: files in a directory that the environment names. */
import { loadConfig, resolveCredentials } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertRejects } from "../assert.ts";

const HEADERS = `headers = { Authorization = { credential = "token", prefix = "Bearer " }, ` +
  `X-Key = { credential = "key" }, Plain = "as it is" }`;

/** Resolves the headers of a file, with these credentials in their directory. */
async function headersWith(
  credentials: Readonly<Record<string, string | Uint8Array>>,
  { set = true } = {},
): Promise<Readonly<Record<string, string>>> {
  const directory = await Deno.makeTempDir({ prefix: "uota-credentials-" });
  try {
    const path = `${directory}/gateway.toml`;
    await Deno.writeTextFile(path, `[source]\nurl = "https://example.com/"\n${HEADERS}\n`);
    const handedOver = `${directory}/credentials`;
    await Deno.mkdir(handedOver);
    for (const [name, secret] of Object.entries(credentials)) {
      const bytes = typeof secret === "string" ? new TextEncoder().encode(secret) : secret;
      await Deno.writeFile(`${handedOver}/${name}`, bytes);
    }
    const env = { get: () => set ? handedOver : undefined };
    const config = await loadConfig(path, { env: { get: () => undefined }, uid: 0 });
    assert(!JSON.stringify(config).includes("hunter2"), "read before it was needed");
    return (await resolveCredentials(config, env)).source.headers;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function complaint(...args: Parameters<typeof headersWith>): Promise<string> {
  const error = await assertRejects(() => headersWith(...args), UotaError);
  assertEquals(error.code, "config_invalid");
  assert(!error.message.includes("hunter2"), "a secret is shown");
  return error.message;
}

Deno.test("resolveCredentials() puts secrets in, without the line break at the end", async () => {
  assertEquals(await headersWith({ token: "hunter2\n", key: "hunter2 \r\n" }), {
    "Authorization": "Bearer hunter2",
    "X-Key": "hunter2 ",
    "Plain": "as it is",
  });
});

Deno.test("resolveCredentials() says which key lacks its credential, and what to do", async () => {
  const missing = await complaint({ token: "hunter2" });
  assertIncludes(missing, "source.headers.X-Key: the credential key cannot be read");
  assertIncludes(missing, "LoadCredential=key:/etc/uota-gateway/key.secret");
  const byHand = await complaint({ token: "hunter2", key: "hunter2" }, { set: false });
  assertIncludes(byHand, "source.headers.Authorization: the credential token cannot be read");
  assertIncludes(byHand, "CREDENTIALS_DIRECTORY");
});

Deno.test("resolveCredentials() refuses what is no header's value, and keeps it secret", async () => {
  const key = "hunter2";
  assertIncludes(await complaint({ token: "hunter2\n\n", key }), "token must not hold line breaks");
  assertIncludes(await complaint({ token: "hunter2…", key }), "token must not hold characters");
  assertIncludes(await complaint({ token: "\n", key }), "token is empty");
  assertIncludes(
    await complaint({ token: new Uint8Array([0x68, 0xff, 0xfe]), key }),
    "token must not hold characters",
  );
});
