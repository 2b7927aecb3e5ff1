/**
 * Files that are either wholly there or not there: temporary name, fsync, rename, fsync of the
 * directory. For the cache and for what the gateway keeps of a board.
 */
import { mkdir, open, rename } from "node:fs/promises";
import { dirname } from "node:path";

/** Writes a file so that a power cut leaves the old content or the new, readable by its owner only. */
export async function writeDurably(path: string, content: Uint8Array): Promise<void> {
  const directory = dirname(path);
  await mkdir(directory, { recursive: true, mode: 0o750 });
  const draft = `${path}.${crypto.randomUUID()}.tmp`;
  const file = await open(draft, "wx", 0o640);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  const handle = await open(directory, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
