/**
 * What the gateway keeps of a board whose files are replaced where they are: the way back. On disk,
 * since the agent may be killed while the board is between two releases.
 *
 * INVARIANTS
 * - A backup is only put back on a board that holds what it was taken for: boards without a uid are
 *   told apart by their port alone, and another one may hang there by now.
 * - What is put back is what was read: every content has its hash.
 */
import { readdir, readFile, rm } from "node:fs/promises";
import { z } from "zod";
import { type Board, type PathState, sha256Hex } from "../../serial/mod.ts";
import { UotaError } from "../../errors/mod.ts";
import { writeDurably } from "../durable_file.ts";
import { isFromSystem, unlessFromSystem } from "../system_error.ts";
import type { Inspection } from "./inspect.ts";
import type { Plan } from "./plan.ts";

const entrySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing"), path: z.string() }),
  z.object({ kind: z.literal("directory"), path: z.string() }),
  z.object({
    kind: z.literal("file"),
    path: z.string(),
    content: z.base64(),
    /** The first backups had none. */
    sha256: z.string().optional(),
  }),
]);
const backupSchema = z.object({
  /** Its form; the first backups had none, and one that is unknown is of a later version. */
  form: z.literal(2).optional(),
  /** The release that replaces it. */
  archiveSha256: z.string(),
  version: z.string(),
  /** Parents before their children, `version` last. */
  entries: z.array(entrySchema),
  /** What is put where, by its hash: to know the board again. The first backups had none. */
  puts: z.array(z.object({ path: z.string(), sha256: z.string() })).optional(),
});

/** The state of every path that a plan changes, from before the plan. */
export type Backup = z.output<typeof backupSchema>;

/** Reads from the board everything that carrying out `plan` will replace or remove. */
export async function takeBackup(
  board: Board,
  inspection: Inspection,
  plan: Plan,
  options: {
    readonly release: { readonly sha256: string; readonly version: string };
    readonly signal: AbortSignal;
  },
): Promise<Backup> {
  const entries = new Map<string, Backup["entries"][number]>();
  const keepFile = async (path: string) => {
    const content = await readWhole(board, path, options);
    const sha256 = sha256Hex(content);
    entries.set(path, { kind: "file", path, content: content.toBase64(), sha256 });
  };
  for (const { path } of plan.operations) {
    if (entries.has(path)) continue;
    const kind = inspection.states.get(path)?.kind ?? await kindOf(board, path, options);
    if (kind === "missing") entries.set(path, { kind, path });
    if (kind === "file") await keepFile(path);
    if (kind !== "directory") continue;
    entries.set(path, { kind, path });
    // One that goes since a deletion above it cannot go as a whole was not walked by itself.
    for (const entry of inspection.trees.get(path) ?? await board.files.walk(path, options)) {
      if (entry.kind === "file") await keepFile(entry.path);
      else entries.set(entry.path, { kind: "directory", path: entry.path });
    }
  }
  const { sha256, version } = options.release;
  const all = [...entries.values()];
  return {
    form: 2,
    archiveSha256: sha256,
    version,
    puts: plan.operations.flatMap((operation) =>
      operation.kind === "put" ? [{ path: operation.path, sha256: operation.file.sha256 }] : []
    ),
    entries: [
      ...all.filter((entry) => entry.path !== "version"),
      ...all.filter((entry) => entry.path === "version"),
    ],
  };
}

/** The content, as its hash on the board has it, where the board can compute one. */
async function readWhole(
  board: Board,
  path: string,
  options: { readonly signal: AbortSignal },
): Promise<Uint8Array> {
  const content = await board.files.readFile(path, options);
  if (!board.capabilities.sha256) return content;
  const [state] = await board.files.describe([path], options);
  if (state?.kind === "file" && state.sha256 === sha256Hex(content)) return content;
  throw new UotaError(
    "protocol",
    `${path} on the board on ${board.path} could not be read as it is, so nothing was changed; ` +
      "the line may lose bytes: check the cable and the baud rate",
  );
}

/**
 * How far the installation is that a backup was taken for, by what is on the board: `begun`, `done`,
 * or `another`, where the board is another one, or was changed since by somebody else. In the middle
 * of it, every path has its old or its new content or none, but for one that was just being written.
 */
export async function progressOn(
  board: Board,
  backup: Backup,
  options: { readonly signal: AbortSignal },
): Promise<"begun" | "done" | "another"> {
  const { puts } = backup;
  // The first backups do not tell.
  if (puts === undefined) return "begun";
  const news = new Map(puts.map(({ path, sha256 }) => [path, sha256]));
  const newDirectories = new Set(puts.flatMap(({ path }) => directoriesAbove(path)));
  const paths = backup.entries.map(({ path }) => path);
  const states = await board.files.describe(paths, options);
  const found = backup.entries.map((entry, index) =>
    compared(states[index] ?? { kind: "missing" }, entry, {
      newSha256: news.get(entry.path),
      isNewDirectory: newDirectories.has(entry.path),
    })
  );
  const count = (what: typeof found[number]) => found.filter((one) => one === what).length;
  if (count("strange") > 1 || count("missing") === found.length) return "another";
  const isDone = found.every((one, index) => one === "new" || !news.has(paths[index] ?? ""));
  return isDone ? "done" : "begun";
}

