/**
 * What tests need that not every machine has: one table, and one way of asking. A test whose needs
 * are not met is skipped aloud; in CI, which has everything, it fails instead.
 *
 * INVARIANTS
 * - Programs are looked for on PATH, and run by their names, so that `deno task hidden` can hide them.
 * - Only programs of POSIX and coreutils (`sh`, `cp`, `stat`, `chown`, …), `mount`, and Deno itself
 *   may be run without asking; `needs_test.ts` holds that for those in the table.
 */

import { MICROBIT_FIRMWARE } from "./boards/microbit_firmware.ts";

/** Each program that a test may need, with how to see that it works, and the package that brings it. */
export const PROGRAMS = {
  "bash": { probe: ["--version"], from: "bash" },
  "curl": { probe: ["--version"], from: "curl" },
  "dbus-daemon": { probe: ["--version"], from: "dbus" },
  "fish": { probe: ["--version"], from: "fish" },
  "flock": { probe: ["--version"], from: "util-linux" },
  "git": { probe: ["--version"], from: "git" },
  "gzip": { probe: ["--version"], from: "gzip" },
  "ip": { probe: ["-Version"], from: "iproute2" },
  "man": { probe: ["--version"], from: "man-db" },
  // It knows no flag that does nothing.
  "mandoc": { probe: null, from: "mandoc" },
  "minisign": { probe: ["-v"], from: "minisign" },
  // .ci/install_mpremote installs it on any Debian.
  "mpremote": { probe: ["version"], from: "micropython-mpremote" },
  "nginx": { probe: ["-v"], from: "nginx" },
  "nsenter": { probe: ["--version"], from: "util-linux" },
  "openssl": { probe: ["version"], from: "openssl" },
  // A shim of it may be there, and nothing behind it.
  "python3": { probe: ["--version"], from: "python3" },
  "qemu-system-arm": { probe: ["--version"], from: "qemu-system-arm" },
  "script": { probe: ["--version"], from: "bsdutils" },
  "setpriv": { probe: ["--version"], from: "util-linux" },
  "setsid": { probe: ["--version"], from: "util-linux" },
  "shellcheck": { probe: ["--version"], from: "shellcheck" },
  "strace": { probe: ["--version"], from: "strace" },
  "sudo": { probe: ["--version"], from: "sudo" },
  "systemctl": { probe: ["--version"], from: "systemd" },
  "systemd-analyze": { probe: ["--version"], from: "systemd" },
  "systemd-nspawn": { probe: ["--version"], from: "systemd-container" },
  "tar": { probe: ["--version"], from: "tar" },
  "udevadm": { probe: ["--version"], from: "udev" },
  "umockdev-run": { probe: ["--version"], from: "umockdev" },
  // As root in a container that may not, it is of no use.
  "unshare": { probe: ["--mount", "--net", "true"], from: "util-linux" },
  "zsh": { probe: ["--version"], from: "zsh" },
} as const satisfies Readonly<
  Record<string, { readonly probe: readonly string[] | null; readonly from: string }>
>;

export type Program = keyof typeof PROGRAMS;

export type Need = Program | "root" | "micro:bit" | "machine";

/** What stands behind a need, besides the program of that name. */
const BEHIND: Partial<Record<Need, readonly Need[]>> = {
  // Each server of the tests has a certificate.
  "nginx": ["openssl"],
  "micro:bit": ["qemu-system-arm"],
  "machine": [
    "root",
    "unshare",
    "setpriv",
    "nsenter",
    "systemd-nspawn",
    "systemctl",
    "dbus-daemon",
  ],
};

/** Needs that are more than a program. */
const OTHERS: Readonly<Record<Exclude<Need, Program>, () => string | null>> = {
  "root": () => Deno.uid() === 0 ? null : "only root can do it",
  "micro:bit": () => whyNoFile(MICROBIT_FIRMWARE, "firmware-microbit-micropython"),
  "machine": whyNoMachine,
};

/** Registers a test. */
export function testNeeding(
  needs: readonly Need[],
  name: string,
  fn: (t: Deno.TestContext) => void | Promise<void>,
): void {
  Deno.test({ name, ignore: isMissing(needs, name), fn });
}

/**
 * Whether any of the needs is not met, for `ignore`; says so aloud.
 *
 * @param what the test
 * @throws {Error} in CI, which has everything
 */
export function isMissing(needs: readonly Need[], what: string): boolean {
  const missing = whyMissing(needs);
  if (missing === null) return false;
  if (Deno.env.has("CI")) throw new Error(`CI is to have everything, but ${missing}: ${what}`);
  console.warn(`Skipped, ${missing}: ${what}`);
  return true;
}

/** The first need that is not met, in words; null where all are. */
export function whyMissing(needs: readonly Need[]): string | null {
  for (const need of needs) {
    const why = whyNot(need);
    if (why !== null) return why;
  }
  return null;
}

/** The needs that are not met without the program. */
export function needsOf(program: Program): readonly Need[] {
  const composed = [...Object.keys(PROGRAMS), ...Object.keys(OTHERS)].filter(isNeed);
  return composed.filter((need) => need === program || BEHIND[need]?.includes(program));
}

function isNeed(name: string): name is Need {
  return name in PROGRAMS || name in OTHERS;
}

function whyNot(need: Need): string | null {
  return whyMissing(BEHIND[need] ?? []) ?? (isProgram(need) ? whyNoProgram(need) : OTHERS[need]());
}

function isProgram(need: Need): need is Program {
  return need in PROGRAMS;
}

function whyNoProgram(program: Program): string | null {
  const { probe, from } = PROGRAMS[program];
  if (!isOnPath(program)) return `${program} is not installed (package ${from})`;
  return probe === null || works(program, probe) ? null : `${program} does not work here`;
}

function works(program: Program, probe: readonly string[]): boolean {
  const { success } = new Deno.Command(program, {
    args: [...probe],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).outputSync();
  return success;
}

function isOnPath(program: string): boolean {
  const directories = (Deno.env.get("PATH") ?? "").split(":");
  return directories.some((directory) => isExecutable(`${directory}/${program}`));
}

function isExecutable(path: string): boolean {
  try {
    const { isFile, mode } = Deno.statSync(path);
    return isFile && ((mode ?? 0) & 0o111) !== 0;
  } catch {
    return false;
  }
}

/** What a test machine is made of, beside the programs that it is started with. */
const MACHINE_FILES = [
  ["/usr/lib/systemd/systemd", "systemd"],
  ["/usr/share/base-passwd/passwd.master", "base-passwd"],
  ["/usr/share/base-passwd/group.master", "base-passwd"],
] as const;

function whyNoMachine(): string | null {
  for (const [path, from] of MACHINE_FILES) {
    const missing = whyNoFile(path, from);
    if (missing !== null) return missing;
  }
  const hierarchies = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"];
  if (hierarchies.some((mount) => exists(`${mount}/cgroup.controllers`))) return null;
  return "there is no unified control group hierarchy";
}

function whyNoFile(path: string, from: string): string | null {
  return exists(path) ? null : `${path} is missing (package ${from})`;
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch {
    return false;
  }
}
