/** What `install.sh --destdir` lays out, as packages and the installation in the system do. */
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startProgram } from "../agent/doctor/machine.ts";
import { isMissing, testNeeding } from "../needs.ts";
import { copyCheckout, runInstaller, snapshot, temporaryDirectory } from "./installer.ts";

const OUTSIDE_OF_OPT = [
  "/etc/systemd/system/uota-gateway.service",
  "/etc/sysusers.d/uota-gateway.conf",
  "/etc/udev/rules.d/60-uota-gateway.rules",
  "/etc/uota-gateway/gateway.toml",
  "/usr/local/bin/uota",
  "/usr/local/share/bash-completion/completions/uota",
  "/usr/local/share/fish/vendor_completions.d/uota.fish",
  "/usr/local/share/man/man8/uota.8",
  "/usr/local/share/zsh/site-functions/_uota",
];
/** Nobody's rights, and a network namespace in which nothing is reachable. */
const AS_NOBODY_OFFLINE = ["unshare", "--net", "setpriv", "--reuid=nobody", "--regid=nogroup"]
  .concat("--clear-groups", "env", "--ignore-environment", "--chdir=/", "PATH=/usr/bin:/bin");

testNeeding(
  ["flock", "setsid"],
  "install.sh --destdir lays out, upgrades, repairs and takes away",
  async (t) => {
    await using directory = await temporaryDirectory();
    const root = `${directory.path}/root`;
    const checkout = await copyCheckout(directory.path);
    const install = async (...args: readonly string[]) => {
      const result = await runInstaller([...args, "--destdir", root], { checkout });
      assertEquals(result.code, 0, result.stderr);
    };
    const current = () => Deno.readLink(`${root}/opt/uota-gateway/current`);
    const configuration = `${root}/etc/uota-gateway/gateway.toml`;

    await t.step("it puts every file where it belongs", async () => {
      await install();
      const paths = [...(await snapshot(root)).keys()];
      assertEquals(paths.filter((path) => !path.startsWith("/opt/")).sort(), OUTSIDE_OF_OPT);
      const inOpt = [...await Array.fromAsync(Deno.readDir(`${root}/opt/uota-gateway`))];
      assertEquals(inOpt.map(({ name }) => name).sort(), ["current", "versions"]);
      assertEquals((await Deno.stat(configuration)).mode! & 0o777, 0o640);
      assert(!paths.some((path) => path.endsWith("_test.ts")));
    });

    const runs = "what it installed runs without network, home and rights";
    const ignore = isMissing(["root", "unshare", "setpriv"], runs);
    await t.step({
      name: runs,
      ignore,
      fn: async () => {
        const [command = "", ...args] = [
          ...AS_NOBODY_OFFLINE,
          `${root}/usr/local/bin/uota`,
          "boards",
        ];
        await Deno.writeTextFile(
          `${directory.path}/gateway.toml`,
          '[source]\nurl = "http://localhost/"\n[gateway]\nports = ["/dev/tty-none*"]\n',
        );
        args.push("--json", "--config", `${directory.path}/gateway.toml`);
        const { code, stdout, stderr } = await new Deno.Command(command, { args }).output();
        assertEquals(new TextDecoder().decode(stderr), "");
        assertEquals(JSON.parse(new TextDecoder().decode(stdout)), []);
        assertEquals(code, 0);
      },
    });

    await t.step("again, it changes nothing", async () => {
      const before = await snapshot(root);
      await install("--no-start");
      assertEquals(await snapshot(root), before);
    });

    await t.step("cut in the middle, it leaves the old version whole", async () => {
      await Deno.writeTextFile(`${checkout}/errors/mod.ts`, "// newer\n", { append: true });
      await Deno.writeTextFile(configuration, "# the administrator's\n");
      const before = await current();
      await cutWhileStaging({ checkout, root });
      assertEquals(await current(), before);
      const version = await new Deno.Command(`${root}/usr/local/bin/uota`, { args: ["--version"] })
        .output();
      assert(version.success);
    });

    await t.step("an upgrade replaces the version and keeps the configuration", async () => {
      const before = await current();
      await Deno.writeTextFile(`${checkout}/config/gateway.toml`, "# newer\n", { append: true });
      await install();
      assert(await current() !== before);
      const versions = await Array.fromAsync(Deno.readDir(`${root}/opt/uota-gateway/versions`));
      assertEquals(versions.map(({ name }) => `versions/${name}`), [await current()]);
      assertEquals(await Deno.readTextFile(configuration), "# the administrator's\n");
    });

    await t.step("a version that something runs in stays", async () => {
      const before = await current();
      {
        const script = "console.log('ready'); await Deno.stdin.read(new Uint8Array(1))";
        const deno = `${root}/opt/uota-gateway/current/deno`;
        await using _running = await startProgram(deno, ["eval", script]);
        await Deno.writeTextFile(`${checkout}/config/gateway.toml`, "# newest\n", { append: true });
        await install();
        assert(await current() !== before);
        assert((await Deno.stat(`${root}/opt/uota-gateway/${before}/deno`)).isFile);
      }
    });

    await t.step("what was damaged is repaired, and what nothing runs in goes", async () => {
      const whole = await Deno.readTextFile(`${root}/opt/uota-gateway/current/errors/mod.ts`);
      await Deno.remove(`${root}/opt/uota-gateway/current/errors/mod.ts`);
      await install();
      const repaired = await Deno.readTextFile(`${root}/opt/uota-gateway/current/errors/mod.ts`);
      assertEquals(repaired, whole);
      const versions = await Array.fromAsync(Deno.readDir(`${root}/opt/uota-gateway/versions`));
      assertEquals(versions.map(({ name }) => `versions/${name}`), [await current()]);
    });

    await t.step("a version that does not run is not switched to", async () => {
      const before = await current();
      await Deno.writeTextFile(`${checkout}/agent/main.ts`, 'throw new Error("broken");\n');
      const { code, stderr } = await runInstaller(["--destdir", root], { checkout });
      assertEquals(code, 69);
      assertIncludes(stderr, "the new version does not run");
      assertEquals(await current(), before);
      const versions = await Array.fromAsync(Deno.readDir(`${root}/opt/uota-gateway/versions`));
      assertEquals(versions.length, 1);
    });

    await t.step("--uninstall waits its turn, too", async () => {
      const before = await snapshot(root);
      const { code, stderr } = await runInstaller(["--uninstall", "--destdir", root], {
        through: ["flock", `${root}/opt/uota-gateway`],
      });
      assertEquals(code, 69);
      assertIncludes(stderr, "another install.sh is at work");
      assertEquals(await snapshot(root), before);
    });

    await t.step("--uninstall leaves configuration and state", async () => {
      await Deno.mkdir(`${root}/var/lib/uota-gateway`, { recursive: true });
      await Deno.writeTextFile(`${root}/var/lib/uota-gateway/store.db`, "state");
      await install("--uninstall");
      assertEquals([...(await snapshot(root)).keys()].sort(), [
        "/etc/uota-gateway/gateway.toml",
        "/var/lib/uota-gateway/store.db",
      ]);
    });
  },
);

/** Kills the installer, and all that it started, while the new version is only half there. */
async function cutWhileStaging(where: { readonly checkout: string; readonly root: string }) {
  const versions = `${where.root}/opt/uota-gateway/versions`;
  using watcher = Deno.watchFs(versions, { recursive: true });
  const child = new Deno.Command("setsid", {
    args: [`${where.checkout}/install.sh`, "--destdir", where.root],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).spawn();
  for await (const { paths } of watcher) {
    if (paths.some((path) => path.endsWith("/.staged/deno"))) break;
  }
  Deno.kill(-child.pid, "SIGKILL");
  assertEquals((await child.status).signal, "SIGKILL");
  assert((await Deno.stat(`${versions}/.staged`)).isDirectory);
}
