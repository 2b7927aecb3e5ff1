/**
 * What the gateway keeps of a board whose files are replaced where they are: the way back. On disk,
 * since the agent may be killed while the board is between two releases.
 */
import { readFile, rm } from "node:fs/promises";
import { z } from "zod";
import type { Board } from "../../serial/mod.ts";
import type { UotaError } from "../../errors/mod.ts";
import { writeDurably } from "../durable_file.ts";
import { isFromSystem, unlessFromSystem } from "../system_error.ts";
import type { Inspection } from "./inspect.ts";
import type { Plan } from "./plan.ts";

const entrySchema = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("missing"), path: z.string() }),
  z.object({ kind: z.literal("directory"), path: z.string() }),
  z.object({ kind: z.literal("file"), path: z.string(), content: z.base64() }),
]);
const backupSchema = z.object({
  /** The release that replaces it. */
  archiveSha256: z.string(),
  version: z.string(),
  /** Parents before their children, `version` last. */
  entries: z.array(entrySchema),
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
    const content = await board.files.readFile(path, options);
    entries.set(path, { kind: "file", path, content: content.toBase64() });
  };
  for (const { path } of plan.operations) {
    if (entries.has(path)) continue;
    const kind = inspection.states.get(path)?.kind ?? await kindOf(board, path, options);
    if (kind === "missing") entries.set(path, { kind, path });
    if (kind === "file") await keepFile(path);
    if (kind !== "directory") continue;
    entries.set(path, { kind, path });
    for (const entry of inspection.trees.get(path) ?? []) {
      if (entry.kind === "file") await keepFile(entry.path);
      else entries.set(entry.path, { kind: "directory", path: entry.path });
    }
  }
  const { sha256, version } = options.release;
  const all = [...entries.values()];
  return {
    archiveSha256: sha256,
    version,
    entries: [
      ...all.filter((entry) => entry.path !== "version"),
      ...all.filter((entry) => entry.path === "version"),
    ],
  };
}

/** What a plan removes below a directory was seen in that directory's tree, not asked for itself. */
async function kindOf(board: Board, path: string, options: { readonly signal: AbortSignal }) {
  const [state] = await board.files.stat([path], options);
  return state?.kind ?? "missing";
}

/** The backups of a gateway, one file a board at most. */
export class BackupShelf {
  readonly #directory: string;
  readonly #failure: (error: unknown) => UotaError;
  /** Keys of those that are over, though the disk did not let go of them. */
  readonly #over = new Set<string>();

  /** @param failure says what a failure of the state directory means */
  constructor(stateDir: string, failure: (error: unknown) => UotaError) {
    this.#directory = `${stateDir}/backups`;
    this.#failure = failure;
  }

  /** @throws {UotaError} `state_unavailable`, `config_invalid` where it cannot be kept */
  async save(key: string, backup: Backup): Promise<void> {
    try {
      await writeDurably(this.#path(key), new TextEncoder().encode(JSON.stringify(backup)));
    } catch (error) {
      throw this.#failure(error);
    }
    this.#over.delete(key);
  }

  /** Null where there is none, and where it cannot be read: then the release itself is the way on. */
  async load(key: string): Promise<Backup | null> {
    if (this.#over.has(key)) return null;
    try {
      return backupSchema.parse(JSON.parse(await readFile(this.#path(key), "utf8")));
    } catch (error) {
      if (error instanceof z.ZodError || error instanceof SyntaxError) return null;
      if (isFromSystem(error)) return null;
      throw error;
    }
  }

  /** The board needs it no longer. A disk that fails does not change that. */
  async remove(key: string): Promise<void> {
    this.#over.add(key);
    await rm(this.#path(key), { force: true }).catch(unlessFromSystem);
  }

  #path(key: string): string {
    return `${this.#directory}/${encodeURIComponent(key)}.json`;
  }
}
