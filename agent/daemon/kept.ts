/** What the keeper knows of one port and the board on it. */
import type { GatewayConfig } from "../../config/mod.ts";
import type { PortInfo } from "../../serial/mod.ts";
import type { FleetBoard } from "../fleet/identity.ts";

/** One port, from when something is plugged in until it is pulled out. */
export interface Kept {
  readonly port: PortInfo;
  readonly session: string;
  /** What the port tells from outside. */
  known: FleetBoard;
  /** Who it is, once it has said so; else as `known`. */
  board: FleetBoard;
  /** The archive for which there is nothing to do; null: nobody knows. */
  settledFor: string | null;
  failures: number;
  /** Whether the last visit failed for lack of rights. */
  denied: boolean;
  timer: ReturnType<typeof setTimeout> | null;
  visiting: boolean;
  /** Set when something changed during a visit. */
  again: boolean;
  /** Whether the port is away, while a job on its board goes on. */
  gone: boolean;
  /** The port whose job this one belongs to. */
  belongsTo: string | null;
  /** When the last job on this port ended, on the clock of `performance.now()`. */
  jobEndedMs: number;
}

export function newlyKept(
  port: PortInfo,
  options: { readonly session: string; readonly known: FleetBoard; readonly job: string | null },
): Kept {
  const { session, known, job } = options;
  return {
    ...{ port, session, known, belongsTo: job },
    board: known,
    settledFor: null,
    failures: 0,
    denied: false,
    timer: null,
    visiting: false,
    again: false,
    gone: false,
    jobEndedMs: -Infinity,
  };
}

/** What decides which release a board should have; the rest of its settings is for the next visit. */
export function wish({ entry }: FleetBoard, { defaults }: GatewayConfig): string {
  const { auto, pin } = entry?.settings ?? defaults;
  return JSON.stringify([entry?.url ?? null, auto, pin]);
}

export function stopTimer(kept: Kept): void {
  if (kept.timer !== null) clearTimeout(kept.timer);
  kept.timer = null;
}
