/** What install.sh refuses, before it writes anything. */
import { assertEquals, assertIncludes } from "../assert.ts";
import { CHECKOUT, runInstaller, temporaryDirectory } from "./installer.ts";
import { testNeeding } from "../needs.ts";

const WRONG: readonly (readonly [args: readonly string[], message: string])[] = [
  [["--destdir"], "--destdir needs a directory"],
  [["--destdir="], "--destdir needs a directory"],
  [["--destdir", ""], "--destdir needs a directory"],
  [["--destdir", "/"], "leave --destdir out"],
  [["--no-start", "--uninstall"], "exclude each other"],
  [["--no-start", "boards"], "unknown argument boards"],
  [["--nostart"], "unknown argument --nostart"],
];

Deno.test("install.sh refuses wrong usage with 2", async () => {
  for (const [args, message] of WRONG) {
    const { code, stderr } = await runInstaller(args);
    assertEquals([args, code], [args, 2]);
    assertIncludes(stderr, message);
  }
});

testNeeding(
  ["root", "setpriv", "unshare"],
  "install.sh asks for root where it needs it",
  async () => {
    await using directory = await temporaryDirectory();
    for (const path of ["install.sh", "install"]) {
      await new Deno.Command("cp", { args: ["-R", `${CHECKOUT}/${path}`, directory.path] })
        .output();
    }
    const { code, stderr } = await runInstaller([], {
      checkout: directory.path,
      through: ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"],
    });
    assertEquals(code, 77);
    assertIncludes(stderr, "sudo ./install.sh");
  },
);

testNeeding(
  ["root", "setpriv", "unshare"],
  "install.sh says what to do where there is no systemd",
  async () => {
    const { code, stderr } = await runInstaller([], {
      through: ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs none /run && exec "$@"', "sh"],
    });
    assertEquals(code, 69);
    assertIncludes(stderr, "systemd does not run this machine");
  },
);
