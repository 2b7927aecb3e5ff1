/** Durations as the configuration writes them: `"30s"`, `"15m"`, `"1h30m"`, `"250ms"`. */

const UNIT_MS: ReadonlyMap<string, number> = new Map([
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
]);

/** The duration in milliseconds, or null where the text is none. Units go from large to small. */
export function parseDuration(text: string): number | null {
  const parts = /^(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+)s)?(?:(\d+)ms)?$/.exec(text);
  if (parts === null || text === "") return null;
  let totalMs = 0;
  let index = 1;
  for (const unitMs of UNIT_MS.values()) {
    totalMs += Number(parts[index++] ?? 0) * unitMs;
  }
  return Number.isSafeInteger(totalMs) ? totalMs : null;
}
