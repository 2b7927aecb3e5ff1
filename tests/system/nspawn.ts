/**
 * A machine with a real systemd as its first process, for tests of what systemd does with the
 * gateway: systemd-nspawn boots the host's own /usr with a fresh /etc. Takes some two seconds.
 *
 * INVARIANTS
 * - Nothing of the host is written but the machine's own temporary directory and control groups:
 *   /usr is read-only, and what the machine writes to /usr/local or to the npm libraries in the cache of Deno goes with it.
 * - The machine shares the host's network, so it reaches the release servers of the tests, and has no
 *   right to change it.
 * - Disposing of it ends all its processes, also where it no longer shuts down by itself.
 */
import { MachineCgroups } from "./cgroups.ts";
import { layMachineRoot, READY_LINE } from "./machine_root.ts";
import { Transcript, within } from "./transcript.ts";

const NSPAWN = "systemd-nspawn";
const LOOK_AGAIN_MS = 300;
const BOOT_MS = 60_000;
const SHUTDOWN_MS = 60_000;
/** Where the machine sees the host's pseudo-terminals, which emulated boards hang on. */
const HOST_TERMINALS = "/dev/host-pts";
/** The number of Debian's static group `dialout` (base-passwd). */
const DIALOUT_GID = 20;

/** How a command in the machine ended. */
export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What {@linkcode Machine.start} takes. */
export interface MachineOptions {
  /** Directories of the host to be seen in the machine, read-only: path there by path here. */
  readonly directories?: Readonly<Record<string, string>>;
}

/** A running machine. */
export class Machine implements AsyncDisposable {
  /** The machine's root directory as the host sees it: without what is mounted there. */
  readonly root: string;
  readonly #parts: MachineParts;
  readonly #leader: number;
  #stopping: Promise<void> | null = null;

  private constructor(parts: MachineParts, leader: number) {
    this.root = parts.root;
    this.#parts = parts;
    this.#leader = leader;
  }

  /** Boots a machine and waits until all of it is up. */
  static async start(options: MachineOptions = {}): Promise<Machine> {
    const parts = await spawnMachine(options);
    try {
      await parts.console.until(READY_LINE, BOOT_MS);
      return new Machine(parts, await leaderOf(parts.process.pid));
    } catch (error) {
      await discard(parts);
      throw new Error(`The machine did not boot. Its console:\n${parts.console.text}`, {
        cause: error,
      });
    }
  }

  /** Runs a command as root in the machine, outside of any unit, and waits for its end. */
  async run(command: readonly string[]): Promise<CommandResult> {
    const { code, stdout, stderr } = await this.#command(command).output();
    const decoder = new TextDecoder();
    return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
  }

  /**
   * Waits until a unit has written what matches to the journal since the machine booted.
   *
   * @throws {Error} if that does not come within the time
   */
  async journalShows(unit: string, pattern: RegExp, timeoutMs = 60_000): Promise<void> {
    const until = performance.now() + timeoutMs;
    // Asked again and again: `--follow` was seen to miss the last entry of a quiet journal.
    const command = ["journalctl", "--output=cat", `--unit=${unit}`];
    while (true) {
      const { stdout } = await this.run(command);
      if (pattern.test(stdout)) return;
      if (performance.now() > until) {
        throw new Error(`${unit} did not write ${pattern}, but:\n${stdout}`);
      }
      // Each look costs more than all that the daemon does meanwhile.
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    }
  }

  /**
   * For `publish` of an emulated board whose link lies in the machine's root: each of its
   * pseudo-terminals becomes a port that `dialout` may use.
   */
  static async publish(terminal: string): Promise<string> {
    await Deno.chown(terminal, 0, DIALOUT_GID);
    await Deno.chmod(terminal, 0o660);
    return terminal.replace(/^\/dev\/pts/, HOST_TERMINALS);
  }

  /**
   * Plugs in an emulated board: its pseudo-terminal becomes a port that `dialout` may use.
   *
   * @param terminal the host's path, `/dev/pts/N` or a link to it
   */
  async plug(terminal: string, name: string): Promise<void> {
    const target = await Machine.publish(await Deno.realPath(terminal));
    await this.#mustRun(["ln", "-s", target, `/dev/${name}`]);
  }

