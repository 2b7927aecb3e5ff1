/** URLs in text that is kept: they lose what may be secret. */

/**
 * The text with each http(s) URL in it shortened: no user name and password, and an ellipsis for the
 * query, which may hold a signature, and for the fragment.
 */
export function withoutUrlSecrets(text: string): string {
  return text
    .replaceAll(/(https?:\/\/)[^\s/?#]*@/gi, "$1")
    // Punctuation of the sentence around the URL stays.
    .replaceAll(/(https?:\/\/[^\s?#"'<>]*)([?#])[^\s"'<>]*?(?=[,;:.)]*(?:[\s"'<>]|$))/gi, "$1$2…");
}
