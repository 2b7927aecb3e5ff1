/**
 * Carries out the recovery table on one board: looks where its transaction is, takes the steps that
 * `board/recovery_table.ts` gives for that, and looks again, until the board can be left or the visit
 * can go on. A visit that arrives uses it first, an installation from its journal on: what an
 * interrupted attempt left and what this one has just begun are the same code.
 *
 * INVARIANTS
 * - A note is in the store before what follows from it is done.
 * - Nothing here is cancelled: every wait has a bound of its own.
 */
import { UotaError } from "../errors/mod.ts";
import type { Work } from "./attempts.ts";
import { progressOn, type ShelvedBackup } from "./board/backup.ts";
import { commit, finish, oldVersion, readTransaction, rollBack, setAside } from "./board/commit.ts";
import { confirm, type Watched } from "./board/confirm.ts";
import { putBack } from "./board/in_place.ts";
import { type Glance, glance } from "./board/inspect.ts";
import type { JournalHeader } from "./board/journal.ts";
import { type Reason, ROLLED_BACK_BY_HAND } from "./board/outcome.ts";
import {
  type Arrival,
  type Happening,
  nextSteps,
  type Situation,
  type Step,
  TRIES,
} from "./board/recovery_table.ts";
import type { AfterReset } from "./board/visit.ts";
import type { Memory } from "./memory.ts";
import {
  couldNotGoBack,
  lostTooOften,
  nothingToGoBackTo,
  notKeptOnFlash,
  ofLaterVersion,
} from "./recovery_failures.ts";
import { compareVersions, LONGEST_VERSION_BYTES } from "./release/mod.ts";
import { commitBoundMs } from "./visit_bound.ts";

/** What has just been put onto the board, and is to be confirmed. */
export interface Fresh {
  readonly release: { readonly sha256: string; readonly version: string };
  /** How many files and directories the commit moves. */
  readonly operations: number;
  /** Staged with a journal, or replaced file by file with this backup. */
  readonly way: { readonly kind: "staged" } | {
    readonly kind: "replaced";
    readonly shelved: ShelvedBackup;
  };
}

export interface RecoverOptions {
  readonly memory: Memory;
  readonly log: (line: string) => void;
  /** How the visit begins; or what it has just done. */
  readonly begin: Arrival | Fresh;
}

/** Where a recovery has led. */
export interface Recovered {
  /**
   * `proceed`: nothing is open, at the raw REPL. `repair`: as that, but the files may be of two
   * releases. `accepted`: the release works and its program runs; one from an earlier visit sleeps
   * by design, so that nothing more can be asked. `went_back`: the release was left, and the old
   * program runs.
   */
  readonly end: "proceed" | "repair" | "accepted" | "went_back";
  readonly seen: Glance;
  /** The release that was left, if one was, and why, if there is a reason. */
  readonly left: { readonly release: JournalHeader; readonly reason: Reason | null } | null;
  /** Why the board could not be carried forward, or asked for more; null where it was, or need not be. */
  readonly failure: UotaError | null;
}

/** @throws {UotaError} where the table ends the visit, or the line fails */
export async function recover(
  work: Work,
  seen: Glance,
  options: RecoverOptions,
): Promise<Recovered> {
  return await new Recovery(work, seen, options).run();
}

/** What a step leads to: another look with something that has happened, or the end. */
type Effect = { readonly happened: Happening } | { readonly end: Recovered["end"] };

/** After these the board is at its prompt and has said what is wrong. */
const REPORTED_BY_BOARD: ReadonlySet<string> = new Set([
  "board_error",
  "board_memory",
  "no_space",
  "verification_failed",
]);
/**
 * A release that fails as its predecessor does, or is not as it was put into place, is tried so often
 * more, since each time costs flash.
 */
const MOST_WITHOUT_BLAME = 2;
/** For the bound of a commit whose size nobody has told. */
const UNKNOWN_OPERATIONS = 300;
/** The board has gone, or has begun anew in the middle of something. */
const AWAY: ReadonlySet<string> = new Set(["port_lost", "timed_out", "protocol", "no_response"]);
/** A board that sleeps is not there for these. */
const ASLEEP: ReadonlySet<string> = new Set(["board_lost", "no_response"]);
/** A board that goes away while its old files come back is waited for so often in one visit. */
const MOST_LOSSES = 5;
/** No way through the table is longer. */
const MOST_ROUNDS = 24;

