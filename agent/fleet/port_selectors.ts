/**
 * Ports are known by the path that the configuration's globs found and by the device behind it. A
 * person may name a third path, such as a link in /dev/serial/by-id: this makes it the device's.
 */

/** The selectors, where those that are paths of something there have their links resolved. */
export function resolvePortSelectors(selectors: readonly string[]): Promise<readonly string[]> {
  return Promise.all(selectors.map(async (selector) => {
    if (!selector.startsWith("/")) return selector;
    // A port that is gone keeps the name that the person gave it, for the message.
    return await Deno.realPath(selector).catch(() => selector);
  }));
}
