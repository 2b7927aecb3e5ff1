/**
 * A directory of this machine as the content of a board's flash, and back. Trees are maps from
 * absolute path to content, directories with a `/` behind, as `Flash.snapshot` gives them.
 */

export type FileTree = Map<string, Uint8Array<ArrayBuffer>>;

/** Reads all regular files and directories below `root`; links and devices have no place there. */
export async function readTree(root: string): Promise<FileTree> {
  const tree: FileTree = new Map();
  const walk = async (prefix: string): Promise<void> => {
    for await (const entry of Deno.readDir(root + prefix)) {
      const path = `${prefix}/${entry.name}`;
      if (entry.isDirectory) {
        tree.set(`${path}/`, new Uint8Array());
        await walk(path);
      } else if (entry.isFile) tree.set(path, await Deno.readFile(root + path));
    }
  };
  await walk("");
  return tree;
}

/** Makes the directory equal to the tree; what is equal already is not touched. */
export async function writeTree(root: string, tree: FileTree): Promise<void> {
  await Deno.mkdir(root, { recursive: true });
  const present = await readTree(root);
  for (const path of present.keys()) {
    if (!tree.has(path)) await removeIfThere(root + path);
  }
  for (const [path, content] of tree) {
    if (path.endsWith("/")) await Deno.mkdir(root + path, { recursive: true });
    else if (!equalBytes(present.get(path), content)) await replaceFile(root + path, content);
  }
}

async function replaceFile(path: string, content: Uint8Array): Promise<void> {
  const temporary = `${path}.${crypto.randomUUID()}`;
  await Deno.writeFile(temporary, content);
  await Deno.rename(temporary, path);
}

async function removeIfThere(path: string): Promise<void> {
  try {
    await Deno.remove(path, { recursive: true });
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function equalBytes(left: Uint8Array | undefined, right: Uint8Array): boolean {
  return left !== undefined && left.length === right.length &&
    left.every((byte, index) => byte === right[index]);
}
