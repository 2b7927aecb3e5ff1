/** Whether a release is for a board, by versions alone; no file has been compared yet. */
import { compareVersions, type Release } from "../release/mod.ts";
import type { Glance } from "./inspect.ts";
import type { OutcomeKind, Reason } from "./outcome.ts";

export interface DecideOptions {
  /** False: install whatever the versions say, as uOTA's `version_check=False`. */
  readonly versionCheck: boolean;
  /** Install what is older, too. */
  readonly force: boolean;
  /** Why the release is not to be tried again by itself; null where nothing speaks against it. */
  readonly bad: { readonly reason: Reason; readonly at: string } | null;
  /** The version to stay on; empty for the newest. */
  readonly pin: string;
}

export type Decision =
  | { readonly kind: "install" }
  | { readonly kind: "leave"; readonly outcome: OutcomeKind; readonly reason: Reason | null };

/**
 * Decides by uOTA's rules: only what is newer, and a board without `version` only when told to. A
 * board that needs a repair gets whatever release may be installed on it.
 */
export function decide(seen: Glance, release: Release, options: DecideOptions): Decision {
  const decision = decideOnRelease(seen, release, options);
  if (!seen.needsRepair || decision.kind === "install" || !decision.reason) return decision;
  return leave(
    "failed",
    "unfinished_transaction",
    "The record of an interrupted update is damaged on the board, so its files may be of two " +
      `releases, and the one that is offered is no help: ${decision.reason.message}. ` +
      "uota rollback, or update --archive FILE --force, installs another as a whole",
  );
}

function decideOnRelease(seen: Glance, release: Release, options: DecideOptions): Decision {
  const offered = release.version;
  if (options.pin !== "" && compareVersions(offered, options.pin) !== "same") {
    return leave("skipped", "pinned", `The board stays on ${options.pin}; ${offered} is offered`);
  }
  if (options.bad && !options.force) {
    return leave(
      "skipped",
      "known_bad",
      `${offered} failed on this board on ${options.bad.at} and is not tried again by itself; ` +
        `try it again with --force. It failed so: ${options.bad.reason.message}`,
    );
  }
  // Files of two releases are of no version.
  if (seen.needsRepair || !options.versionCheck || options.force) return { kind: "install" };
  if (seen.version === null) {
    // An empty file system is what a board has left after its flash was corrupted and formatted.
    if (!seen.hasProgram) return { kind: "install" };
    return leave(
      "failed",
      "no_version",
      "The board has a program but no version in a file version, so nobody knows what runs there; " +
        "install over it with --no-version-check",
    );
  }
  switch (compareVersions(offered, seen.version)) {
    case "same":
      return { kind: "leave", outcome: "current", reason: null };
    case "newer":
      return { kind: "install" };
    case "older":
      return leave(
        "skipped",
        "older",
        `The board has ${seen.version}, which is newer than ${offered}; go back with --force`,
      );
    case "unordered":
      return leave(
        "failed",
        "version_order",
        `Nobody can say which is newer, ${offered} or the board's ${seen.version}; ` +
          "publish versions such as 1.2.3 or 2024-05-01, or install it with --no-version-check",
      );
  }
}

function leave(outcome: OutcomeKind, code: Reason["code"], message: string): Decision {
  return { kind: "leave", outcome, reason: { code, message } };
}
