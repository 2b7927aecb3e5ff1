/**
 * Reading what a plan needs from a board. Two looks: `glance` costs little and decides whether there
 * is anything to do; `inspect` asks for every path that the release touches.
 */
import { messageOf, UotaError } from "../../errors/mod.ts";
import type { Board, PathKind, PathState, Space, TreeEntry } from "../../serial/mod.ts";
import { deletionPath, parseUotaConfig, type Release, type UotaConfig } from "../release/mod.ts";
import { LONGEST_VERSION_BYTES } from "../release/mod.ts";
import {
  HEADER_BYTES,
  type JournalHeader,
  parseJournalHeader,
  type TransactionState,
} from "./journal.ts";
import { hasProgram } from "./program.ts";
import { directoriesAbove, outermostOf, PathSet } from "./path_set.ts";
import { COMMITTED, DAMAGED, JOURNAL, ROLLBACK, TRANSACTION_DIRECTORY } from "./paths_on_board.ts";

export interface Glance {
  /** The stripped content of `version`; null where there is none, or nothing in it. */
  readonly version: string | null;
  /** Whether the board has something to lose that no `version` tells of; true where there is one. */
  readonly hasProgram: boolean;
  /** Where an earlier visit left the transaction; null where there is none open. */
  readonly transaction: OpenTransaction | null;
  /** Whether the files may be of two releases, since a journal was damaged: see `DAMAGED`. */
  readonly needsRepair: boolean;
  /** Whether anything is where the transaction's directory belongs. */
  readonly leftOvers: boolean;
  readonly space: Space | null;
}

/** An open transaction: to be carried forward, in place and unconfirmed, or to be carried backward. */
export interface OpenTransaction {
  readonly state: TransactionState;
  /** Null where the first line of its file is none of ours. */
  readonly header: JournalHeader | null;
}

/** What one visit reads from a board. Paths are relative to the board's root. */
export interface Inspection extends Glance {
  /** Paths that stay as they are: the gateway's list and the board's own `uota.cfg`. */
  readonly excluded: readonly string[];
  /** Paths to delete, normalised: the release's list and the gateway's. */
  readonly deletions: readonly string[];
  /** What is at each path of the release, at each of its directories, at each deletion. */
  readonly states: ReadonlyMap<string, PathState>;
  /** What is below the directories that the plan may have to move away. */
  readonly trees: ReadonlyMap<string, readonly TreeEntry[]>;
}

interface Asking {
  readonly signal: AbortSignal;
}

/** A quick look: which version runs, and whether an earlier transaction is still open. */
export async function glance(board: Board, options: Asking): Promise<Glance> {
  const paths = ["version"];
  if (board.capabilities.directories) {
    paths.push(ROLLBACK, JOURNAL, COMMITTED, DAMAGED, TRANSACTION_DIRECTORY);
  }
  const [version, rollback, journal, committed, damaged, directory] = await board.files.stat(
    paths,
    options,
  );
  const versionText = version?.kind === "file" && version.sizeBytes <= LONGEST_VERSION_BYTES
    ? new TextDecoder().decode(await board.files.readFile("version", options)).trim()
    : "";
  return {
    version: versionText === "" ? null : versionText,
    hasProgram: version?.kind === "file" || await hasProgram(board, options),
    transaction: await openTransaction(board, { rollback, journal, committed }, options),
    needsRepair: damaged?.kind === "file",
    leftOvers: directory !== undefined && directory.kind !== "missing",
    space: await board.files.space(options),
  };
}

async function openTransaction(
  board: Board,
  files: Readonly<Record<OpenTransaction["state"], PathKind | undefined>>,
  options: Asking,
): Promise<OpenTransaction | null> {
  const states = [["rollback", ROLLBACK], ["journal", JOURNAL], ["committed", COMMITTED]] as const;
  for (const [state, path] of states) {
    if (files[state]?.kind !== "file") continue;
    const start = await board.files.readFile(path, { ...options, limitBytes: HEADER_BYTES });
    return { state, header: parseJournalHeader(start) };
  }
  return null;
}

export interface InspectOptions extends Asking {
  /** The gateway's `exclude` for this board. */
  readonly exclude: readonly string[];
  /** The gateway's `delete` for this board. */
  readonly delete: readonly string[];
}

/**
 * Asks the board for everything that a plan for `release` depends on.
 *
 * @throws {UotaError} `no_directories` when the release has some and the board cannot have any
 */
export async function inspect(
  board: Board,
  seen: Glance,
  release: Release,
  options: InspectOptions,
): Promise<Inspection> {
  const own = await readOwnConfig(board, options);
  const excluded = [...options.exclude, ...own.excludedFiles];
  const deletions = [...new Set([...release.uotaConfig.delete, ...options.delete])]
    .map((entry) => deletionPath(entry));
  const exclusions = PathSet.ofExclusions(excluded);
  const files = release.files.map(({ path }) => path).filter((path) => !exclusions.covers(path));
  const asked = [...files, ...release.directories, ...deletions];
  if (!board.capabilities.directories) {
    const full = directoriesAbove(release.files.map(({ path }) => path));
    const empty = release.directories.find((directory) => !full.has(directory));
    const nested = files.find((path) => path.includes("/")) ?? empty;
    if (nested !== undefined) {
      throw new UotaError(
        "no_directories",
        `The release has directories (${nested}), which the board on ${board.path} cannot have; ` +
          "publish a flat release for it, or give it another source with url in its [[board]] entry",
      );
    }
  }
  const paths = [...new Set(asked)].filter((path) =>
    board.capabilities.directories || !path.includes("/")
  );
  const answers = await board.files.describe(paths, options);
  const states = new Map(paths.map((path, index) => [path, answers[index] ?? MISSING]));
  const trees = new Map<string, readonly TreeEntry[]>();
  const isDirectory = (path: string) => states.get(path)?.kind === "directory";
  for (const path of outermostOf([...new Set([...files, ...deletions])].filter(isDirectory))) {
    trees.set(path, await board.files.walk(path, options));
  }
  return { ...seen, excluded, deletions, states, trees };
}

const MISSING: PathState = { kind: "missing" };

/** The board's own `uota.cfg`, for its `excluded_files`; one that cannot be read stops the update. */
async function readOwnConfig(board: Board, options: Asking): Promise<UotaConfig> {
  const [state] = await board.files.stat(["uota.cfg"], options);
  if (state?.kind !== "file") return parseUotaConfig("{}");
  const content = await board.files.readFile("uota.cfg", options);
  try {
    return parseUotaConfig(content, { code: "board_error", where: "The board's own uota.cfg" });
  } catch (error) {
    if (!(error instanceof UotaError)) throw error;
    throw new UotaError(
      "board_error",
      `${messageOf(error)}; it names the files that an update must keep, so nothing was changed: ` +
        "mend or remove it on the board",
      { cause: error },
    );
  }
}
