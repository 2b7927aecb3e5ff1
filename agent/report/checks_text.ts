/** What `uota doctor` prints for people: a line a check, and beneath it the command that mends. */
import { styleText } from "node:util";
import type { Check, CheckState } from "../doctor/check.ts";
import type { TextOptions } from "./text.ts";
import { counted, shownLines } from "./words.ts";

const STATE_COLUMNS = "problem".length;
const COLORS: Readonly<Record<CheckState, "green" | "yellow" | "red">> = {
  ok: "green",
  warning: "yellow",
  problem: "red",
};

/** Commands are never broken, so that they can be copied. */
export function checksText(
  checks: readonly Check[],
  { color }: Pick<TextOptions, "color">,
): string {
  const names = Math.max(...checks.map(({ check }) => check.length));
  const lines = checks.flatMap(({ check, state, message, mend }) => {
    const word = state.padEnd(STATE_COLUMNS);
    const painted = color ? styleText(COLORS[state], word, { validateStream: false }) : word;
    const margin = " ".repeat(STATE_COLUMNS + names + 4);
    return [
      `${painted}  ${check.padEnd(names)}  ${oneLine(message)}`,
      ...(mend === null ? [] : [`${margin}mend: ${oneLine(mend)}`]),
    ];
  });
  return `${[...lines, "", sumLine(checks)].join("\n")}\n`;
}

function oneLine(text: string): string {
  return shownLines(text).join(" ");
}

function sumLine(checks: readonly Check[]): string {
  const count = (wanted: CheckState) => checks.filter(({ state }) => state === wanted).length;
  return `${counted(count("problem"), "problem")}, ${counted(count("warning"), "warning")}`;
}
