/** A look at the store that leaves no trace: for completions, which whoever types runs. */
import { DatabaseSync } from "node:sqlite";
import { z } from "zod";
import { databasePath } from "./store_schema.ts";

const nameRow = z.object({ name: z.string() });

/** The names of the boards in the store; none where it is not there or out of reach. */
export function storedBoardNames(stateDir: string): readonly string[] {
  try {
    const database = new DatabaseSync(databasePath(stateDir), { readOnly: true });
    try {
      const rows = database.prepare("SELECT name FROM board ORDER BY name").all();
      return rows.map((row) => nameRow.parse(row).name);
    } finally {
      database.close();
    }
  } catch {
    return []; // Missing, damaged, locked, or another user's: a completion has nothing to say.
  }
}
