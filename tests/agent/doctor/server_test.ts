/** What the doctor says of servers: real ones, and those that are not there. */
import { checkServers } from "../../../agent/doctor/check_server.ts";
import { assertEquals, assertIncludes } from "../../assert.ts";
import { startNginx } from "../../server/nginx.ts";
import { makeGateway } from "../../update/gateway.ts";
import { testNeeding } from "../../needs.ts";

const { signal } = new AbortController();
const NO_ENVIRONMENT = { get: () => undefined };

async function checkServer(url: string, source = "") {
  await using gateway = await makeGateway({ url, ports: ["/nonexistent/tty*"], source });
  const [check, ...more] = await checkServers(gateway.config, {
    signal,
    configPath: "/etc/g.toml",
    env: NO_ENVIRONMENT,
  });
  assertEquals(more, []);
  return { state: check?.state, message: check?.message ?? "", mend: check?.mend };
}

Deno.test("checkServers() tells a name that nobody knows from a server that is down", async () => {
  const unknown = await checkServer("http://uota.invalid/");
  assertIncludes(unknown.message, "uota.invalid could not be resolved");
  assertEquals(unknown.mend, "getent hosts uota.invalid");
  const refused = await checkServer("http://127.0.0.1:9/fw/?sig=hunter2");
  assertIncludes(refused.message, "refused the connection");
  assertEquals(refused.mend, "curl --verbose --output - http://127.0.0.1:9/fw/latest");
});

testNeeding(["nginx"], "checkServers() looks at certificate, pin and notice", async () => {
  await using nginx = await startNginx();
  const { host } = new URL(nginx.tlsUrl);
  const stranger = await checkServer(nginx.tlsUrl);
  assertEquals(stranger.mend, `openssl s_client -connect ${host} -servername localhost`);
  const other = await checkServer(
    nginx.tlsUrl,
    `ca_file = "${nginx.caFile}"\npubkey_hash = "${"0".repeat(64)}"`,
  );
  assertIncludes(other.message, "is not the pinned one");
  assertEquals(other.mend, "sudoedit /etc/g.toml");
  await nginx.publish({ latest: "<html>Welcome</html>" });
  const page = await checkServer(nginx.url);
  assertEquals(page.state, "problem");
  assertEquals(page.mend, `curl --verbose --output - ${nginx.url}latest`);
});

testNeeding(
  ["nginx"],
  "checkServers() thinks of the clock for an old certificate",
  async () => {
    await using nginx = await startNginx({ certificate: { days: -1 } });
    const late = await checkServer(nginx.tlsUrl, `ca_file = "${nginx.caFile}"`);
    assertIncludes(late.message, "has expired");
    assertEquals(late.mend, "sudo timedatectl set-ntp true");
  },
);

testNeeding(["nginx"], "checkServers() asks every source of the boards, once", async () => {
  await using nginx = await startNginx();
  await nginx.publish({
    "latest": `1.0.0;a.tar.gz;0;${"0".repeat(64)}\n`,
    "b/latest": `2.0.0;b.tar.gz;0;${"0".repeat(64)}\n`,
  });
  const entry = (name: string) =>
    `[[board]]\nname = "${name}"\nmatch = { uid = "${name}" }\nurl = "${nginx.url}b"\n`;
  await using gateway = await makeGateway({
    url: nginx.url,
    ports: ["/nonexistent/tty*"],
    boards: entry("e1") + entry("e2"),
  });
  const checks = await checkServers(gateway.config, {
    signal,
    configPath: gateway.configFile,
    env: NO_ENVIRONMENT,
  });
  assertEquals(checks.map(({ message }) => message), [
    `${nginx.url} offers 1.0.0 (a.tar.gz)`,
    `${nginx.url}b/ offers 2.0.0 (b.tar.gz)`,
  ]);
});
