/**
 * Runs one job an item, at most `jobs` at once, so that a board that hangs holds up no other; the
 * results keep the order of the items. A job that throws stops new ones from being begun, and the
 * error is thrown when those under way have ended.
 *
 * INVARIANTS
 * - A job that gives up its place lets the next one begin, and is waited for all the same.
 */

/** What a job holds among those side by side. */
export interface Place {
  /** The job takes longer than it may: another one may begin. Does nothing the second time. */
  readonly giveUp: () => void;
}

export async function sideBySide<Item, Result>(
  items: readonly Item[],
  jobs: number,
  job: (item: Item, place: Place) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const failures: unknown[] = [];
  const ended = Promise.withResolvers<void>();
  const queue = items.entries();
  let places = jobs;
  let underWay = 0;

  const begin = async (index: number, item: Item) => {
    let hasPlace = true;
    const giveUp = () => {
      if (!hasPlace) return;
      hasPlace = false;
      places++;
      beginMore();
    };
    places--;
    underWay++;
    try {
      results[index] = await job(item, { giveUp });
    } catch (error) {
      failures.push(error);
    } finally {
      underWay--;
      giveUp();
      if (underWay === 0) ended.resolve();
    }
  };
  const beginMore = () => {
    while (places > 0 && failures.length === 0) {
      const { value, done } = queue.next();
      if (done) return;
      begin(...value);
    }
  };

  beginMore();
  if (underWay > 0) await ended.promise;
  if (failures.length > 0) throw failures[0];
  return results;
}
