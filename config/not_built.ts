/**
 * The keys that INTERFACE.md defines and this version does not act on. A key that does nothing
 * must not look as if it did, so a file that sets one is refused; the value that asks for nothing
 * is accepted. Whoever builds the function removes its row.
 */
import { type Problem, valueAt } from "./problems.ts";

interface NotBuilt {
  /** `board` stands for every entry. */
  readonly section: "source" | "defaults and board";
  readonly key: string;
  /** Whether the value asks for what is not there. */
  readonly asks: (value: unknown) => boolean;
  readonly why: string;
}

const DAEMON = "this version has no daemon, remove the key";

const NOT_BUILT: readonly NotBuilt[] = [
  { section: "source", key: "poll_interval", asks: always, why: DAEMON },
  {
    section: "source",
    key: "public_keys",
    asks: (value) => !Array.isArray(value) || value.length > 0,
    why: "this version does not check signatures, remove the keys",
  },
  {
    section: "source",
    key: "require",
    asks: (value) => value === "signature",
    why: 'this version does not check signatures, write "sha256"',
  },
  { section: "defaults and board", key: "auto", asks: (value) => value !== false, why: DAEMON },
];

function always(): boolean {
  return true;
}

/** What the file asks for and this version does not do. */
export function notBuiltProblems(content: unknown): readonly Problem[] {
  const boards = valueAt(content, ["board"]);
  const boardPaths = Array.isArray(boards) ? boards.map((_, index) => ["board", index]) : [];
  const problems: Problem[] = [];
  for (const row of NOT_BUILT) {
    const sections = row.section === "defaults and board"
      ? [["defaults"], ...boardPaths]
      : [[row.section]];
    for (const section of sections) {
      const path = [...section, row.key];
      const value = valueAt(content, path);
      if (value !== undefined && row.asks(value)) problems.push({ path, message: row.why });
    }
  }
  return problems;
}
