/** Outcomes, reports and attached boards to show, each with what a test cares about changed. */
import type { Outcome, ReasonCode } from "../../agent/board/outcome.ts";
import type { AttachedBoard } from "../../agent/survey.ts";

export function outcome(changes: Partial<Outcome> = {}): Outcome {
  return {
    name: "greenhouse-1",
    uid: "e6614103e7",
    port: "/dev/ttyACM0",
    outcome: "updated",
    from: "2.0.0",
    to: "2.0.1",
    offered: "2.0.1",
    reason: null,
    strategy: "staged",
    files: { written: 3, unchanged: 24, deleted: 1, excluded: 2 },
    bytesOnWire: 4312,
    seconds: 1.9,
    ...changes,
  };
}

/** An outcome that ended before anybody could look at the board. */
export function untouched(
  kind: "unreachable" | "failed" | "skipped" | "rolled_back",
  code: ReasonCode,
  message = `Because of ${code}`,
): Outcome {
  return outcome({
    name: `board-${code}`,
    uid: null,
    port: null,
    outcome: kind,
    from: null,
    to: null,
    offered: null,
    reason: { code, message },
    strategy: null,
    files: { written: 0, unchanged: 0, deleted: 0, excluded: 0 },
    bytesOnWire: 0,
    seconds: 0,
  });
}

export function attachedBoard(changes: Partial<AttachedBoard> = {}): AttachedBoard {
  return {
    name: "greenhouse-1",
    uid: "e6614103e7",
    port: "/dev/ttyACM0",
    group: "greenhouse",
    micropython: "1.27.0",
    machine: "Raspberry Pi Pico with RP2040",
    version: "2.0.1",
    freeBytes: 868_352,
    reason: null,
    ...changes,
  };
}
