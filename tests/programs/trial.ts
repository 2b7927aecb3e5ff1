/**
 * One program from its base to the last roll-back:
 *
 * 1. it is on the board when the gateway comes, with version 1.0;
 * 2. 2.0 is good, and gets on the board;
 * 3. 3.0 fails, and is rolled back; it is not tried again;
 * 4. 4.0 is good again;
 * 5. `uota rollback` goes back to 2.0.
 *
 * A program that is good is in each of them, and comes to no good end in 3.0. Of a program that is
 * bad, 2.0 and 4.0 are free. After each step the board has the files of the right release, and after
 * its power has come back that release's program runs.
 */
import { updateJson } from "../../agent/report/json.ts";
import { rollback } from "../../agent/rollback.ts";
import type { Outcome } from "../../agent/board/outcome.ts";
import { UotaError } from "../../errors/mod.ts";
import { startWasmBoard, untilLinked, type WasmBoard } from "../boards/mod.ts";
import { type Files, onBoard, packed } from "../update/firmware.ts";
import { type Gateway, makeGateway, onlyOutcome } from "../update/gateway.ts";
import { filesOf, MARK_PATH, ordinaryFiles, type Program } from "./program.ts";

/** A board that is hard to get into may take some visits, as a daemon makes them. */
const MOST_VISITS = 6;
/** How long the gateway watches, besides what a program takes, which begins with the reset. */
const CONFIRM_SECONDS = 3;
const RUNS_BOUND_MS = 15_000;
const TRIAL_BOUND_MS = 400_000;
/** What a message of some program's making may have at most. */
const MESSAGE_CHARACTERS = 20_000;
const UNSAFE = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u;
const OWN_FILES: Files = { "notes.txt": "nobody names this\n" };

/** What is wrong after a trial of the program; nothing more is asked once something is. */
export async function tryProgram(program: Program): Promise<string[]> {
  const controller = new AbortController();
  const bound = setTimeout(
    () => controller.abort(new Error(`No end within ${TRIAL_BOUND_MS / 1000} s`)),
    TRIAL_BOUND_MS,
  );
  try {
    await using trial = await Trial.start(program, controller.signal);
    await trial.run();
    return [];
  } catch (error) {
    if (error instanceof Violation) return [error.message];
    return [error instanceof Error ? error.stack ?? error.message : String(error)];
  } finally {
    clearTimeout(bound);
  }
}

/** Something is not as it has to be. */
class Violation extends Error {}

interface Step {
  readonly outcomes: readonly string[];
  /** Whose files and whose program there are afterwards. */
  readonly version: string;
}

class Trial implements AsyncDisposable {
  readonly #program: Program;
  readonly #board: WasmBoard;
  readonly #gateway: Gateway;
  readonly #signal: AbortSignal;
  /** What the board has to have when it is on a version. */
  readonly #trees = new Map<string, ReadonlyMap<string, Uint8Array>>();

  private constructor(options: {
    readonly program: Program;
    readonly board: WasmBoard;
    readonly gateway: Gateway;
    readonly signal: AbortSignal;
  }) {
    this.#program = options.program;
    this.#board = options.board;
    this.#gateway = options.gateway;
    this.#signal = options.signal;
  }

  static async start(program: Program, signal: AbortSignal): Promise<Trial> {
    const base = { ...filesOf(program, { version: "1.0" }), ...OWN_FILES };
    const board = await startWasmBoard({
      ...program.board,
      ...{ files: onBoard(base), usbDelayMs: 50 },
    });
    const gateway = await makeGateway({
      ports: [board.port],
      confirm: `${CONFIRM_SECONDS + (program.boot?.seconds ?? 0) + (program.main.seconds ?? 0)}s`,
      ...(program.main.defaults === undefined ? {} : { defaults: program.main.defaults }),
    });
    const trial = new Trial({ program, board, gateway, signal });
    trial.#trees.set("1.0", onBoard(base));
    return trial;
  }

  async run(): Promise<void> {
    const program = this.#program;
    const { is } = program.main;
    const mends = is !== "good";
    const good = (version: string) =>
      mends ? ordinaryFiles(program, version) : filesOf(program, { version });
    await this.#update("2.0", good("2.0"), { outcomes: ["updated"], version: "2.0" });
    const third = filesOf(program, { version: "3.0", fails: !mends });
    if (is === "either") {
      await this.#updateEitherWay(third);
    } else {
      await this.#update("3.0", third, { outcomes: ["rolled_back"], version: "2.0" });
      if (program.main.ask?.force !== true) {
        await this.#update("3.0", third, { outcomes: ["skipped known_bad"], version: "2.0" });
      }
    }
    await this.#update("4.0", good("4.0"), { outcomes: ["updated"], version: "4.0" });
    // Who spoils the version hides which release there is; which one was before cannot be known.
    if (program.main.ask !== undefined || is === "either") return;
    await this.#rollBack({ outcomes: ["updated"], version: "2.0" });
  }