class Recovery {
  readonly #work: Work;
  readonly #memory: Memory;
  readonly #log: (line: string) => void;
  readonly #signal = new AbortController().signal;
  readonly #arrival: Arrival | null;
  readonly #fresh: Fresh | null;
  #seen: Glance;
  #shelved: ShelvedBackup | null = null;
  /** What was found to speak against the release on the board. */
  #verdict: Reason | null = null;
  /** The same, once it is noted. */
  #rejected: Reason | null = null;
  /** What is in place has no record on the board that leads back from it. */
  #hasNoWayBack = false;
  /** What an earlier visit has put into place, whose record its program removes while it is watched. */
  #unrecorded: JournalHeader | null = null;
  #left: Recovered["left"] = null;
  #failure: UotaError | null = null;
  #watched: Watched | null = null;
  /** Whether the program has run since, so that the board is not at its raw REPL. */
  #isRunning = false;
  #losses = 0;

  constructor(work: Work, seen: Glance, { memory, log, begin }: RecoverOptions) {
    this.#work = work;
    this.#memory = memory;
    this.#log = (line) => log(`${work.visit.port.path}: ${line}`);
    this.#arrival = typeof begin === "string" ? begin : null;
    this.#fresh = typeof begin === "string" ? null : begin;
    this.#seen = seen;
  }

  async run(): Promise<Recovered> {
    await this.#findBackup();
    let happened: Happening = this.#arrival ?? "carried";
    for (let round = 0; round < MOST_ROUNDS; round++) {
      const situation = await this.#situation();
      const effect = await this.#take(situation, this.#countTry(situation, happened));
      if ("end" in effect) {
        const { end } = effect;
        return { end, seen: this.#seen, left: this.#left, failure: this.#failure };
      }
      happened = effect.happened;
    }
    throw new UotaError("internal", "The recovery of a board came to no end");
  }

  async #take(situation: Situation, happened: Happening): Promise<Effect> {
    const steps = nextSteps(situation, happened);
    if (steps === null) {
      throw new UotaError("internal", `Nothing is known to do when ${situation}, ${happened}`);
    }
    let effect: Effect = { happened: "carried" };
    for (const step of steps) {
      try {
        effect = await this.#steps[step](situation);
      } catch (error) {
        // The steps behind it belong to what is found then.
        return await this.#fetchAfter(error);
      }
      if ("end" in effect || effect.happened !== "carried") return effect;
    }
    return effect;
  }

