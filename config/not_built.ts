/**
 * The keys that INTERFACE.md defines and this version does not act on. A key that does nothing
 * must not look as if it did, so a file that sets one is refused; the value that asks for nothing
 * is accepted. Whoever builds the function removes its row.
 */
import { type Problem, valueAt } from "./problems.ts";

interface NotBuilt {
  readonly section: "source";
  readonly key: string;
  /** Whether the value asks for what is not there. */
  readonly asks: (value: unknown) => boolean;
  readonly why: string;
}

const NOT_BUILT: readonly NotBuilt[] = [
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
];

/** What the file asks for and this version does not do. */
export function notBuiltProblems(content: unknown): readonly Problem[] {
  return NOT_BUILT.flatMap(({ section, key, asks, why }) => {
    const path = [section, key];
    const value = valueAt(content, path);
    return value !== undefined && asks(value) ? [{ path, message: why }] : [];
  });
}
