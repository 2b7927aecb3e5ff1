/**
 * Confirmation: after the commit the board is reset, must come back, and its program is watched.
 *
 * On native USB the port goes away with the reset. The board is found again and its program started
 * by a soft reset with the port open, since what it prints before the host has opened the port is
 * lost. On a UART the port stays, so the program is heard from the reset on; what a restart does not
 * show there by itself, the board's clock does: it is asked after the watch, and its program started
 * once more.
 *
 * A program that makes the board restart shows it by its own reset: see `restart_evidence.ts`. The
 * first time, the watch begins anew; the second time is a verdict.
 */
import { UotaError } from "../../errors/mod.ts";
import { type AppOutput, isDecided, judgeOutput, readOutput } from "./app_output.ts";
import type { Reason } from "./outcome.ts";
import { type Boot, Boots } from "./restart_evidence.ts";
import type { AfterReset, Visit } from "./visit.ts";

/** What watching has shown; the names are those of the recovery table. */
export type Watched =
  | {
    readonly kind: "passed";
    /** The board shows its prompt, so nothing runs that could be interrupted. */
    readonly ended: boolean;
    /** Where the board is now: the program goes on, or is still to be started. */
    readonly state: AfterReset;
  }
  | { readonly kind: "rejected"; readonly reason: Reason }
  | { readonly kind: "lost"; readonly error: UotaError }
  | { readonly kind: "reverted" };

export interface ConfirmOptions {
  readonly signal: AbortSignal;
  /** How long to watch, in milliseconds. */
  readonly watchMs: number;
  /** What a line must contain within that time; empty for nothing. */
  readonly ready: string;
  /** Whether the program resets the board, or lets it sleep, by design. */
  readonly restarts: boolean;
  /** Whether what was put into place is still there after the reset; asked at the raw REPL. */
  readonly isInPlace: () => Promise<boolean>;
}

/** A board that only loses its power or its cable is watched so often in one visit. */
const MOST_LOSSES = 3;
/** A restart the first time may be a start in an odd state; the second time it is what it does. */
const MOST_RESTARTS = 2;

/** Resets and watches. Where the program passes, nothing interrupts it again by this. */
export async function confirm(visit: Visit, options: ConfirmOptions): Promise<Watched> {
  return await new Confirmation(visit, options).run();
}

class Confirmation {
  readonly #visit: Visit;
  readonly #options: ConfirmOptions;
  readonly #boots = new Boots();
  #restarts = 0;
  #losses = 0;
  #regained = 0;
  #isChecked = false;
  /** The port stays on a reset, as behind a UART's adapter. */
  #portStays = false;
  /** Whether the line that was asked for has come, however much came after it. */
  #wasReady = false;
  /** The last that the program said of itself. */
  #lastWords: string | null = null;

  constructor(visit: Visit, options: ConfirmOptions) {
    this.#visit = visit;
    this.#options = options;
  }

  async run(): Promise<Watched> {
    const { signal, watchMs, restarts } = this.#options;
    try {
      this.#boots.resetByUs();
      let state = await this.#visit.reset({ signal, soon: restarts });
      this.#portStays = state === "running" || isBehindAdapter(this.#visit.port.devicePath);
      // A program that sleeps by design may not be there to be asked later.
      if (this.#portStays && restarts) state = await this.#enter();
      if (state === "at_prompt") this.#boots.returned(this.#visit.board.evidence);
      let untilMs = performance.now() + watchMs;
      while (true) {
        const next = await this.#watchOnce(state, untilMs).catch((error) => this.#regain(error));
        if (typeof next === "object") return next;
        state = next;
        // What restarts by design has one time for all of it.
        if (!restarts) untilMs = performance.now() + watchMs;
      }
    } catch (error) {
      if (error instanceof UotaError && LOST.has(error.code)) return { kind: "lost", error };
      throw error;
    }
  }

  async #watchOnce(state: AfterReset, untilMs: number): Promise<Watched | AfterReset> {
    const { ready, restarts } = this.#options;
    if (state === "at_prompt" && !await this.#isInPlace()) return { kind: "reverted" };
    const output = await this.#watch(state, untilMs - performance.now());
    if (restarts && ready === "" && output.hasRestarted) return passed(output, "running");
    const isOnItsWay = restarts && output.softRestarts > 0 && !output.isReady;
    // By design, the line may come after the restart.
    if (isOnItsWay && performance.now() < untilMs) return "running";
    return await this.#weigh(output);
  }

  /** The board went while it was at its prompt: a watchdog that the program has started goes on. */
  async #regain(error: unknown): Promise<Watched | AfterReset> {
    const isAway = error instanceof UotaError && AWAY.has(error.code);
    if (!isAway || ++this.#regained > MOST_LOSSES) throw error;
    await this.#enter();
    const boot = this.#look();
    return boot === "same" ? "at_prompt" : this.#countBoot(boot === "unknown" ? "restarted" : boot);
  }

  async #enter(): Promise<"at_prompt"> {
    await this.#visit.enter({ signal: this.#options.signal, eager: true });
    return "at_prompt";
  }

