/** Headers whose value is a credential of systemd, with the program that is handed it. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { answerWith, type FaultyServer, startFaultyServer } from "../server/faulty.ts";
import { type Gateway, makeGateway } from "./gateway.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;
const NOTICE = `1.0.0;firmware.tar.gz;0;${"0".repeat(64)}\n`;

/** Serves a notice and no archive: the headers that come are what counts. */
function startServer(): FaultyServer {
  return startFaultyServer((request, connection) =>
    answerWith(
      request.includes("/latest")
        ? `HTTP/1.1 200 OK\r\nContent-Length: ${NOTICE.length}\r\n\r\n${NOTICE}`
        : "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
    )(request, connection)
  );
}

async function makeGatewayAt({ url }: FaultyServer): Promise<Gateway> {
  const gateway = await makeGateway({ url, ports: ["/nonexistent/tty*"] });
  const text = await Deno.readTextFile(gateway.configFile);
  const header = 'headers = { Authorization = { credential = "token", prefix = "Bearer " } }';
  await Deno.writeTextFile(gateway.configFile, text.replace("[gateway]", `${header}\n[gateway]`));
  await Deno.writeTextFile(`${gateway.directory}/token`, "hunter2\n");
  return gateway;
}

function command({ configFile }: Gateway, args: readonly string[], directory: string) {
  return new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", MAIN, "--config", configFile, ...args],
    env: { NO_COLOR: "1", CREDENTIALS_DIRECTORY: directory },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

async function run(gateway: Gateway, args: readonly string[], directory: string) {
  const { code, stdout, stderr } = await command(gateway, args, directory).output();
  const text = new TextDecoder();
  const said = text.decode(stdout) + text.decode(stderr);
  assert(!said.includes("hunter2"), "a secret is shown");
  return { code, said };
}

/** Whether all requests so far came with the secret; there must be one. */
function came(server: FaultyServer): boolean {
  return server.requests.length > 0 &&
    server.requests.every((request) => /^authorization: Bearer hunter2\r$/im.test(request));
}

Deno.test("uota check sends a credential, and says what to do without it", async () => {
  await using server = startServer();
  await using gateway = await makeGatewayAt(server);
  await run(gateway, ["check"], gateway.directory);
  assert(came(server), server.requests.join());
  const { code, said } = await run(gateway, ["check"], "");
  assertEquals(code, 78);
  assertIncludes(said, "source.headers.Authorization: the credential token cannot be read");
});

Deno.test("uota status, boards and doctor need no credential", async () => {
  await using server = startServer();
  await using gateway = await makeGatewayAt(server);
  assertEquals((await run(gateway, ["status"], "")).code, 0);
  assertEquals((await run(gateway, ["boards"], "")).code, 0);
  const byHand = await run(gateway, ["doctor"], "");
  assertIncludes(byHand.said, "warning  server         Not checked: source.headers.Authorization");
  assertIncludes(
    byHand.said,
    "sudo env CREDENTIALS_DIRECTORY=/run/credentials/uota-gateway.service uota doctor",
  );
  assertEquals(server.requests.length, 0);
  await run(gateway, ["doctor"], gateway.directory);
  assert(came(server), server.requests.join());
});

Deno.test("uota daemon sends a credential, and reads it anew on SIGHUP", async () => {
  await using server = startServer();
  await using gateway = await makeGatewayAt(server);
  const daemon = command(gateway, ["daemon"], gateway.directory).spawn();
  const lines = daemon.stderr.pipeThrough(new TextDecoderStream());
  let said = "";
  const bound = AbortSignal.timeout(30_000);
  const giveUp = () => daemon.kill("SIGKILL");
  bound.addEventListener("abort", giveUp);
  try {
    const reader = lines.getReader();
    const until = async (what: string) => {
      while (!said.includes(what)) {
        const { value, done } = await reader.read();
        assert(!done, `The daemon ended before ${what}:\n${said}`);
        said += value;
      }
    };
    await until("firmware.tar.gz");
    assert(came(server), server.requests.join());
    await Deno.remove(`${gateway.directory}/token`);
    daemon.kill("SIGHUP");
    await until("The configuration is not used");
    await until("LoadCredential=token:");
    await Deno.writeTextFile(`${gateway.directory}/token`, "hunter3\n");
    daemon.kill("SIGHUP");
    await until("was read anew");
    const isNew = () => /^authorization: Bearer hunter3\r$/im.test(server.requests.at(-1) ?? "");
    while (!isNew()) {
      bound.throwIfAborted();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    assert(!/hunter[23]/.test(said), "a secret is shown");
    reader.releaseLock();
  } finally {
    bound.removeEventListener("abort", giveUp);
    if (!bound.aborted) daemon.kill("SIGTERM");
    await Promise.all([lines.cancel(), daemon.stdout.cancel(), daemon.status]);
  }
});
