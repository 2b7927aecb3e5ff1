/**
 * What must hold between the values of a file. Works on the file as TOML reads it, whatever else
 * is wrong in it, so that a person sees all problems at once; what has the wrong type here is
 * reported by the schema.
 */
import { formatPath, type Problem, valueAt } from "./problems.ts";

/** What contradicts itself in the file. */
export function consistencyProblems(content: unknown): readonly Problem[] {
  const boards = valueAt(content, ["board"]);
  const count = Array.isArray(boards) ? boards.length : 0;
  const indexes = Array.from({ length: count }, (_, index) => index);
  return [
    ...pinWithoutTls(content, indexes),
    ...repeated(content, indexes.map((index) => ["board", index, "name"]), "name"),
    ...["uid", "port", "usb_serial"].flatMap((key) =>
      repeated(content, indexes.map((index) => ["board", index, "match", key]), "match")
    ),
  ];
}

/** A pinned key can only be checked where there is TLS: over http it would silently do nothing. */
function pinWithoutTls(content: unknown, indexes: readonly number[]): readonly Problem[] {
  const pin = valueAt(content, ["source", "pubkey_hash"]);
  if (typeof pin !== "string" || pin === "") return [];
  return [["source", "url"], ...indexes.map((index) => ["board", index, "url"])]
    .filter((path) => /^http:/i.test(String(valueAt(content, path))))
    .map((path) => ({
      path,
      message: "must begin with https:// where source.pubkey_hash is set, http has no key to check",
    }));
}

function repeated(
  content: unknown,
  paths: readonly (readonly (string | number)[])[],
  what: string,
): readonly Problem[] {
  const first = new Map<string, readonly (string | number)[]>();
  const problems: Problem[] = [];
  for (const path of paths) {
    const value = valueAt(content, path);
    if (typeof value !== "string") continue;
    const key = path.at(-1) === "uid" ? value.toLowerCase() : value;
    const earlier = first.get(key);
    if (earlier === undefined) first.set(key, path);
    else problems.push({ path, message: `has the same ${what} as ${formatPath(earlier)}` });
  }
  return problems;
}
