/**
 * Control groups for one nspawn machine on a host that systemd does not manage, as in a build
 * container: nspawn then has nobody to ask for a scope, and two machines in the same group would
 * take each other's processes for their own.
 *
 * INVARIANTS
 * - Only groups with this machine's name are made, used and removed.
 */

const MOUNT = "/sys/fs/cgroup";

/**
 * Where groups can be made: the unified hierarchy, alone or beside the old ones, and then systemd's
 * own old one, which nspawn uses too.
 */
const HIERARCHIES = [MOUNT, `${MOUNT}/unified`, `${MOUNT}/systemd`];

/** The groups of one machine. */
export class MachineCgroups {
  readonly #directories: readonly string[];

  private constructor(directories: readonly string[]) {
    this.#directories = directories;
  }

  /** @throws {Error} where the host has no unified hierarchy */
  static async make(name: string): Promise<MachineCgroups> {
    const found: string[] = [];
    for (const hierarchy of HIERARCHIES) {
      if (await exists(`${hierarchy}/cgroup.procs`)) found.push(hierarchy);
    }
    if (!(await Promise.all(found.map(isUnified))).includes(true)) {
      throw new Error(`There is no unified control group hierarchy below ${MOUNT}`);
    }
    const directories = found.map((hierarchy) => `${hierarchy}/${name}`);
    for (const directory of directories) await Deno.mkdir(directory);
    return new MachineCgroups(directories);
  }

  /** The files that a process writes its number into in order to join. */
  get membership(): readonly string[] {
    return this.#directories.map((directory) => `${directory}/cgroup.procs`);
  }

  /** Kills whatever is left in the groups. */
  async kill(): Promise<void> {
    for (const directory of this.#directories) {
      const switchFile = `${directory}/cgroup.kill`;
      if (await exists(switchFile)) await Deno.writeTextFile(switchFile, "1", { create: false });
    }
  }

  /** Removes the groups, which must be empty. */
  async remove(): Promise<void> {
    for (const directory of this.#directories) await removeGroup(directory);
  }
}

function isUnified(hierarchy: string): Promise<boolean> {
  return exists(`${hierarchy}/cgroup.controllers`);
}

/** A group's files cannot be unlinked, they go with it. */
async function removeGroup(directory: string): Promise<void> {
  for await (const entry of Deno.readDir(directory)) {
    if (entry.isDirectory) await removeGroup(`${directory}/${entry.name}`);
  }
  await Deno.remove(directory);
}

async function exists(path: string): Promise<boolean> {
  try {
    await Deno.stat(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
