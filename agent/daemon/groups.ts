/** Groups of the system, by name and number: what group(5) says. */

const GROUP_FILE = "/etc/group";

/** The number of a group, or of its number in digits; null where there is none of that name. */
export async function groupId(name: string): Promise<number | null> {
  if (/^\d+$/.test(name)) return Number(name);
  return (await groups()).find((group) => group.name === name)?.id ?? null;
}

/** The name of a group; its number where it has none. */
export async function groupName(id: number): Promise<string> {
  return (await groups()).find((group) => group.id === id)?.name ?? String(id);
}

async function groups(): Promise<readonly { readonly name: string; readonly id: number }[]> {
  const text = await Deno.readTextFile(GROUP_FILE);
  return text.split("\n").flatMap((line) => {
    const [name, , id] = line.split(":");
    return name && id ? [{ name, id: Number(id) }] : [];
  });
}
