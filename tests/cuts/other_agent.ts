/** The gateway's code as of another commit, in a directory of its own: for upgrades and downgrades. */

export interface OtherAgent extends AsyncDisposable {
  /** The checkout's root. */
  readonly directory: string;
}

const ROOT = new URL("../../", import.meta.url).pathname;

/** Takes the commit's files out of git; null, with the reason on stderr, where that cannot be done. */
export async function takeOtherAgent(commit: string): Promise<OtherAgent | null> {
  const directory = await Deno.makeTempDir({ prefix: "uota-other-" });
  const remove = () => Deno.remove(directory, { recursive: true });
  const archive = `${directory}/other.tar`;
  const problem = await run("git", ["-C", ROOT, "archive", "--output", archive, commit]) ??
    await run("tar", ["-xf", archive, "-C", directory]);
  if (problem === null) return { directory, [Symbol.asyncDispose]: remove };
  console.error(`Skipped: upgrade and downgrade, since there is no commit ${commit} (${problem})`);
  await remove();
  return null;
}

async function run(program: string, args: readonly string[]): Promise<string | null> {
  try {
    const { success, stderr } = await new Deno.Command(program, { args: [...args] }).output();
    return success ? null : new TextDecoder().decode(stderr).trim();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return `${program} is not installed`;
    throw error;
  }
}
