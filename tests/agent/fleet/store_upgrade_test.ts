/**
 * A store that an earlier version wrote is carried on, whichever way the gateway goes between
 * versions; one that a later version wrote is left alone.
 */
import { DatabaseSync } from "node:sqlite";
import { type BoardKey, boardKey, Store } from "../../../agent/fleet/store.ts";
import { UotaError } from "../../../errors/mod.ts";
import { assert, assertEquals, assertIncludes, assertThrows } from "../../assert.ts";

const FORM_1 = await Deno.readTextFile(
  new URL("../../fixtures/store_form_1.sql", import.meta.url),
);
const BOARD: BoardKey = boardKey({ uid: "aa01", port: "/dev/ttyACM0" });
/** Of the releases in the fixture. */
const V1_5 = "4a18659281568729552f84ce32867e2cb9bdddd462b9feb356a3cf6782337650";
const V2_0 = "6b459dccc7831535ed3ce332a8d06977678d3799c06ceac89d33837d1fd8886a";
const V3_0 = "603c48d0858b8e159cc618d98866e95a4d914979fba8e0c63acb1d357c2ba607";

async function withStore(sql: string, act: (directory: string) => void): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "uota-store-" });
  try {
    using database = disposable(new DatabaseSync(`${directory}/gateway.db`));
    database.value.exec(sql);
    database[Symbol.dispose]();
    act(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function disposable(value: DatabaseSync) {
  let isOpen = true;
  return {
    value,
    [Symbol.dispose]() {
      if (isOpen) value.close();
      isOpen = false;
    },
  };
}

function open(directory: string): Store {
  return Store.open(directory, { log: () => {}, now: () => new Date(Date.UTC(2026, 11, 1)) });
}

function summaries(store: Store) {
  return store.history().map(({ outcome, from_version, to_version, offered_version }) =>
    [outcome, from_version, to_version, offered_version].join(" ")
  );
}

Deno.test("Store gives attempts of form 1 the meaning that they have now", async () => {
  await withStore(FORM_1, (directory) => {
    using store = open(directory);
    assertEquals(summaries(store).toReversed(), [
      "updated 1.0 1.5 1.5",
      "updated 1.5 2.0 2.0",
      "rolled_back 2.0 2.0 3.0",
      "skipped 2.0 2.0 3.0",
      "skipped 2.0 2.0 1.2",
      // uota rollback, which was told as rolled_back.
      "updated 2.0 1.5 1.5",
      "skipped 1.5 1.5 2.0",
      "failed   ",
    ]);
    // What is known to be bad is remembered, and so is what there is to go back to.
    assertEquals(store.badRelease(BOARD, V3_0)?.reason.code, "app_failed");
    assertEquals(store.badRelease(BOARD, V2_0)?.reason.code, "rolled_back_by_hand");
    assertEquals(store.installedArchives(BOARD).map(({ version }) => version), ["1.5", "2.0"]);
    assert(store.isConfirmed(BOARD, V1_5));
    assert(!store.isConfirmed(BOARD, V2_0));
    // The agent was killed while it committed, so nobody knows what the board is on.
    assertEquals(store.status().map(({ version }) => version), [null]);
  });
});

Deno.test("Store reads what an earlier version writes after it was put back", async () => {
  await withStore(FORM_1, (directory) => {
    open(directory)[Symbol.dispose]();
    {
      // As version 0.1.0 notes an attempt: it knows neither of the new columns.
      using database = disposable(new DatabaseSync(`${directory}/gateway.db`));
      database.value.exec(`INSERT INTO attempt (board_key, name, uid, port, started_at, process,
          ended_at, outcome, from_version, to_version, archive_sha256, reason_code)
        VALUES ('aa01', 'board-aa01', 'aa01', '/dev/ttyACM0', '2026-12-01', 'p', '2026-12-01',
          'rolled_back', '1.5', '4.0', '${"ab".repeat(32)}', 'app_failed')`);
      const form = database.value.prepare("PRAGMA user_version").get();
      assertEquals(form?.["user_version"], 1);
    }
    using store = open(directory);
    assertEquals(summaries(store)[0], "rolled_back 1.5 1.5 4.0");
    assertEquals(summaries(store).at(-1), "updated 1.0 1.5 1.5");
  });
});

Deno.test("Store.open() leaves a store alone that a later version wrote", async () => {
  await withStore(`${FORM_1}PRAGMA user_version = 7;`, (directory) => {
    const before = Deno.readFileSync(`${directory}/gateway.db`);
    const error = assertThrows(() => open(directory), UotaError);
    assertEquals(error.code, "config_invalid");
    assertIncludes(error.message, "a later version has written it");
    assertEquals([...Deno.readDirSync(directory)].map(({ name }) => name), ["gateway.db"]);
    assertEquals(Deno.readFileSync(`${directory}/gateway.db`), before);
  });
});
