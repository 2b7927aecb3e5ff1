/** How an attempt on one board ended; the names are those of INTERFACE.md's `update --json`. */
import { ERROR_CODES } from "../../errors/mod.ts";

export const OUTCOME_KINDS = [
  "updated",
  "current",
  "skipped",
  "unreachable",
  "failed",
  "rolled_back",
] as const;

export type OutcomeKind = typeof OUTCOME_KINDS[number];

/** Why an outcome is what it is: an error's code, or why nothing was done. */
export const REASON_CODES = [
  ...ERROR_CODES,
  "dry_run",
  "pinned",
  "older",
  "by_hand_only",
  "not_offered",
  "known_bad",
  "rolled_back_by_hand",
] as const;

export type ReasonCode = typeof REASON_CODES[number];

export interface Reason {
  readonly code: ReasonCode;
  readonly message: string;
}

/** Why a release is not to come back by itself after `uota rollback`. */
export const ROLLED_BACK_BY_HAND: Reason = {
  code: "rolled_back_by_hand",
  message: "Somebody rolled it back with uota rollback",
};

/** `staged`: written beside the old files, then renamed. `in_place`: where a board has no rename. */
export const STRATEGIES = ["staged", "in_place"] as const;

export type Strategy = typeof STRATEGIES[number];

export interface FileCounts {
  /** Files whose content changed. */
  readonly written: number;
  readonly unchanged: number;
  readonly deleted: number;
  readonly excluded: number;
}

export interface Outcome {
  readonly name: string;
  /** `machine.unique_id()` in hex; null while nobody could ask the board. */
  readonly uid: string | null;
  /** The tty's path as the configuration's globs found it; null when no port has the board. */
  readonly port: string | null;
  readonly outcome: OutcomeKind;
  /** The version that the board had; null where nobody knows. */
  readonly from: string | null;
  /** The version that it has after the attempt; after a roll-back as `from`. */
  readonly to: string | null;
  /** The version that was wanted; null where it never came to that. */
  readonly offered: string | null;
  readonly reason: Reason | null;
  readonly strategy: Strategy | null;
  readonly files: FileCounts;
  /** Bytes written to the port. */
  readonly bytesOnWire: number;
  readonly seconds: number;
}
