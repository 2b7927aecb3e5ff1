/**
 * Runs one job an item, at most `jobs` at once, so that a board that hangs holds up no other; the
 * results keep the order of the items. A job that throws stops new ones from being begun, and the
 * error is thrown when those under way have ended.
 */
export async function sideBySide<Item, Result>(
  items: readonly Item[],
  jobs: number,
  job: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const queue = items.entries();
  const worker = async () => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      try {
        results[index] = await job(item);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(jobs, items.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
