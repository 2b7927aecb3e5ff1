/** One attempt on one board while it is under way. */
import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { FileCounts, Outcome, OutcomeKind, Reason, Strategy } from "./outcome.ts";

const NO_FILES: FileCounts = { written: 0, unchanged: 0, deleted: 0, excluded: 0 };

/**
 * Collects what becomes known during an attempt, and makes its outcome.
 *
 * INVARIANTS
 * - `from` is what the board was on before anything changed, `to` what it is on afterwards: neither
 *   is ever what was only wanted.
 */
export class Attempt {
  readonly #begun = performance.now();
  #who: { readonly name: string; readonly uid: string | null; readonly port: string | null };
  #looked = false;
  #from: string | null = null;
  #now: string | null = null;
  #offered: string | null = null;
  #archiveSha256: string | null = null;
  #strategy: Strategy | null = null;
  #files: FileCounts = NO_FILES;
  #outcome: OutcomeKind = "failed";
  #reason: Reason | null = null;
  #committed = false;
  #installed = false;
  /** The last step that was reported. */
  phase = "";
  /** What became of each path of the clean-up list. */
  cleanUp: ReadonlyMap<string, "deleted" | "was_missing" | "kept_excluded"> = new Map();

  constructor(board: Candidate) {
    this.#who = identityOf(board);
  }

  /** Whether the installed files may have begun to change. */
  get committed(): boolean {
    return this.#committed;
  }

  /** Of the archive that was offered; null where there was none. */
  get archiveSha256(): string | null {
    return this.#archiveSha256;
  }

  /** The version on the board now; null where nobody knows. */
  get versionNow(): string | null {
    return this.#now;
  }

  /** The version that the board had before; null where nobody knows yet. */
  get versionBefore(): string | null {
    return this.#from;
  }

  identified(board: Candidate): void {
    this.#who = identityOf(board);
  }

  /** What the attempt is for. */
  offered(release: { readonly version: string; readonly sha256: string | null }): void {
    this.#offered = release.version;
    this.#archiveSha256 = release.sha256;
  }

  /** What the board's `version` says. The first look is also what it was on before. */
  saw(version: string | null): void {
    if (!this.#looked) this.#from = version;
    this.#looked = true;
    this.#now = version;
  }

  /** The board was on this one before, though its `version` may have said something else by then. */
  cameFrom(version: string | null): void {
    this.#from = version;
  }

  /** Nobody can say what the board is on until it is looked at again. */
  lostTrack(): void {
    this.#now = null;
  }

  /** Whether what was offered was installed, and left again. */
  get wentBack(): boolean {
    return this.#outcome === "rolled_back";
  }

  /** Whether the board is on what was offered. */
  get succeeded(): boolean {
    return this.#outcome === "updated" || this.#outcome === "current";
  }

  planned(files: FileCounts, strategy: Strategy): void {
    this.#files = files;
    this.#strategy = strategy;
  }

  /** From here on a failure may have changed something. */
  beginCommit(): void {
    this.#committed = true;
  }

  /** The release is on the board, whatever comes next. */
  installed(): void {
    this.#installed = true;
  }

  updated(): void {
    this.#outcome = "updated";
    this.#reason = null;
  }

  /** The board is on what it was on before, because of `reason`. */
  rolledBack(reason: Reason): void {
    this.#outcome = "rolled_back";
    this.#reason = reason;
    // A visit that finds the release in place has only now seen what was there before.
    this.#from = this.#now;
  }

  /** Nothing was installed, and that is as it should be. */
  left(outcome: OutcomeKind, reason: Reason | null): void {
    this.#outcome = outcome;
    this.#reason = reason;
    // A plan that was not carried out has written nothing, except that a dry run shows it.
    if (reason?.code !== "dry_run" && outcome !== "current") this.#files = NO_FILES;
  }

  failed(error: UotaError): void {
    this.#outcome = outcomeOfError(error, this.#committed);
    this.#reason = { code: error.code, message: error.message };
    if (!this.#installed) this.#files = NO_FILES;
  }

  unreachable(code: ErrorCode, message: string): Outcome {
    this.failed(new UotaError(code, message));
    return this.outcome(0);
  }

  outcome(bytesOnWire: number): Outcome {
    return {
      ...this.#who,
      outcome: this.#outcome,
      from: this.#from,
      to: this.#now,
      offered: this.#offered,
      reason: this.#reason,
      strategy: this.#strategy,
      files: this.#files,
      bytesOnWire,
      seconds: (performance.now() - this.#begun) / 1000,
    };
  }
}

interface Candidate {
  readonly name: string;
  readonly uid: string | null;
  readonly port: { readonly path: string } | null;
}

function identityOf({ name, uid, port }: Candidate) {
  return { name, uid, port: port?.path ?? null };
}
