/** What `uota completions` can be asked for; `boards` is for the other three. */
export const COMPLETION_KINDS = ["bash", "zsh", "fish", "boards"] as const;
export type CompletionKind = typeof COMPLETION_KINDS[number];
