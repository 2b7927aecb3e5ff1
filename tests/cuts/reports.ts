/**
 * Whether what the gateway says of an attempt is what the board has: `update --json`, `status --json`
 * and `history --json` against the board's own `version`. Pure; INTERFACE.md has the contract.
 */
import type { Reported, ReportedStatus } from "./agents.ts";

/** What is known after an attempt that nothing has cut. */
export interface Reports {
  readonly ended: Reported;
  readonly status: readonly ReportedStatus[];
  /** Newest first. */
  readonly history: readonly Reported[];
}

/** What the board had and has. */
export interface BoardVersions {
  /**
   * What may count as the version before: the one in the file, and where an open transaction is
   * settled the one from before that.
   */
  readonly before: readonly (string | null)[];
  readonly now: string | null;
  /** Somebody has left the release; else a roll-back is the gateway's own. */
  readonly isByHand: boolean;
  /** The version that was wanted. */
  readonly wanted: string;
}

/** What is wrong with the reports. */
export function wrongReports(reports: Reports, versions: BoardVersions): string[] {
  const { ended, status, history } = reports;
  const { before, now, wanted } = versions;
  const wrong: string[] = [];
  const expect = (isRight: boolean, what: string) => {
    if (!isRight) wrong.push(`report: ${what}`);
  };
  const has = `the board has ${now}`;
  expect(
    before.includes(ended.from),
    `from is ${ended.from}, the board had ${before.join(" or ")}`,
  );
  expect(ended.to === now, `to is ${ended.to}, ${has}`);
  expect(ended.offered === wanted, `offered is ${ended.offered}, wanted was ${wanted}`);
  if (ended.outcome === "rolled_back" && !versions.isByHand) {
    expect(ended.to === ended.from, `rolled_back from ${ended.from} to ${ended.to}`);
  }
  const [board, ...others] = status;
  expect(others.length === 0, `status has ${status.length} boards`);
  expect(board?.version === now, `status has version ${board?.version}, ${has}`);
  const newest = history.find(({ outcome }) => outcome !== null);
  expect(newest?.outcome === ended.outcome, `history has ${newest?.outcome}, not ${ended.outcome}`);
  expect(newest?.to === now, `history has to ${newest?.to}, ${has}`);
  expect(newest?.from === ended.from, `history has from ${newest?.from}, not ${ended.from}`);
  for (const entry of history) {
    for (const name of ["from", "to", "offered"] as const) {
      expect(name in entry, `an entry of history has no ${name}`);
    }
    expect(entry.outcome !== null, "an attempt that has ended is open in history");
    const isGood = entry.outcome === "updated" || entry.outcome === "current";
    const given = entry.reason?.code;
    expect(isGood || entry.reason !== null, `history has ${entry.outcome} without a reason`);
    expect(given !== "internal", `history has an internal error: ${entry.reason?.message}`);
  }
  return [...new Set(wrong)];
}