  /**
   * A watchdog that the program has started bites while its old files come back, too. What is done by
   * then counts, so the board is fetched again, and looked at.
   */
  async #fetchAfter(failure: unknown): Promise<Effect> {
    const release = this.#release;
    for (let error = failure;;) {
      const isAway = error instanceof UotaError && AWAY.has(error.code);
      if (!isAway || this.#verdict === null || ++this.#losses > MOST_LOSSES) throw error;
      try {
        await this.#work.visit.enter({ ...this.#asking, eager: true });
        this.#isRunning = false;
        const effect = await this.#look();
        const isBack = this.#seen.transaction === null &&
          !isVersion(this.#seen.version, release.version);
        if (isBack && this.#shelved === null) this.#left ??= { release, reason: this.#rejected };
        return effect;
      } catch (next) {
        error = next;
      }
    }
  }

  /** Where the board is, by what it says and what the store knows. */
  async #situation(): Promise<Situation> {
    const { transaction, needsRepair } = this.#seen;
    if (this.#shelved !== null) return this.#rejected === null ? "replaced" : "returning";
    if (transaction === null) {
      const isFresh = this.#hasNoWayBack && this.#fresh !== null;
      if (isFresh || this.#unrecorded !== null) return "unprotected";
      return needsRepair ? "damaged" : "clean";
    }
    const { state, header } = transaction;
    if (this.#fresh === null && (state !== "committed" || header === null)) {
      const reading = await readTransaction(this.#work.visit.board, state, this.#asking);
      if (reading.kind === "foreign") return "foreign";
      if (reading.kind === "damaged") {
        this.#log("the record of an interrupted update is damaged, so a whole release is needed");
        return "torn";
      }
      await this.#learnOldVersion(reading.journal);
    }
    if (state !== "committed") return state;
    if (needsRepair) return "repaired";
    if (this.#rejected !== null) return "rejected";
    if (this.#fresh !== null || header === null) return "unconfirmed";
    const { store } = this.#memory;
    const { key } = this.#work;
    if (store.isConfirmed(key, header.archiveSha256)) return "confirmed";
    if (store.badRelease(key, header.archiveSha256)) return "rejected";
    return store.knowsOf(key, header.archiveSha256) ? "unconfirmed" : "unheard_of";
  }

  /** Counts what is to come to an end some time, before it is begun. */
  #countTry(situation: Situation, happened: Happening): Happening {
    const most = TRIES[situation];
    const isBegun = happened === "carried" || happened.startsWith("arrived");
    if (!isBegun || most === Infinity) return happened;
    const tries = this.#memory.store.countTry(
      this.#work.key,
      this.#release.archiveSha256,
      situation,
    );
    if (tries <= most) return happened;
    if (situation === "unconfirmed") this.#verdict = lostTooOften(tries - 1);
    return "exhausted";
  }

  readonly #steps: { readonly [S in Step]: (situation: Situation) => Promise<Effect> } = {
    note_unwanted: () => this.#noteBad(this.#reasonKnown(this.#release) ?? ROLLED_BACK_BY_HAND),
    note_bad: () => this.#noteBad(this.#verdict ?? ROLLED_BACK_BY_HAND),
    note_good: () => this.#noteGood(),
    carry_forward: () => this.#carryForward(),
    carry_back: () => this.#carryBack(),
    put_back: () => this.#putBack(),
    drop_backup: () => this.#dropBackup(),
    finish: () => this.#finish(),
    set_aside: () => this.#setAside(),
    watch: () => this.#watch(),
    watch_old: () => this.#watchOld(),
    go_on: () => this.#goOn(),
    proceed: () => Promise.resolve({ end: "proceed" }),
    repair: () => Promise.resolve({ end: "repair" }),
    wait: () => Promise.reject(this.#lost()),
    keep: async () => await this.#keep(),
    give_up: () => Promise.reject(couldNotGoBack(this.#port, this.#failure)),
    distrust: () => this.#distrust(),
    refuse: () => Promise.reject(ofLaterVersion(this.#port)),
  };

  /** How many files are moved; what an earlier visit has begun does not say. */
  get #operations(): number {
    return this.#fresh?.operations ?? UNKNOWN_OPERATIONS;
  }

  /** For messages. */
  get #port(): string {
    return this.#work.visit.port.path;
  }

  get #asking() {
    return { signal: this.#signal };
  }

  get #changing() {
    return { signal: this.#signal, needsRepair: this.#seen.needsRepair };
  }

  /** The release that the transaction is of. */
  get #release(): JournalHeader {
    if (this.#fresh !== null) {
      const { sha256, version } = this.#fresh.release;
      return { archiveSha256: sha256, version };
    }
    if (this.#shelved !== null) return this.#shelved.backup;
    return this.#seen.transaction?.header ?? this.#unrecorded ??
      { archiveSha256: "", version: this.#seen.version ?? "" };
  }

  async #look(): Promise<Effect> {
    this.#seen = await glance(this.#work.visit.board, this.#asking);
    this.#work.attempt.saw(this.#seen.version);
    return { happened: "carried" };
  }

  async #findBackup(): Promise<void> {
    if (this.#fresh !== null) {
      this.#shelved = this.#fresh.way.kind === "replaced" ? this.#fresh.way.shelved : null;
      return;
    }
    const { key, visit } = this.#work;
    const isNamed = visit.board.capabilities.uid !== null;
    for (const shelved of await this.#memory.backups.load(key)) {
      const progress = await progressOn(visit.board, shelved.backup, this.#asking);
      // Boards without a uid may hang on one port in turn: one on which the release is whole may have
      // it from elsewhere, and what is kept may be needed by the other.
      if (progress === "begun" || progress === "done" && isNamed) {
        this.#shelved = shelved;
        return;
      }
      if (!isNamed) continue;
      this.#log(
        "what the gateway keeps of this board is of no use, since its files are others by now",
      );
      await this.#memory.backups.remove(shelved.name);
    }
  }

  /** What the board was on before, where its own `version` is moved away by now, or the new one. */
  async #learnOldVersion(journal: Uint8Array): Promise<void> {
    const { version, transaction } = this.#seen;
    const isMoved = version === null ||
      transaction?.state !== "committed" && isVersion(version, this.#release.version);
    if (!isMoved) return;
    const limits = { ...this.#asking, limitBytes: LONGEST_VERSION_BYTES };
    this.#work.attempt.cameFrom(await oldVersion(this.#work.visit.board, journal, limits));
  }

  #noteBad(reason: Reason): Promise<Effect> {
    const { archiveSha256: sha256, version } = this.#release;
    this.#rejected = reason;
    // Of a record that does not say which release it is of, there is nothing to note.
    if (sha256 !== "") this.#memory.store.markBad(this.#work.key, { sha256, version }, reason);
    return Promise.resolve({ happened: "carried" });
  }

  async #noteGood(): Promise<Effect> {
    const { store, backups } = this.#memory;
    if (this.#shelved !== null) await backups.remove(this.#shelved.name);
    store.clearBad(this.#work.key, this.#release.archiveSha256);
    store.clearTries(this.#work.key);
    return { happened: "carried" };
  }

  async #carryForward(): Promise<Effect> {
    const { visit, attempt, report } = this.#work;
    if (this.#fresh === null) this.#log("finishing an interrupted installation");
    this.#begin();
    report({ phase: "committing" });
    try {
      await commit(visit.board, this.#asking);
    } catch (error) {
      return await this.#failed(error, "forward_failed");
    }
    if (this.#fresh === null) return await this.#look();
    // It is looked at after the reset, which is what counts.
    const header = this.#release;
    this.#seen = { ...this.#seen, transaction: { state: "committed", header }, leftOvers: true };
    attempt.lostTrack();
    if (!this.#seen.needsRepair) return { happened: "carried" };
    // Files of two releases are nothing to go back to.
    return await this.#finish();
  }

  async #carryBack(): Promise<Effect> {
    const { visit, report } = this.#work;
    const { board } = visit;
    const release = this.#release;
    this.#begin();
    report({ phase: "rolling_back" });
    await this.#enter();
    // The program that was watched has had its time with the record, too.
    if (this.#watched !== null) await this.#look();
    const state = this.#seen.transaction?.state ?? null;
    if (state === null) return this.#keep();
    if (
      state === "committed" && (await readTransaction(board, state, this.#asking)).kind !== "whole"
    ) {
      this.#log("the record for going back is damaged, so a whole release is needed");
      await this.#setAside();
      return this.#fresh === null ? { happened: "carried" } : this.#keep();
    }
    try {
      await rollBack(visit.board, this.#changing);
    } catch (error) {
      const isInTheWay = this.#arrival !== null && this.#arrival !== "arrived";
      return await this.#failed(error, isInTheWay ? "back_failed_in_the_way" : "back_failed");
    }
    this.#left = { release, reason: this.#rejected ?? this.#reasonKnown(release) };
    this.#memory.store.clearTries(this.#work.key);
    return await this.#look();
  }

  /** There is no way back: where another release is wanted, that is the way on. */
  #keep(): Effect {
    const isWanted = this.#fresh !== null || this.#arrival === "arrived";
    if (isWanted && this.#rejected !== null) throw nothingToGoBackTo(this.#rejected);
    this.#unrecorded = null;
    return { happened: "carried" };
  }

  #reasonKnown({ archiveSha256 }: JournalHeader): Reason | null {
    return this.#memory.store.badRelease(this.#work.key, archiveSha256)?.reason ?? null;
  }

  async #putBack(): Promise<Effect> {
    const shelved = this.#shelved;
    if (shelved === null) return { happened: "carried" };
    const release = this.#release;
    this.#begin();
    if (this.#fresh === null) this.#log("putting back the files that an update was replacing");
    else this.#work.report({ phase: "rolling_back" });
    await this.#enter();
    try {
      await putBack(this.#work.visit.board, shelved.backup, this.#asking);
    } catch (error) {
      const isInTheWay = this.#arrival !== null && this.#arrival !== "arrived";
      return await this.#failed(error, isInTheWay ? "back_failed_in_the_way" : "back_failed");
    }
    this.#left = { release, reason: this.#rejected ?? this.#reasonKnown(release) };
    await this.#dropBackup();
    this.#memory.store.clearTries(this.#work.key);
    return await this.#look();
  }

  async #dropBackup(): Promise<Effect> {
    if (this.#shelved !== null) await this.#memory.backups.remove(this.#shelved.name);
    this.#shelved = null;
    return { happened: "carried" };
  }

  async #finish(): Promise<Effect> {
    if (this.#seen.needsRepair) this.#hasNoWayBack = true;
    await finish(this.#work.visit.board, this.#asking);
    this.#memory.store.clearTries(this.#work.key);
    return await this.#look();
  }

  async #setAside(): Promise<Effect> {
    const state = this.#seen.transaction?.state;
    this.#begin();
    if (state !== undefined) await setAside(this.#work.visit.board, state, this.#changing);
    this.#memory.store.clearTries(this.#work.key);
    return await this.#look();
  }

  async #watch(): Promise<Effect> {
    const { visit, settings, report } = this.#work;
    this.#begin();
    if (settings.confirmMs === 0) return await this.#leaveUnwatched();
    if (this.#fresh === null) this.#log("watching a release that nobody has confirmed yet");
    report({ phase: "confirming" });
    const release = this.#release;
    const watched = await confirm(visit, {
      signal: this.#signal,
      watchMs: settings.confirmMs,
      ready: settings.ready,
      restarts: settings.restarts,
      isInPlace: async () => {
        await this.#look();
        const { transaction } = this.#seen;
        if (!isVersion(this.#seen.version, release.version)) return false;
        // A program may have removed the record, and the way back with it.
        if (transaction === null && this.#shelved === null) {
          this.#hasNoWayBack = true;
          if (this.#fresh === null) this.#unrecorded = release;
        }
        return transaction === null || transaction.state === "committed";
      },
    });
    this.#watched = watched;
    this.#isRunning = true;
    if (watched.kind === "rejected") this.#verdict = watched.reason;
    if (watched.kind !== "reverted") return { happened: watched.kind };
    return this.#notInPlace();
  }

  /** The board does not hold what it said: a journal that came back is carried out again. */
  #notInPlace(): Effect {
    const isInPlace = this.#isWithoutRecord || this.#seen.transaction?.state === "committed";
    return { happened: isInPlace ? "reverted" : "carried" };
  }

  /** In place without a transaction on the board: replaced file by file, or after a repair. */
  get #isWithoutRecord(): boolean {
    return this.#shelved !== null || this.#hasNoWayBack;
  }

  /** `confirm = "0s"`: nothing is kept, and the board is reset at the end. */
  async #leaveUnwatched(): Promise<Effect> {
    const { visit, report } = this.#work;
    if (this.#fresh === null) return { happened: "passed" };
    report({ phase: "confirming" });
    // File by file, `version` has been read back already, and the smallest boards have no room left.
    if (this.#shelved === null) await this.#look();
    else this.#work.attempt.saw(this.#release.version);
    if (!isVersion(this.#work.attempt.versionNow, this.#release.version)) {
      return this.#notInPlace();
    }
    if (visit.board.capabilities.directories) await finish(visit.board, this.#asking);
    await this.#noteGood();
    await visit.resetAndLeave(this.#asking);
    return { end: "accepted" };
  }

  async #watchOld(): Promise<Effect> {
    const { visit, settings, key, report } = this.#work;
    const reason = this.#rejected;
    const left = this.#left;
    if (left === null) return { happened: "carried" };
    report({ phase: "confirming" });
    const watched = await confirm(visit, {
      signal: this.#signal,
      watchMs: settings.confirmMs,
      ready: "",
      restarts: settings.restarts,
      isInPlace: () => Promise.resolve(true),
    });
    if (watched.kind === "passed" && watched.state === "at_prompt") {
      await visit.board.restartProgram(this.#asking);
    }
    if (watched.kind === "rejected" && reason !== null) {
      const message = `${reason.message}\nThe old release is back, and fails as well:\n` +
        watched.reason.message;
      this.#left = { ...left, reason: { ...reason, message } };
      // It is not to blame for what its predecessor does, too; but it is not tried for ever either.
      if (watched.reason.code === reason.code && this.#mayTryAgain(left.release)) {
        this.#memory.store.clearBad(key, left.release.archiveSha256);
      }
    }
    return { end: "went_back" };
  }

  #mayTryAgain({ archiveSha256 }: JournalHeader): boolean {
    return this.#memory.store.countTry(this.#work.key, archiveSha256) <= MOST_WITHOUT_BLAME;
  }

  /** The release has passed: a fresh one is left alone, and a visit that has more to do goes on. */
  async #goOn(): Promise<Effect> {
    const { visit } = this.#work;
    const watched = this.#watched;
    const { directories } = visit.board.capabilities;
    const state: AfterReset = watched?.kind === "passed" ? watched.state : "at_prompt";
    if (this.#fresh === null) {
      if (state === "running" && !await this.#reachAgain()) return { end: "accepted" };
      if (directories) await finish(visit.board, this.#asking);
      this.#shelved = null;
      this.#unrecorded = null;
      return await this.#look();
    }
    const hasEnded = watched?.kind === "passed" && watched.ended;
    if (hasEnded && directories) {
      // Nothing runs that this would interrupt.
      if (state === "running") await visit.board.resynchronise(this.#asking);
      await finish(visit.board, this.#asking);
      if (state === "running") await visit.board.leaveAtPrompt(this.#asking);
    }
    if (state === "at_prompt") await visit.board.restartProgram(this.#asking);
    return { end: "accepted" };
  }

  /** Whether the board is there again, whose program may sleep by design. */
  async #reachAgain(): Promise<boolean> {
    try {
      await this.#work.visit.enter(this.#asking);
      return true;
    } catch (error) {
      const isAsleep = this.#work.settings.restarts && error instanceof UotaError &&
        ASLEEP.has(error.code);
      if (!isAsleep) throw error;
      this.#failure = error;
      return false;
    }
  }

  /** From here on the board is not to be left before it is wholly on one release. */
  #begin(): void {
    const { bound, settings: { confirmMs } } = this.#work;
    bound.hold(commitBoundMs({ files: this.#operations, confirmMs }));
    this.#work.attempt.beginCommit();
    this.#work.attempt.lostTrack();
  }

  /** To the raw REPL, where the board is not there since its program was watched. */
  async #enter(): Promise<void> {
    if (!this.#isRunning) return;
    this.#isRunning = false;
    await this.#work.visit.enter({ ...this.#asking, eager: true });
  }

  async #failed(error: unknown, happened: Happening): Promise<Effect> {
    if (!(error instanceof UotaError)) throw error;
    if (!REPORTED_BY_BOARD.has(error.code)) throw error;
    this.#failure ??= error;
    if (happened !== "forward_failed") this.#failure = error;
    await this.#look();
    return { happened };
  }

  #lost(): UotaError {
    const watched = this.#watched;
    return watched?.kind === "lost"
      ? watched.error
      : new UotaError("internal", "A board was lost that nobody watched");
  }

  /** It is tried again, in case the flash did it; but not for ever, since each time costs flash. */
  #distrust(): Promise<Effect> {
    const error = notKeptOnFlash(this.#port, this.#seen.version);
    const { archiveSha256: sha256, version } = this.#left?.release ?? this.#release;
    if (sha256 !== "" && !this.#mayTryAgain({ archiveSha256: sha256, version })) {
      const { message } = error;
      this.#memory.store.markBad(this.#work.key, { sha256, version }, {
        code: "verification_failed",
        message,
      });
    }
    return Promise.reject(error);
  }
}

/** Versions may be written in more than one way: 1.0 in `latest`, v1.0 in the archive. */
function isVersion(found: string | null, wanted: string): boolean {
  return found === wanted || found !== null && compareVersions(found, wanted) === "same";
}
