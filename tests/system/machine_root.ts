/**
 * The root directory of a test machine: the host's own /usr, a fresh /etc and nothing else, so that
 * no image has to be fetched and nothing of the host's configuration gets in.
 */

/** Printed on the console when everything that boots is up. */
export const READY_LINE = "The test machine has booted";

/** systemd counts a boot with a known machine as not the first one, and then asks nothing. */
const MACHINE_ID = "6e5a0c5f3b4d4b1f9f0e7a1c2d3b4a59";

const READY_UNIT = `[Unit]
Description=Tells the test that the machine has booted
DefaultDependencies=no
After=multi-user.target

[Service]
Type=oneshot
ExecStart=/bin/echo ${READY_LINE}
StandardOutput=tty
TTYPath=/dev/console
`;

const DIRECTORIES = ["etc/systemd/system/multi-user.target.wants"]
  .concat(
    "usr",
    "var",
    "opt",
    "root/.cache/deno/npm",
    "home",
    "srv",
    "mnt",
    "run",
    "tmp",
    "proc",
    "sys",
    "dev",
  );

/** Debian's static users and groups, `dialout` among them; the rest comes from systemd-sysusers. */
const COPIES: readonly (readonly [from: string, to: string])[] = [
  ["/usr/share/base-passwd/passwd.master", "etc/passwd"],
  ["/usr/share/base-passwd/group.master", "etc/group"],
  ["/usr/lib/os-release", "etc/os-release"],
];

/** Makes the directory's content. */
export async function layMachineRoot(root: string): Promise<void> {
  for (const directory of DIRECTORIES) {
    await Deno.mkdir(`${root}/${directory}`, { recursive: true });
  }
  for (const name of ["bin", "sbin", "lib", "lib64"]) {
    await Deno.symlink(`usr/${name}`, `${root}/${name}`);
  }
  for (const [from, to] of COPIES) await Deno.copyFile(from, `${root}/${to}`);
  await Deno.writeTextFile(`${root}/etc/machine-id`, `${MACHINE_ID}\n`);
  await Deno.writeTextFile(`${root}/etc/hosts`, "127.0.0.1 localhost\n");
  const units = `${root}/etc/systemd/system`;
  await Deno.writeTextFile(`${units}/machine-ready.service`, READY_UNIT);
  await Deno.symlink(
    "../machine-ready.service",
    `${units}/multi-user.target.wants/machine-ready.service`,
  );
  await Deno.symlink("/usr/lib/systemd/system/multi-user.target", `${units}/default.target`);
}
