/**
 * Which boards a person means: the selectors of `--board`. Pure; used by `update.ts`.
 *
 * A selector is not split at commas, so that globs such as `{north,south}-*` work: several
 * selectors are several words.
 */
import { matchesGlob } from "node:path";
import { nearName } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";

/** What selection needs to know of a board. */
export interface SelectableBoard {
  readonly name: string;
  readonly uid: string | null;
  /** The tty's paths, as found and with links resolved. */
  readonly ports: readonly string[];
  readonly group: string | null;
}

export type Selector =
  | { readonly kind: "all" }
  | { readonly kind: "group"; readonly group: string }
  | { readonly kind: "port"; readonly port: string }
  | { readonly kind: "glob"; readonly pattern: string }
  | { readonly kind: "name_or_uid"; readonly text: string };

/**
 * Reads one selector.
 *
 * @throws {UotaError} `usage` where it is empty.
 */
export function parseSelector(text: string): Selector {
  if (text === "all") return { kind: "all" };
  if (text.trim() === "" || text === "group:") {
    throw new UotaError("usage", `The selector ${JSON.stringify(text)} names no board or group`);
  }
  if (text.startsWith("group:")) return { kind: "group", group: text.slice("group:".length) };
  if (text.startsWith("/")) return { kind: "port", port: text };
  if (/[*?[{]/.test(text)) return { kind: "glob", pattern: text };
  return { kind: "name_or_uid", text };
}

export function selects(selector: Selector, board: SelectableBoard): boolean {
  switch (selector.kind) {
    case "all":
      return true;
    case "group":
      return board.group === selector.group;
    case "port":
      return board.ports.includes(selector.port);
    case "glob":
      return matchesGlob(board.name, selector.pattern);
    case "name_or_uid":
      return board.name === selector.text ||
        board.uid?.toLowerCase() === selector.text.toLowerCase();
  }
}

/**
 * The boards that any of the selectors means, each once, in the order of `boards`.
 *
 * @throws {UotaError} `unknown_board` where a selector other than `all` means no board; the message
 * lists the boards. `usage` where a selector is empty or there is none.
 */
export function selectBoards<Board extends SelectableBoard>(
  selectors: readonly string[],
  boards: readonly Board[],
): readonly Board[] {
  if (selectors.length === 0) throw new UotaError("usage", "No board is selected");
  const parsed = selectors.map((text) => ({ text, selector: parseSelector(text) }));
  const unknown = parsed.filter(({ selector }) =>
    selector.kind !== "all" && !boards.some((board) => selects(selector, board))
  );
  if (unknown.length > 0) {
    const complaints = unknown.map(({ text, selector }) => complaint(text, selector, boards));
    throw new UotaError("unknown_board", `${complaints.join("; ")}\n${listing(boards)}`);
  }
  return boards.filter((board) => parsed.some(({ selector }) => selects(selector, board)));
}

function complaint(text: string, selector: Selector, boards: readonly SelectableBoard[]): string {
  if (selector.kind === "group") {
    const near = nearName(selector.group, groupsOf(boards));
    return `No board is in the group ${selector.group}${meant(near && `group:${near}`)}`;
  }
  const known = selector.kind === "port"
    ? boards.flatMap(({ ports }) => ports)
    : boards.flatMap(({ name, uid }) => uid === null ? [name] : [name, uid]);
  return `No board matches ${text}${meant(nearName(text, known))}`;
}

function meant(near: string | null): string {
  return near === null ? "" : `, did you mean ${near}?`;
}

function groupsOf(boards: readonly SelectableBoard[]): readonly string[] {
  return boards.flatMap(({ group }) => group === null ? [] : [group]);
}

function listing(boards: readonly SelectableBoard[]): string {
  if (boards.length === 0) {
    return "There are no boards: none is attached and the configuration names none";
  }
  const lines = boards.map(({ name, uid, ports, group }) => {
    const facts = [
      ...(uid === null || uid === name ? [] : [`uid ${uid}`]),
      ports[0] ?? "not attached",
      ...(group === null ? [] : [`group:${group}`]),
    ];
    return `  ${name} (${facts.join(", ")})`;
  });
  return `The boards are:\n${lines.join("\n")}`;
}