  /** Takes a port away, as when its cable is pulled out; the board goes on. */
  async unplug(name: string): Promise<void> {
    await this.#mustRun(["rm", `/dev/${name}`]);
  }

  /** Shuts the machine down and removes it. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #stop(): Promise<void> {
    await this.run(["systemctl", "--no-block", "poweroff"]);
    await within(SHUTDOWN_MS, this.#parts.process.status).catch(() => {});
    await discard(this.#parts);
  }

  async #mustRun(command: readonly string[]): Promise<void> {
    const { code, stderr } = await this.run(command);
    if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${stderr}`);
  }

  #command(command: readonly string[]): Deno.Command {
    return new Deno.Command("nsenter", {
      args: [`--target=${this.#leader}`, "--all", "--", "env", "--chdir=/"].concat(command),
      clearEnv: true,
      env: {
        PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin",
        HOME: "/root",
        LANG: "C.UTF-8",
        NO_COLOR: "1",
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    });
  }
}

interface MachineParts {
  readonly directory: string;
  readonly root: string;
  readonly name: string;
  readonly process: Deno.ChildProcess;
  readonly console: Transcript;
  readonly cgroups: MachineCgroups | null;
}

async function spawnMachine(options: MachineOptions): Promise<MachineParts> {
  const directory = await Deno.makeTempDir({ prefix: "uota-machine-" });
  const name = directory.slice(directory.lastIndexOf("/") + 1);
  const root = `${directory}/root`;
  await layMachineRoot(root);
  const managed = await Deno.stat("/run/systemd/system").then(() => true, () => false);
  const cgroups = managed ? null : await MachineCgroups.make(name);
  const process = new Deno.Command("/bin/sh", {
    args: ["-c", `for file in $GROUPS_TO_JOIN; do echo $$ >"$file"; done; exec "$@"`, "sh"]
      .concat(NSPAWN, nspawnArguments({ root, name, managed, options })),
    // Only the unified hierarchy lets a container hold its units to their DeviceAllow.
    env: {
      SYSTEMD_NSPAWN_UNIFIED_HIERARCHY: "1",
      GROUPS_TO_JOIN: cgroups?.membership.join(" ") ?? "",
    },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const console = new Transcript(process.stdout, process.stderr);
  return { directory, root, name, process, console, cgroups };
}

interface NspawnRequest {
  readonly root: string;
  readonly name: string;
  readonly managed: boolean;
  readonly options: MachineOptions;
}

function nspawnArguments({ root, name, managed, options }: NspawnRequest): string[] {
  const cache = Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache/deno`;
  return [
    "--boot",
    `--directory=${root}`,
    `--machine=${name}`,
    "--register=no",
    ...(managed ? [] : ["--keep-unit"]),
    "--console=read-only",
    "--link-journal=no",
    "--resolv-conf=off",
    "--timezone=off",
    // For DeviceAllow, which is a BPF program.
    "--capability=CAP_BPF,CAP_PERFMON",
    "--system-call-filter=bpf",
    "--bind-ro=/usr",
    "--bind-ro=/etc/alternatives",
    "--overlay=/usr/local::/usr/local",
    `--overlay=${cache}/npm::/root/.cache/deno/npm`,
    `--bind=/dev/pts:${HOST_TERMINALS}`,
    ...Object.entries(options.directories ?? {}).map(([there, here]) =>
      `--bind-ro=${here}:${there}`
    ),
  ];
}

/** Ends what still runs and removes all traces. */
async function discard({ process, console, cgroups, directory, name }: MachineParts) {
  await cgroups?.kill();
  try {
    process.kill("SIGKILL");
  } catch (error) {
    // It has ended by itself.
    if (!(error instanceof TypeError)) throw error;
  }
  await Promise.all([process.status, console.ended]);
  await cgroups?.remove();
  await Deno.remove(directory, { recursive: true });
  // A directory that nspawn shares with the machine and leaves behind.
  await Deno.remove(`/run/systemd/nspawn/propagate/${name}`, { recursive: true }).catch(() => {});
}

/** The machine's first process: the child that nspawn waits for. */
async function leaderOf(nspawn: number): Promise<number> {
  const children = (await Deno.readTextFile(`/proc/${nspawn}/task/${nspawn}/children`)).trim();
  if (!/^\d+$/.test(children)) throw new Error(`nspawn has not one child but: ${children}`);
  return Number(children);
}
