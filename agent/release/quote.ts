/**
 * Text from outside (a server, an archive, a board) as it may stand in a message for people: in
 * quotes, shortened, and with everything that could disturb a terminal or a log escaped.
 */

const SHOWN_CHARACTERS = 60;

/** `text` in double quotes, at most 60 characters of it, control and format characters escaped. */
export function quote(text: string): string {
  const characters = [...text];
  const shown = characters.slice(0, SHOWN_CHARACTERS).map(escapeCharacter).join("");
  return characters.length > SHOWN_CHARACTERS ? `"${shown}…"` : `"${shown}"`;
}

function escapeCharacter(character: string): string {
  if (character === '"' || character === "\\") return `\\${character}`;
  if (character === "\n") return "\\n";
  if (character === "\r") return "\\r";
  if (character === "\t") return "\\t";
  // Cc controls, Cf bidirectional and invisible marks, Cs lone surrogates, line separators.
  if (/[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u.test(character)) {
    return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
  }
  return character;
}
