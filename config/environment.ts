/** The environment's variables; `Deno.env` is one. */
export interface Environment {
  /** The variable's value, or undefined. */
  get(name: string): string | undefined;
}
