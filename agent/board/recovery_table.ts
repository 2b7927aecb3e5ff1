/**
 * What a visit does next with what it finds on a board: one table, *(situation, happening) → step*.
 * Data only; `agent/recover.ts` carries the steps out, notes first, and looks at the board again
 * after each of them.
 *
 * INVARIANTS
 * - A row that is missing does not compile: {@linkcode Happenings} lists what can happen in each
 *   situation, {@linkcode RECOVERY} has a row for each.
 * - No row is tried for ever: what {@linkcode TRIES} bounds is counted in the store before it begins,
 *   so the bound outlives the visit and the agent. Every `exhausted` leads to where the next offered
 *   release can be installed.
 * - A release that is unconfirmed or unfinished never stands in the way of another one, of
 *   `uota rollback`, or of `--force`.
 * - A release counts as bad only on `rejected`, which is evidence from the board, or when it was lost
 *   so often that waiting for evidence is over; never for one pulled cable.
 */

/** What happened last, by the situation in which it can happen. */
export interface Happenings {
  /** No transaction is open on the board, and the gateway keeps no files of it. */
  clean: Arrival | "carried";
  /** The journal is there: the commit may have begun. */
  journal: Arrival | Work | "forward_failed";
  /** The release is in place, and has not been watched to the end. */
  unconfirmed: Arrival | Work | Verdict;
  /** As `unconfirmed`, but this gateway has no memory of it: it may have been confirmed. */
  unheard_of: Arrival | Work | Verdict;
  /** It is in place and known to work; what is left of its transaction may go. */
  confirmed: Arrival | "carried";
  /** It is in place and known to be bad. */
  rejected: Arrival | Work;
  /** The old release is on its way back. */
  rollback: Arrival | Work;
  /** The record of the transaction is damaged, so nothing can be carried out by it. */
  torn: Arrival | "carried";
  /** A record was damaged: the files may be of two releases until one is installed as a whole. */
  damaged: Arrival | "carried";
  /** A whole release was installed over such a board; there is nothing to go back to. */
  repaired: Arrival | "carried";
  /** As `repaired`, and what said so is gone already. */
  unprotected: "carried" | Verdict;
  /** Files were replaced where they are, and the gateway keeps the old ones. */
  replaced: Arrival | Work | Verdict;
  /** The same, and the release is known to be bad: some of the old files may be back already. */
  returning: Arrival | Work;
  /** The transaction is of a later version of this program. */
  foreign: Arrival | "carried";
}

/** How a visit begins, by what it is to bring about. */
export type Arrival =
  /** The release of the transaction, or nothing in particular. */
  | "arrived"
  /** Another release, which is to be installed. */
  | "arrived_for_another"
  /** The release before, since somebody asked for it. */
  | "arrived_to_go_back"
  /** Whatever is asked for, at any price (`--force`). */
  | "arrived_by_force";

/** How a step ended, and that there were enough of them. */
export type Work =
  | "carried"
  /** Going back failed, and nothing else is wanted of the board. */
  | "back_failed"
  /** Going back failed, and another release is wanted. */
  | "back_failed_in_the_way"
  | "exhausted";

/** What watching the program has shown. */
export type Verdict =
  /** It does not fail. */
  | "passed"
  /** The board has shown that it fails. */
  | "rejected"
  /** The board went and did not come back, or lost its power: no evidence against the release. */
  | "lost"
  /** The board does not hold what it said it had put into place. */
  | "reverted";

export type Situation = keyof Happenings;
export type Happening = Happenings[Situation];

/** What is done next. Notes come first, so that whoever is killed in between leaves them. */
export type Step =
  /** Note that somebody does not want the release. */
  | "note_unwanted"
  /** Note that the release is bad. */
  | "note_bad"
  /** Note that the release works. */
  | "note_good"
  | "carry_forward"
  | "carry_back"
  /** Put back the files that the gateway keeps. */
  | "put_back"
  /** Forget the files that the gateway keeps: they could not be put back. */
  | "drop_backup"
  /** Remove what is left of the transaction. */
  | "finish"
  /** Give the record the name that says that a repair is needed. */
  | "set_aside"
  /** Reset the board and watch its program. */
  | "watch"
  /** Watch the old release, too: what it does itself is no fault of the new one. */
  | "watch_old"
  /** Let the program go on, or look at the board again where more is to be done. */
  | "go_on"
  /** Nothing is open: go on with what the visit is for. */
  | "proceed"
  /** As `proceed`, but the whole release has to be installed whatever the versions say. */
  | "repair"
  /** End the visit: the board could not be watched to the end. */
  | "wait"
  /** End the visit: the release fails, and there is nothing to go back to. */
  | "keep"
  /** End the visit: neither forward nor back. */
  | "give_up"
  /** End the visit: the board did not keep what it was given. */
  | "distrust"
  /** End the visit: the transaction is not ours. */
  | "refuse";