  async #isInPlace(): Promise<boolean> {
    this.#isChecked ||= await this.#options.isInPlace();
    return this.#isChecked;
  }

  async #watch(state: AfterReset, ms: number): Promise<AppOutput> {
    const { board } = this.#visit;
    const { signal, ready } = this.#options;
    const isMicrobit = board.capabilities.platform === "microbit";
    // A timer of the program may go on and on behind the prompt, and only the end of it all is kept.
    let fatal: string | null = null;
    const listening = {
      signal,
      ms: Math.max(ms, 0),
      isDecided: (soFar: string) => {
        const output = readOutput(soFar, { ready, isMicrobit });
        this.#wasReady ||= output.isReady;
        if (!isMicrobit) fatal ??= output.fatal;
        return isDecided(output);
      },
    };
    const heard =
      await (state === "running" ? board.listen(listening) : board.watchProgram(listening)).catch(
        (error) => {
          const isGone = error instanceof UotaError && error.code === "port_lost";
          if (!isGone) throw error;
          return { output: "", hungUp: true };
        },
      );
    const read = readOutput(heard.output, { ready, isMicrobit, hungUp: heard.hungUp });
    // Only the end of a long output is kept.
    this.#wasReady ||= read.isReady;
    const isNew = read.softRestarts === 0;
    const output = {
      ...read,
      fatal: read.fatal ?? (isNew ? fatal : null),
      isReady: this.#wasReady,
    };
    this.#lastWords = output.traceback ?? this.#lastWords;
    return output;
  }

  /** The verdict on one stretch of watching, or from where to watch anew. */
  async #weigh(output: AppOutput): Promise<Watched | AfterReset> {
    const { signal, watchMs, ready, restarts } = this.#options;
    if (output.hungUp) {
      // It may sleep for hours by now, and has shown what it was to show.
      if (output.isReady && this.#isChecked) return passed(output, "running");
      await this.#visit.comeBack({ signal });
      if (output.isReady) return await this.#started(output);
      const boot = this.#look();
      // It did go away, and of a board that cannot say why, this is what is known.
      return this.#countBoot(boot === "unknown" ? "restarted" : boot);
    }
    if (output.softRestarts > 0 && !restarts && !output.isReady) {
      return this.#countRestarts(output.softRestarts, "soft") ?? "running";
    }
    const reason = judgeOutput(output, { watchMs, ready });
    if (reason?.code === "app_failed") return { kind: "rejected", reason };
    if (!this.#portStays || restarts) {
      return reason ? { kind: "rejected", reason } : passed(output, "running");
    }
    // The port stays whatever the board does, so only the board itself can say whether it restarted.
    await this.#enter();
    const boot = this.#look();
    const isSame = boot === "same" || boot === "unknown";
    if (!isSame && !output.isReady) {
      if (boot === "power") await this.#askWhatAResetIs();
      return this.#countBoot(boot);
    }
    return reason ? { kind: "rejected", reason } : await this.#started(output);
  }

  /** At the raw REPL, after the program has shown that it works. */
  async #started(output: AppOutput): Promise<Watched> {
    return await this.#isInPlace() ? passed(output, "at_prompt") : { kind: "reverted" };
  }

  /** Some boards call every reset a power-on, which shows by one of ours. */
  async #askWhatAResetIs(): Promise<void> {
    this.#boots.resetByUs();
    await this.#visit.reset({ signal: this.#options.signal });
    await this.#enter();
    this.#boots.returned(this.#visit.board.evidence);
  }

  #look(): Boot {
    const { evidence } = this.#visit.board;
    const boot = this.#boots.look(evidence);
    this.#boots.returned(evidence);
    return boot;
  }

  /** The board is back from wherever it was, at its raw REPL. */
  #countBoot(boot: Boot): Watched | "at_prompt" {
    if (boot === "restarted") {
      if (this.#options.restarts) return "at_prompt";
      const cause = this.#visit.board.evidence?.resetCause ?? null;
      return this.#countRestarts(1, cause) ?? "at_prompt";
    }
    if (++this.#losses <= MOST_LOSSES) return "at_prompt";
    const what = boot === "power" ? "lost its power" : "lost its connection";
    return {
      kind: "lost",
      error: new UotaError(
        "board_lost",
        `The board on ${this.#visit.port.path} ${what} ${this.#losses} times while its program was ` +
          "being watched, so nobody can say whether the release works; check its cable, hub and " +
          "power supply. The next visit watches it again",
      ),
    };
  }

  #countRestarts(count: number, cause: keyof typeof CAUSES | null): Watched | null {
    this.#restarts += count;
    if (this.#restarts < MOST_RESTARTS) return null;
    const how = cause === null ? "" : ` (${CAUSES[cause]})`;
    const said = this.#lastWords === null ? "" : `\nIt had said:\n${this.#lastWords}`;
    return {
      kind: "rejected",
      reason: {
        code: "app_restarts",
        message: `The program of the new release made the board restart${how} ${this.#restarts} ` +
          "times while it was being watched; where it does so by design, set restarts = true, or " +
          `ready to a line that it prints first${said}`,
      },
    };
  }
}

/**
 * Whether a port is a UART, whose node a reset of the board leaves there: one that went away with the
 * reset all the same has lost its cable. ttyACM may be either.
 */
export function isBehindAdapter(devicePath: string): boolean {
  return /\/tty(USB|AMA|S|mxc|O)\d+$/.test(devicePath);
}

function passed(output: AppOutput, state: AfterReset): Watched {
  return { kind: "passed", ended: output.isAtPrompt && !output.hungUp, state };
}

const CAUSES = {
  power_on: "by a reset",
  hard: "by machine.reset()",
  watchdog: "by its watchdog or machine.reset()",
  deep_sleep: "by deep sleep",
  soft: "by a soft reset",
} as const;

/** The board has gone, or has begun anew in the middle of something. */
const AWAY: ReadonlySet<string> = new Set(["port_lost", "timed_out", "protocol"]);
/** After these nobody can say anything of the program. */
const LOST: ReadonlySet<string> = new Set([
  "board_lost",
  "port_lost",
  "port_missing",
  "no_response",
]);
