/** What must hold for every row of the recovery table, whatever it says. */
import {
  nextSteps,
  RECOVERY,
  type Situation,
  type Steps,
  TRIES,
} from "../../../agent/board/recovery_table.ts";
import { assert, assertEquals } from "../../assert.ts";

interface Row {
  readonly situation: Situation;
  readonly happened: string;
  readonly steps: Steps;
}

const ROWS: readonly Row[] = Object.entries(RECOVERY).flatMap(([situation, row]) =>
  // Object.entries types keys as string; the table has no others than situations.
  Object.entries(row as Readonly<Record<string, Steps>>).map(([happened, steps]) => ({
    situation: situation as Situation,
    happened,
    steps,
  }))
);

const NOTES = new Set<string>(["note_unwanted", "note_bad", "note_good"]);
const ENDS = new Set<string>([
  ...["proceed", "repair", "wait", "keep", "give_up", "distrust", "refuse", "go_on", "watch_old"],
]);

function name({ situation, happened }: Row): string {
  return `${situation}, ${happened}`;
}

Deno.test("RECOVERY notes before it does what follows from the note", () => {
  for (const row of ROWS) {
    const last = row.steps.findLastIndex((step) => NOTES.has(step));
    const first = row.steps.findIndex((step) => !NOTES.has(step));
    assert(first === -1 || last < first, name(row));
  }
});

Deno.test("RECOVERY notes a release as bad only after evidence, or when waiting for it is over", () => {
  for (const row of ROWS) {
    if (!row.steps.includes("note_bad")) continue;
    assert(["rejected", "exhausted"].includes(row.happened), name(row));
  }
});

Deno.test("RECOVERY never ends a visit that wants something else, but for what is not its own", () => {
  for (const row of ROWS) {
    const wantsElse = /^arrived_|_in_the_way$/.test(row.happened);
    if (!wantsElse || row.situation === "foreign") continue;
    for (const step of ["wait", "give_up", "refuse", "keep", "distrust"] as const) {
      assert(!row.steps.includes(step), `${name(row)}: ${step}`);
    }
  }
});

Deno.test("RECOVERY has an end, or a bound, for whatever it tries again", () => {
  for (const row of ROWS) {
    const last = row.steps.at(-1) ?? "";
    if (ENDS.has(last)) continue;
    // What changes the situation for good needs no bound.
    if (["finish", "set_aside", "drop_backup"].includes(last)) continue;
    assert(
      TRIES[row.situation] < Infinity || row.situation === "confirmed" ||
        row.situation === "unprotected",
      name(row),
    );
  }
});

Deno.test("RECOVERY gives way to an offered release when a bound is used up", () => {
  const bounded = Object.entries(TRIES).filter(([, tries]) => tries < Infinity);
  assert(bounded.length > 0);
  for (const [situation] of bounded) {
    // The keys of TRIES are situations.
    const steps = nextSteps(situation as Situation, "exhausted") ?? [];
    const way = steps.find((step) => ["set_aside", "carry_back", "drop_backup"].includes(step));
    assert(way !== undefined, situation);
  }
});

Deno.test("nextSteps() has nothing for what cannot happen", () => {
  assertEquals(nextSteps("clean", "passed"), null);
  assertEquals(nextSteps("unconfirmed", "passed"), ["note_good", "go_on"]);
});