export type Steps = readonly Step[];

type Table = {
  readonly [S in Situation]: { readonly [H in Happenings[S]]: Steps };
};

const always = (...steps: Steps) => ({
  arrived: steps,
  arrived_for_another: steps,
  arrived_to_go_back: steps,
  arrived_by_force: steps,
  carried: steps,
});

const BACK_FAILED = {
  back_failed: ["give_up"],
  back_failed_in_the_way: ["set_aside"],
} as const;

const WATCHED = {
  passed: ["note_good", "go_on"],
  rejected: ["note_bad", "carry_back", "watch_old"],
  lost: ["wait"],
  reverted: ["carry_back", "distrust"],
} as const;

export const RECOVERY: Table = {
  clean: always("proceed"),
  journal: {
    ...BACK_FAILED,
    arrived: ["carry_forward"],
    arrived_for_another: ["carry_back"],
    arrived_to_go_back: ["note_unwanted", "carry_back"],
    arrived_by_force: ["carry_back"],
    carried: ["carry_forward"],
    forward_failed: ["carry_back"],
    exhausted: ["set_aside"],
  },
  unconfirmed: {
    ...BACK_FAILED,
    ...WATCHED,
    arrived: ["watch"],
    arrived_for_another: ["carry_back"],
    arrived_to_go_back: ["note_unwanted", "carry_back"],
    arrived_by_force: ["carry_back"],
    carried: ["watch"],
    exhausted: ["note_bad", "carry_back"],
  },
  unheard_of: {
    ...BACK_FAILED,
    ...WATCHED,
    arrived: ["watch"],
    arrived_for_another: ["watch"],
    arrived_to_go_back: ["note_unwanted", "carry_back"],
    arrived_by_force: ["finish"],
    carried: ["watch"],
    exhausted: ["carry_back"],
  },
  confirmed: {
    ...always("finish"),
    arrived_to_go_back: ["note_unwanted", "carry_back"],
  },
  rejected: { ...BACK_FAILED, ...always("carry_back"), exhausted: ["set_aside"] },
  rollback: {
    ...BACK_FAILED,
    ...always("carry_back"),
    arrived_to_go_back: ["note_unwanted", "carry_back"],
    exhausted: ["set_aside"],
  },
  torn: always("set_aside"),
  damaged: always("repair"),
  repaired: always("finish"),
  unprotected: {
    carried: ["watch"],
    passed: ["note_good", "go_on"],
    rejected: ["note_bad", "keep"],
    lost: ["wait"],
    reverted: ["distrust"],
  },
  replaced: {
    ...always("put_back"),
    arrived_to_go_back: ["note_unwanted", "put_back"],
    carried: ["watch"],
    passed: ["note_good", "go_on"],
    rejected: ["note_bad", "put_back", "watch_old"],
    lost: ["wait"],
    reverted: ["put_back", "distrust"],
    back_failed: ["give_up"],
    back_failed_in_the_way: ["drop_backup", "repair"],
    exhausted: ["drop_backup", "repair"],
  },
  returning: {
    ...always("put_back"),
    back_failed: ["give_up"],
    back_failed_in_the_way: ["drop_backup", "repair"],
    exhausted: ["drop_backup", "repair"],
  },
  foreign: { ...always("refuse"), arrived_by_force: ["set_aside"] },
};

/**
 * How often a situation is worked on for one release on one board, over all visits, before it counts
 * as `exhausted`.
 */
export const TRIES: { readonly [S in Situation]: number } = {
  clean: Infinity,
  journal: 3,
  unconfirmed: 5,
  unheard_of: 2,
  confirmed: Infinity,
  rejected: 10,
  rollback: 10,
  torn: Infinity,
  damaged: Infinity,
  repaired: Infinity,
  unprotected: Infinity,
  replaced: 3,
  returning: 10,
  foreign: Infinity,
};

/** The row; null where the table has none, which only a defect can ask for. */
export function nextSteps(situation: Situation, happening: Happening): Steps | null {
  const row: Readonly<Record<string, Steps>> = RECOVERY[situation];
  return row[happening] ?? null;
}