function compared(
  state: PathState,
  entry: Backup["entries"][number],
  { newSha256, isNewDirectory }: {
    readonly newSha256: string | undefined;
    readonly isNewDirectory: boolean;
  },
): "old" | "new" | "missing" | "strange" {
  if (state.kind === "missing") return "missing";
  if (state.kind === "directory") {
    return isNewDirectory ? "new" : entry.kind === "file" ? "strange" : "old";
  }
  if (state.sha256 === newSha256) return "new";
  return entry.kind === "file" && state.sha256 === entry.sha256 ? "old" : "strange";
}

function directoriesAbove(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
}

/** What a plan removes below a directory was seen in that directory's tree, not asked for itself. */
async function kindOf(board: Board, path: string, options: { readonly signal: AbortSignal }) {
  const [state] = await board.files.stat([path], options);
  return state?.kind ?? "missing";
}

/** A backup, and the name under which the shelf has it. */
export interface ShelvedBackup {
  readonly name: string;
  readonly backup: Backup;
}

/** Of boards without a uid that hang on one port in turn. */
const MOST_OF_A_BOARD = 8;
/** Between a key and what tells its backups apart; no encoded key holds it. */
const NTH = "%~";

/** The backups of a gateway, one file each. */
export class BackupShelf {
  readonly #directory: string;
  readonly #failure: (error: unknown) => UotaError;
  /** Names of those that are over, though the disk did not let go of them. */
  readonly #over = new Set<string>();

  /** @param failure says what a failure of the state directory means */
  constructor(stateDir: string, failure: (error: unknown) => UotaError) {
    this.#directory = `${stateDir}/backups`;
    this.#failure = failure;
  }

  /** @throws {UotaError} `state_unavailable`, `config_invalid` where it cannot be kept */
  async save(key: string, backup: Backup): Promise<ShelvedBackup> {
    const text = JSON.stringify(backup);
    const encoded = encodeURIComponent(key);
    const kept = await this.#namesOf(key);
    // The plain name is the one that every version of this program looks for.
    const isFirst = kept.every((name) => this.#over.has(name));
    const content = new TextEncoder().encode(text);
    const name = isFirst
      ? `${encoded}.json`
      : `${encoded}${NTH}${sha256Hex(content).slice(0, 16)}.json`;
    try {
      await writeDurably(`${this.#directory}/${name}`, content);
    } catch (error) {
      throw this.#failure(error);
    }
    this.#over.delete(name);
    for (const old of kept.slice(0, Math.max(0, kept.length + 1 - MOST_OF_A_BOARD))) {
      if (old !== name) await this.remove(old);
    }
    return { name, backup };
  }

  /** Those of a board; without the ones that cannot be read: then the release is the way on. */
  async load(key: string): Promise<readonly ShelvedBackup[]> {
    const found: ShelvedBackup[] = [];
    for (const name of await this.#namesOf(key)) {
      const backup = this.#over.has(name) ? null : await this.#read(name);
      if (backup !== null) found.push({ name, backup });
    }
    return found;
  }

  /** The board needs it no longer. A disk that fails does not change that. */
  async remove(name: string): Promise<void> {
    this.#over.add(name);
    await rm(`${this.#directory}/${name}`, { force: true }).catch(unlessFromSystem);
  }

  async #namesOf(key: string): Promise<readonly string[]> {
    const encoded = encodeURIComponent(key);
    try {
      const names = await readdir(this.#directory);
      return names.filter((name) =>
        name === `${encoded}.json` || name.startsWith(`${encoded}${NTH}`) && name.endsWith(".json")
      ).sort();
    } catch (error) {
      if (isFromSystem(error)) return [];
      throw error;
    }
  }

  async #read(name: string): Promise<Backup | null> {
    try {
      const backup = backupSchema.parse(
        JSON.parse(await readFile(`${this.#directory}/${name}`, "utf8")),
      );
      return backup.entries.every(isWhole) ? backup : null;
    } catch (error) {
      if (error instanceof z.ZodError || error instanceof SyntaxError) return null;
      if (isFromSystem(error)) return null;
      throw error;
    }
  }
}

function isWhole(entry: Backup["entries"][number]): boolean {
  return entry.kind !== "file" || entry.sha256 === undefined ||
    entry.sha256 === sha256Hex(Uint8Array.fromBase64(entry.content));
}
