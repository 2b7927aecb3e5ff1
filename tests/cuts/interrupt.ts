/**
 * An attempt that is cut, and the visit after it that clears up, until the cut comes.
 *
 * INVARIANTS
 * - A cut happens exactly at its operation: power and cable go within the board, and a board whose
 *   agent is to be killed stands still until the agent is dead.
 * - Afterwards the board has power and cable, and nobody holds its port.
 */
import type { FileTree } from "../boards/mod.ts";
import type { Cut } from "./cut.ts";
import type { Action } from "./kinds.ts";
import type { Rig } from "./rig.ts";

/** What an interrupted attempt shows. */
export interface Interruption {
  /** False where the attempt was over before the cut came. */
  readonly reached: boolean;
  /** The board at the moment of the cut, and after all that was still going on had ended. */
  readonly trees: readonly FileTree[];
  /** Failures that no cut excuses. */
  readonly wrong: readonly string[];
}

/** An agent that still waits for its board by then gets it back under its hands. */
const PATIENCE_MS = 400;

/** The attempt, and the visit that clears up behind it. */
export const VISITS_UNTIL_CUT = 2;

/** Lets the agent work on the board until the cut, and then until it gives up. */
export function interrupt(rig: Rig, cut: Cut, signal: AbortSignal): Promise<Interruption> {
  return cut.kind === "kill" ? killAgent(rig, cut, signal) : cutBoard(rig, cut, signal);
}

function visits({ scenario }: Rig): readonly Action[] {
  return [scenario.attempt, ...Array<Action>(VISITS_UNTIL_CUT - 1).fill("update")];
}

async function cutBoard(rig: Rig, cut: Cut, signal: AbortSignal): Promise<Interruption> {
  const { board } = rig;
  const happened =
    (cut.kind === "power" ? board.cutPowerAfter(cut.at) : board.unplugAfterBytes(cut.at)).then(() =>
      "cut" as const
    );
  const wrong: string[] = [];
  const trees: FileTree[] = [];
  for (const action of visits(rig)) {
    const visiting = visitWhateverComes(rig, action, signal).then((found) => wrong.push(...found));
    // The agent may hear of the cut before this thread does.
    if (await Promise.race([happened, visiting]) !== "cut" && board.stopIsToCome) continue;
    await happened;
    trees.push(await board.tree());
    const settled = visiting.then(() => "settled" as const);
    const timer = Promise.withResolvers<void>();
    const timeout = setTimeout(timer.resolve, PATIENCE_MS);
    await Promise.race([settled, timer.promise]);
    clearTimeout(timeout);
    trees.push(await board.tree());
    await (cut.kind === "power" ? board.powerOn() : board.plug());
    await settled;
    trees.push(await board.tree());
    return { reached: true, trees, wrong };
  }
  board.forgetStops();
  return { reached: false, trees: [await board.tree()], wrong };
}

/** A visit may fail in every way that has a name. */
async function visitWhateverComes(
  rig: Rig,
  action: Action,
  signal: AbortSignal,
): Promise<string[]> {
  const { attemptBy } = rig.scenario;
  const agent = attemptBy === "present" ? rig.inProcess : rig.agent(attemptBy);
  try {
    const { reason } = await agent.run(action, { signal });
    return reason?.code === "internal" ? [`the agent failed: ${reason.message}`] : [];
  } catch (error) {
    return [`the agent threw ${error instanceof Error ? error.stack : error}`];
  }
}

async function killAgent(rig: Rig, cut: Cut, signal: AbortSignal): Promise<Interruption> {
  const { board } = rig;
  let agent: Deno.ChildProcess | null = null;
  const killed = Promise.withResolvers<"cut">();
  const kill = async () => {
    agent?.kill("SIGKILL");
    await agent?.status;
    killed.resolve("cut");
  };
  const stopping = cut.after === "change"
    ? board.atChange(cut.at, kill)
    : board.atByte(cut.at, kill);
  stopping.catch(killed.reject);
  for (const action of visits(rig)) {
    agent = rig.agent(rig.scenario.attemptBy).start(action, signal);
    const ended = agent.status.then(() => "ended" as const);
    // Of a kill, its end is heard of first.
    if (await Promise.race([killed.promise, ended]) === "ended") {
      const { signal: by } = await agent.status;
      if (by !== "SIGKILL") continue;
      await killed.promise;
    }
    return { reached: true, trees: [await board.tree()], wrong: [] };
  }
  board.forgetStops();
  return { reached: false, trees: [await board.tree()], wrong: [] };
}
