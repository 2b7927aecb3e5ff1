/** mpremote, the judge of the emulated boards and of what an update left on one. */

/** Debian's script, which brings its own python3 and goes by no other that comes first on PATH. */
export const MPREMOTE = "mpremote";
