/** One attempt on one board while it is under way. */
import { type ErrorCode, UotaError } from "../../errors/mod.ts";
import { outcomeOfError } from "./outcome_of_error.ts";
import type { FileCounts, Outcome, OutcomeKind, Reason, Strategy } from "./outcome.ts";

const NO_FILES: FileCounts = { written: 0, unchanged: 0, deleted: 0, excluded: 0 };

/** Collects what becomes known during an attempt, and makes its outcome. */
export class Attempt {
  readonly #begun = performance.now();
  #who: { readonly name: string; readonly uid: string | null; readonly port: string | null };
  #from: string | null = null;
  #to: string | null = null;
  #strategy: Strategy | null = null;
  #files: FileCounts = NO_FILES;
  #outcome: OutcomeKind = "failed";
  #reason: Reason | null = null;
  #committed = false;
  #installed = false;

  constructor(board: Candidate) {
    this.#who = identityOf(board);
  }

  /** Whether the installed files may have begun to change. */
  get committed(): boolean {
    return this.#committed;
  }

  identified(board: Candidate): void {
    this.#who = identityOf(board);
  }

  offered(from: string | null, to: string): void {
    this.#from = from;
    this.#to = to;
  }

  planned(files: FileCounts, strategy: Strategy): void {
    this.#files = files;
    this.#strategy = strategy;
  }

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
      to: this.#to,
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
