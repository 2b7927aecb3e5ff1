/**
 * Text that came from boards, servers and files as it may stand on a terminal or in a journal. A
 * leaf, as all of this room: whoever keeps or shows such text imports it from here.
 */

/**
 * What moves the cursor, turns the direction of a line, breaks it, or cannot be seen at all: control
 * (Cc) and format characters (Cf, among them U+202A to U+202E, U+2066 to U+2069 and the tags from
 * U+E0000), line and paragraph separators, lone surrogates, and all else that Unicode says to show
 * as nothing (Default_Ignorable_Code_Point, such as variation selectors).
 */
const UNSHOWABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu;

/** The most that is shown or kept of a text: some 2 KB, and in UTF-8 never more than 8. */
export const LONGEST_TEXT = 2000;

/** One line: what cannot be shown becomes `\u{202e}`, so that different texts stay different. */
export function escaped(text: string): string {
  return text.replaceAll(UNSHOWABLE, codePoint);
}

/** As {@linkcode escaped}, for a name: one that only looks like an escape is told from it. */
export function escapedName(name: string): string {
  return escaped(name.replaceAll(/\\(?=u\{)/g, "\\u{5c}"));
}

/** A JSON document on one line that means the same, and can be looked at on a terminal. */
export function escapedJson(json: string): string {
  return json.replaceAll(
    UNSHOWABLE,
    (character) =>
      Array.from(
        { length: character.length },
        (_, index) => `\\u${character.charCodeAt(index).toString(16).padStart(4, "0")}`,
      ).join(""),
  );
}

/**
 * The text with at most so many characters: of one that is longer the beginning and the end, where a
 * traceback has its exception.
 */
export function shortened(text: string, maxCharacters: number = LONGEST_TEXT): string {
  // No character has less than one unit, so most texts need not be taken apart.
  if (text.length <= maxCharacters) return text;
  const characters = [...text];
  if (characters.length <= maxCharacters) return text;
  const tail = Math.floor(maxCharacters / 3);
  const left = characters.length - maxCharacters;
  return `${characters.slice(0, maxCharacters - tail).join("")}… (${left} characters left out) …${
    characters.slice(characters.length - tail).join("")
  }`;
}

function codePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}
