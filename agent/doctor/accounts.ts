/** Users, and what the mode of a file lets them do. */

export interface Account {
  readonly name: string;
  readonly uid: number;
  /** The groups that count now: those of the process, where it is the one that runs this. */
  readonly gids: readonly number[];
  /** The groups that count from the next login or restart on. */
  readonly configuredGids: readonly number[];
}

/** The contents of /etc/passwd and /etc/group. */
export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

/** What one may do with a file, as in its mode: read, write, execute or search. */
export const MAY = { read: 4, write: 2, enter: 1 } as const;

/** A user of passwd(5); null where there is none of that name. */
export function accountIn(files: AccountFiles, name: string): Account | null {
  const [, , uid, gid] = linesOf(files.passwd).find(([user]) => user === name) ?? [];
  if (uid === undefined || gid === undefined) return null;
  const gids = groupsOf(files, { name, gid: Number(gid) });
  return { name, uid: Number(uid), gids, configuredGids: gids };
}

/** Who runs this process. */
export async function currentAccount(files: AccountFiles): Promise<Account> {
  const uid = Deno.uid() ?? 0;
  const gid = Deno.gid() ?? 0;
  const [name = String(uid)] = linesOf(files.passwd).find(([, , id]) => id === String(uid)) ?? [];
  const status = await Deno.readTextFile("/proc/self/status");
  const listed = /^Groups:(.*)$/m.exec(status)?.[1]?.trim() ?? "";
  const supplementary = listed === "" ? [] : listed.split(/\s+/).map(Number);
  return {
    name,
    uid,
    gids: [gid, ...supplementary],
    configuredGids: groupsOf(files, { name, gid }),
  };
}

function linesOf(text: string): readonly (readonly string[])[] {
  return text.split("\n").map((line) => line.split(":"));
}

function groupsOf(
  { group }: AccountFiles,
  { name, gid }: { readonly name: string; readonly gid: number },
): readonly number[] {
  const member = linesOf(group).filter(([, , , names]) => names?.split(",").includes(name));
  return [gid, ...member.map(([, , id]) => Number(id))];
}

/** What the permission bits of a file say, and who owns it. */
export interface Permissions {
  readonly mode: number | null;
  readonly uid: number | null;
  readonly gid: number | null;
}

/**
 * Whether the account may do all of `wanted`, a sum of {@linkcode MAY}, by path_resolution(7):
 * exactly one of the three classes counts. Access control lists are not looked at.
 */
export function mayUse(account: Account, file: Permissions, wanted: number): boolean {
  if (account.uid === 0) return true;
  const mode = file.mode ?? 0;
  const has = (bits: number) => (bits & wanted) === wanted;
  if (account.uid === file.uid) return has(mode >> 6);
  if (account.gids.includes(file.gid ?? -1)) return has(mode >> 3);
  return has(mode);
}

/** `0660`, as chmod takes it. */
export function octal(mode: number | null): string {
  return ((mode ?? 0) & 0o7777).toString(8).padStart(4, "0");
}
