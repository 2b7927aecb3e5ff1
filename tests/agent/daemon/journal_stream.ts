/** What systemd sets for a service whose stderr it connected to the journal: as coreutils see it. */
export async function journalStream(): Promise<string> {
  const { stdout } = await new Deno.Command("stat", {
    args: ["--dereference", "--format=%d:%i", `/proc/${Deno.pid}/fd/2`],
  }).output();
  return new TextDecoder().decode(stdout).trim();
}
