/** What has to become of a board after a cut: ordinary runs, which end as its kind says. */
import type { ProgressEvent } from "../../agent/update.ts";
import type { FileTree } from "../boards/mod.ts";
import type { Ended } from "./agents.ts";
import { NEW_VERSION, OLD_VERSION } from "./installation.ts";
import { isGoingBack, isOpen, Judge, versionIn } from "./judge.ts";
import type { Action, Ending } from "./kinds.ts";
import { wrongReports } from "./reports.ts";
import type { Rig } from "./rig.ts";

export interface RecoverOptions {
  readonly signal: AbortSignal;
  /** The board at its cuts and after them; none: nothing was cut. */
  readonly trees: readonly FileTree[];
  /** Whether what the gateway says is judged, too. */
  readonly reports: boolean;
  readonly onProgress?: (event: ProgressEvent) => void;
  /** Called after each visit of the board. */
  readonly onVisited?: () => void;
}

/** What is wrong with the recovery; nothing is asked once something is. */
export async function recover(rig: Rig, options: RecoverOptions): Promise<string[]> {
  return await new Recovery(rig, options).run();
}

class Recovery {
  readonly #rig: Rig;
  readonly #judge: Judge;
  readonly #options: RecoverOptions;

  constructor(rig: Rig, options: RecoverOptions) {
    this.#rig = rig;
    this.#judge = new Judge(rig.scenario);
    this.#options = options;
  }

  async run(): Promise<string[]> {
    const wrong = await ENDINGS[this.#rig.scenario.ending](this);
    return wrong.length > 0 ? wrong : this.#judge.leftOver(await this.#rig.board.tree());
  }

  /** The release comes, and stays. */
  async toNew(): Promise<string[]> {
    const first = await this.#step("the first update", "update", {
      outcomes: ["updated", "current"],
      tree: "new",
    });
    if (first.length > 0) return first;
    return await this.#step("the second update", "update", { outcomes: ["current"], tree: "new" });
  }

  /** The release does not stay, and does not come again. */
  async toOld(): Promise<string[]> {
    const wasGoingBack = this.#options.trees.some((tree) => tree.has("/.uota/rollback"));
    const first = await this.#step("the first update", "update", {
      outcomes: ["rolled_back", "skipped known_bad"],
      tree: "old",
      installs: !wasGoingBack,
    });
    return first.length > 0 ? first : await this.#staysOld();
  }

  /** Once somebody has begun to leave the release, it does not come again. */
  async toLeft(): Promise<string[]> {
    const tree = await this.#rig.board.tree();
    const hasBegun = this.#judge.isNew(tree).length > 0 || isGoingBack(tree);
    const first = hasBegun
      ? await this.#step("an update", "update", {
        outcomes: ["rolled_back", "skipped known_bad"],
        tree: "old",
      })
      : await this.#step("the roll-back", "rollback", { outcomes: ["updated"], tree: "old" });
    return first.length > 0 ? first : await this.#staysOld();
  }

  async #staysOld(): Promise<string[]> {
    for (const which of ["the second update", "the third update"]) {
      const wrong = await this.#step(which, "update", {
        outcomes: ["skipped known_bad"],
        tree: "old",
      });
      if (wrong.length > 0) return wrong;
    }
    return [];
  }

  async #step(which: string, action: Action, expected: Expected): Promise<string[]> {
    const { board, scenario } = this.#rig;
    const before = await board.tree();
    // What a cut attempt had staged may be committed without a file being sent.
    let installed = false;
    const ended = await this.#runWhenThere(action, ({ phase }) => {
      if (phase === "staging") installed = true;
    });
    const after = await board.tree();
    this.#options.onVisited?.();
    const short = inShort(ended);
    const wrong: string[] = [];
    if (ended.reason?.code === "no_response") wrong.push(`the silent board: ${board.state}`);
    if (!expected.outcomes.includes(short)) {
      wrong.push(`${ended.text}, in place of ${expected.outcomes.join(" or ")}`);
    }
    if (installed && expected.installs === false) {
      wrong.push("it was installed once more, though it was going back");
    }
    const strategy = scenario.replaces === "in_place" ? "in_place" : "staged";
    // What is left to do after a cut may fit where the whole did not.
    if (installed && this.#options.trees.length === 0 && ended.strategy !== strategy) {
      wrong.push(`files were replaced ${ended.strategy}, in place of ${strategy}`);
    }
    wrong.push(...(expected.tree === "new" ? this.#judge.isNew : this.#judge.isOld)
      .call(this.#judge, after));
    if (this.#options.reports && wrong.length === 0 && scenario.recoveryBy === "present") {
      wrong.push(...await this.#wrongReports(action, ended, { before, after }));
    }
    return wrong.map((what) => `${which} after it: ${what}`);
  }

  async #wrongReports(
    action: Action,
    ended: Ended,
    { before, after }: { readonly before: FileTree; readonly after: FileTree },
  ): Promise<string[]> {
    const { inProcess, scenario } = this.#rig;
    const { signal } = this.#options;
    // Where files are replaced one by one, the open transaction is in the gateway's keeping.
    const settles = isOpen(before) || scenario.replaces === "in_place";
    const isByHand = scenario.ending === "left";
    // A board whose agent was killed goes on with the script that it has, and may be done with it when
    // the next agent looks: then there is nothing left to do.
    const done = ended.outcome === "current" ? [versionIn(after)] : [];
    const earlier = [...isByHand ? [NEW_VERSION, OLD_VERSION] : [OLD_VERSION], ...done];
    return wrongReports({
      ended,
      status: await inProcess.status(signal),
      history: await inProcess.history(signal),
    }, {
      before: settles ? [versionIn(before), ...earlier] : [versionIn(before)],
      isByHand,
      now: versionIn(after),
      wanted: action === "rollback" ? OLD_VERSION : NEW_VERSION,
    });
  }

  /** A board that was told to reset just before its agent was killed is away for a moment yet. */
  async #runWhenThere(
    action: Action,
    watch: (event: ProgressEvent) => void,
  ): Promise<Ended> {
    const { signal, onProgress = () => {} } = this.#options;
    const { recoveryBy } = this.#rig.scenario;
    const agent = recoveryBy === "present" ? this.#rig.inProcess : this.#rig.agent(recoveryBy);
    const run = async () => {
      await this.#rig.portThere(signal);
      return await agent.run(action, {
        signal,
        onProgress: (event) => {
          watch(event);
          onProgress(event);
        },
      });
    };
    const ended = await run();
    return ended.reason?.code === "not_attached" ? await run() : ended;
  }
}

interface Expected {
  readonly outcomes: readonly string[];
  readonly tree: "new" | "old";
  /** False: nothing may be installed on the way. */
  readonly installs?: boolean;
}

/** An outcome in short: `updated`, `skipped known_bad`. */
function inShort({ outcome, reason }: Ended): string {
  if (outcome === "skipped" || outcome === null) return `${outcome} ${reason?.code}`;
  return outcome;
}

const ENDINGS: Readonly<Record<Ending, (recovery: Recovery) => Promise<string[]>>> = {
  new: (recovery) => recovery.toNew(),
  old: (recovery) => recovery.toOld(),
  left: (recovery) => recovery.toLeft(),
};
