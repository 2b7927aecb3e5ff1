/**
 * The stable name of a board's port: a symlink to whatever pty it has at the moment, exchanged
 * atomically, as udev does under `/dev/serial/by-id`.
 */

import { dirname } from "node:path";

/** Points `link` at `target`, replacing a link that is there. */
export async function pointLink(link: string, target: string): Promise<void> {
  const temporary = `${link}.${crypto.randomUUID()}`;
  await Deno.symlink(target, temporary);
  try {
    await Deno.rename(temporary, link);
  } catch (error) {
    await Deno.remove(temporary);
    throw error;
  }
}

/**
 * Waits until something is where the link belongs: a board that resets comes back.
 *
 * @throws the signal's reason when nothing comes
 */
export async function untilLinked(
  link: string,
  { signal }: { readonly signal: AbortSignal },
): Promise<void> {
  using watcher = Deno.watchFs(dirname(link));
  const isThere = () => Deno.stat(link).then(() => true, () => false);
  const close = () => watcher.close();
  signal.addEventListener("abort", close);
  try {
    if (await isThere()) return;
    for await (const _ of watcher) if (await isThere()) return;
    signal.throwIfAborted();
  } finally {
    signal.removeEventListener("abort", close);
  }
}

/** Takes the link away, unless somebody else has pointed it elsewhere or removed it. */
export async function removeLink(link: string, target: string): Promise<void> {
  try {
    if (await Deno.readLink(link) === target) await Deno.remove(link);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
