import { decide, type DecideOptions } from "../../../agent/board/decide.ts";
import type { Glance } from "../../../agent/board/inspect.ts";
import { assertEquals, assertIncludes } from "../../assert.ts";
import { releaseOf } from "../release/releases.ts";

interface Row {
  /** What the board has; null for no version. */
  readonly version: string | null;
  readonly offered: string;
  readonly seen?: Partial<Glance>;
  readonly options?: Partial<DecideOptions>;
  /** `install`, or the outcome and the reason's code. */
  readonly expected: string;
  readonly message?: string;
}

const ROWS: Readonly<Record<string, Row>> = {
  "what is newer": { version: "0.9", offered: "0.10", expected: "install" },
  "what is the same": { version: "1.0.0", offered: "v1.0", expected: "current" },
  "what is older": {
    version: "0.10",
    offered: "0.9",
    expected: "skipped older",
    message: "--force",
  },
  "what cannot be ordered": {
    version: "banana",
    offered: "1.0",
    expected: "failed version_order",
    message: "banana",
  },
  "a board that is empty": {
    version: null,
    offered: "1.0",
    seen: { hasProgram: false },
    expected: "install",
  },
  "a program without a version": {
    version: null,
    offered: "1.0",
    expected: "failed no_version",
    message: "--no-version-check",
  },
  "a program without a version, unchecked": {
    version: null,
    offered: "1.0",
    options: { versionCheck: false },
    expected: "install",
  },
  "what is older, by force": {
    version: "2.0",
    offered: "1.0",
    options: { force: true },
    expected: "install",
  },
  "what is older, unchecked": {
    version: "2.0",
    offered: "1.0",
    options: { versionCheck: false },
    expected: "install",
  },
  "what cannot be ordered, unchecked": {
    version: "banana",
    offered: "1.0",
    options: { versionCheck: false },
    expected: "install",
  },
  "what is the same, by force, for a repair": {
    version: "1.0",
    offered: "1.0",
    options: { force: true },
    expected: "install",
  },
  "what is newer than the pin": {
    version: "1.0",
    offered: "1.1",
    options: { pin: "1.0" },
    expected: "skipped pinned",
    message: "stays on 1.0",
  },
  "the pinned version itself": {
    version: "1.0",
    offered: "1.1",
    options: { pin: "v1.1.0" },
    expected: "install",
  },
  "what a pin forbids, by force": {
    version: "1.0",
    offered: "1.1",
    options: { pin: "1.0", force: true, versionCheck: false },
    expected: "skipped pinned",
  },
};

for (const [what, row] of Object.entries(ROWS)) {
  Deno.test(`decide() says ${row.expected} to ${what}`, async () => {
    const seen: Glance = {
      version: row.version,
      hasProgram: true,
      transaction: null,
      needsRepair: false,
      leftOvers: false,
      space: null,
      ...row.seen,
    };
    const decision = decide(seen, await releaseOf({ version: row.offered }), {
      versionCheck: true,
      force: false,
      pin: "",
      bad: null,
      ...row.options,
    });
    const reason = decision.kind === "install" ? null : decision.reason;
    const outcome = decision.kind === "install" ? "install" : decision.outcome;
    assertEquals([outcome, reason?.code].filter(Boolean).join(" "), row.expected);
    assertIncludes(reason?.message ?? "", row.message ?? "");
  });
}
