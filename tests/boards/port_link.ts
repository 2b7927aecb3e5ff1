/**
 * The stable name of a board's port: a symlink to whatever pty it has at the moment, exchanged
 * atomically, as udev does under `/dev/serial/by-id`.
 */

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

/** Takes the link away, unless somebody else has pointed it elsewhere or removed it. */
export async function removeLink(link: string, target: string): Promise<void> {
  try {
    if (await Deno.readLink(link) === target) await Deno.remove(link);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}
