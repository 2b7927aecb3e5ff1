/**
 * What somebody probably meant: the known name nearest to one that is not known. Used for the keys
 * of the configuration, for board names and for commands.
 */

/** The name of `known` that `typed` is a slip of, or null when none is near enough. */
export function nearName(typed: string, known: Iterable<string>): string | null {
  const wanted = typed.toLowerCase();
  // A slip touches about one letter in three; more than that is another word.
  let bestDistance = Math.max(1, Math.floor(wanted.length / 3)) + 1;
  let best: string | null = null;
  for (const name of known) {
    const distance = editDistance(wanted, name.toLowerCase());
    if (distance < bestDistance) {
      bestDistance = distance;
      best = name;
    }
  }
  return best;
}

/** How many letters to insert, remove, replace or swap with their neighbour to get from a to b. */
export function editDistance(a: string, b: string): number {
  let beforePrevious: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const same = a[row - 1] === b[column - 1];
      let cost = Math.min(
        at(previous, column) + 1,
        at(current, column - 1) + 1,
        at(previous, column - 1) + (same ? 0 : 1),
      );
      if (row > 1 && column > 1 && a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]) {
        cost = Math.min(cost, at(beforePrevious, column - 2) + 1);
      }
      current.push(cost);
    }
    beforePrevious = previous;
    previous = current;
  }
  return at(previous, b.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