  async #updateEitherWay(files: Files): Promise<void> {
    this.#keepTree("3.0", files);
    const outcome = await this.#visit(() => this.#install(files));
    const short = inShort(outcome);
    if (short === "updated") return await this.#isOn("3.0", "3.0 that may be good or bad", short);
    if (short === "rolled_back") {
      return await this.#isOn("2.0", "3.0 that may be good or bad", short);
    }
    throw new Violation(`3.0 that may be good or bad: ${describe(outcome)}`);
  }

  async #update(version: string, files: Files, step: Step): Promise<void> {
    this.#keepTree(version, files);
    await this.#carryOut(`update to ${version}`, () => this.#install(files), step);
  }

  async #rollBack(step: Step): Promise<void> {
    const request = { selectors: ["all"], jobs: null };
    const goBack = async () => {
      const boards = await rollback(this.#gateway.config, request, { signal: this.#signal });
      return onlyOutcome({ release: null, boards });
    };
    await this.#carryOut("rollback", goBack, step);
  }

  /** What the board has on a version: its own files, and the release's over those of the present. */
  #keepTree(version: string, files: Files): void {
    if (this.#trees.has(version)) return;
    const present = this.#trees.get(version === "4.0" ? "2.0" : "1.0") ?? new Map();
    const gone: readonly string[] = JSON.parse(`${files["uota.cfg"] ?? "{}"}`).delete ?? [];
    const kept = [...present].filter(([path]) => !gone.includes(path.slice(1)));
    this.#trees.set(
      version,
      new Map([...version === "2.0" || version === "4.0" ? kept : present, ...onBoard(files)]),
    );
  }

  async #install(files: Files): Promise<Outcome> {
    const archive = `${this.#gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(files));
    const report = await this.#gateway.update({ archive, ...this.#program.main.ask }, {
      signal: this.#signal,
    });
    return onlyOutcome(report);
  }

  async #carryOut(what: string, work: () => Promise<Outcome>, step: Step): Promise<void> {
    const outcome = await this.#visit(work);
    const short = inShort(outcome);
    const message = outcome.reason?.message ?? "";
    if (!step.outcomes.includes(short)) throw new Violation(`${what}: ${describe(outcome)}`);
    const printed = updateJson({ release: null, boards: [outcome] }).trimEnd();
    if (UNSAFE.test(printed)) throw new Violation(`${what}: unsafe text in ${printed}`);
    if (message.length > MESSAGE_CHARACTERS) {
      throw new Violation(`${what}: a message of ${message.length} characters`);
    }
    await this.#isOn(step.version, what, short);
  }

  /** Makes visits until one gets through. */
  async #visit(work: () => Promise<Outcome>): Promise<Outcome> {
    for (let visit = 1;; visit++) {
      await untilLinked(this.#board.port, { signal: this.#signal });
      try {
        const outcome = await work();
        if (outcome.outcome !== "unreachable" || visit === MOST_VISITS) return outcome;
      } catch (error) {
        // It has gone again before the gateway looked.
        const isAway = error instanceof UotaError && error.code === "not_attached";
        if (!isAway || visit === MOST_VISITS) throw error;
      }
    }
  }

  async #isOn(version: string, what: string, outcome: string): Promise<void> {
    const wrong = this.#differences(version, await this.#board.tree());
    if (wrong.length > 0) throw new Violation(`${what}: ${outcome}, but ${wrong.join(", ")}`);
    await this.#board.writeFiles(new Map([[MARK_PATH, new Uint8Array()]]));
    const ran = await this.#versionThatRuns();
    if (ran !== version) {
      throw new Violation(`${what}: ${outcome}, but what runs is ${ran || "nothing"}`);
    }
  }

  #differences(version: string, tree: ReadonlyMap<string, Uint8Array>): string[] {
    const wanted = this.#trees.get(version) ?? new Map<string, Uint8Array>();
    const own = new Set([MARK_PATH, ...this.#program.main.writes ?? []]);
    const isJudged = (path: string) =>
      !path.endsWith("/") && !path.startsWith("/.uota/") && !own.has(path);
    const decoder = new TextDecoder();
    return [...new Set([...tree.keys(), ...wanted.keys()])].filter(isJudged).flatMap((path) => {
      const found = tree.get(path);
      const right = wanted.get(path);
      if (found === undefined) return [`${path} is missing`];
      if (right === undefined) return [`${path} should not be there`];
      return decoder.decode(found) === decoder.decode(right)
        ? []
        : [`${path} is ${JSON.stringify(decoder.decode(found.slice(0, 60)))}`];
    });
  }

  /** The version in the mark, once a program has left one; empty where none does in time. */
  async #versionThatRuns(): Promise<string> {
    const bound = Promise.withResolvers<void>();
    const timer = setTimeout(bound.resolve, RUNS_BOUND_MS);
    let isOver = false;
    bound.promise.then(() => isOver = true);
    try {
      for (;;) {
        const changed = this.#board.atChange(1, () => Promise.resolve());
        const ran = new TextDecoder().decode((await this.#board.files()).get(MARK_PATH));
        if (ran !== "" || isOver) return ran;
        await Promise.race([changed, bound.promise]);
      }
    } finally {
      this.#board.forgetStops();
      clearTimeout(timer);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#board.stop();
    await this.#gateway[Symbol.asyncDispose]();
  }
}

function inShort({ outcome, reason }: Outcome): string {
  return outcome === "skipped" ? `${outcome} ${reason?.code}` : outcome;
}

function describe({ outcome, reason }: Outcome): string {
  return reason === null ? outcome : `${outcome}, ${reason.code}: ${reason.message.slice(0, 400)}`;
}
