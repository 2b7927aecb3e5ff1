/** The gateway's memory on a real file. */
import { DatabaseSync } from "node:sqlite";
import type { Outcome } from "../../../agent/board/outcome.ts";
import { boardKey, Store } from "../../../agent/fleet/store.ts";
import { storeFailure } from "../../../agent/fleet/store_failure.ts";
import { storedBoardNames } from "../../../agent/fleet/store_names.ts";
import { UotaError } from "../../../errors/mod.ts";
import { outcome } from "../outcomes.ts";
import { assert, assertEquals, assertIncludes, assertThrows } from "../../assert.ts";
import { testNeeding } from "../../needs.ts";

const BOARD = {
  key: boardKey({ uid: "e661", port: "/dev/a" }),
  name: "a",
  uid: "e661",
  port: "/dev/a",
};
const SHA256 = "ab".repeat(32);

async function withStateDir(act: (directory: string) => Promise<void> | void): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "uota-store-" });
  try {
    await act(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function open(directory: string, log: (line: string) => void = () => {}): Store {
  let tick = 0;
  return Store.open(directory, { log, now: () => new Date(Date.UTC(2026, 0, 1, 0, 0, tick++)) });
}

Deno.test("Store keeps attempts with their steps, clean-up and outcome across runs", async () => {
  await withStateDir((directory) => {
    {
      using store = open(directory);
      const id = store.beginAttempt(BOARD);
      store.addStep(id, "staging");
      store.endAttempt(id, BOARD.key, {
        outcome: outcome(),
        archiveSha256: SHA256,
        version: "2.0",
        cleanUp: new Map([["old.py", "deleted"], ["secret.py", "kept_excluded"]]),
      });
    }
    using store = open(directory);
    const [attempt, ...others] = store.history();
    assertEquals(others, []);
    assertEquals(attempt?.outcome, "updated");
    assertEquals(attempt?.steps.map(({ step }) => step), ["staging"]);
    assertEquals(attempt?.cleanUp, [
      { path: "old.py", fate: "deleted" },
      { path: "secret.py", fate: "kept_excluded" },
    ]);
    const [status] = store.status();
    assertEquals([status?.version, status?.outcome], ["2.0", "updated"]);
    assert(store.isConfirmed(BOARD.key, SHA256));
    assert(!store.isConfirmed(BOARD.key, "cd".repeat(32)));
  });
});

Deno.test("Store does not take a release for confirmed that was rolled back after it", async () => {
  await withStateDir((directory) => {
    using store = open(directory);
    for (const kind of ["updated", "rolled_back"] as const) {
      store.endAttempt(store.beginAttempt(BOARD), BOARD.key, {
        outcome: outcome({ outcome: kind }),
        archiveSha256: SHA256,
        version: null,
        cleanUp: new Map(),
      });
    }
    assert(!store.isConfirmed(BOARD.key, SHA256));
  });
});

const OTHER = {
  key: boardKey({ uid: "ffff", port: "/dev/b" }),
  name: "b",
  uid: "ffff",
  port: "/dev/b",
};

function attempted(
  store: Store,
  { key, name, uid, port }: typeof BOARD,
  ended: Partial<Outcome>,
): number | null {
  const id = store.beginAttempt({ key, name, uid, port });
  store.addStep(id, "opening");
  store.endAttempt(id, key, {
    outcome: outcome({ name, uid, port, ...ended }),
    archiveSha256: SHA256,
    version: null,
    cleanUp: new Map(),
  });
  return id;
}

/** As many attempts without steps as there are after months. */
function addFailures(directory: string, { key, name, port }: typeof BOARD, count: number): void {
  using database = new DatabaseSync(`${directory}/gateway.db`);
  database.prepare(
    `WITH RECURSIVE counted (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counted WHERE n < ?)
     INSERT INTO attempt (board_key, name, port, started_at, ended_at, outcome, process)
     SELECT ?, ?, ?, '2026', '2026', 'failed', '' FROM counted`,
  ).run(count, key, name, port);
}

Deno.test("Store shows a board's attempts beside one that is tried far more often", async () => {
  await withStateDir((directory) => {
    using store = open(directory);
    const rare = attempted(store, BOARD, {});
    addFailures(directory, OTHER, 250);
    assertEquals(store.boards().map(({ name, ports }) => [name, ports]), [
      ["a", ["/dev/a"]],
      ["b", ["/dev/b"]],
    ]);
    assertEquals(store.history(store.boards().slice(0, 1)).map(({ id }) => id), [rare]);
    assertEquals(store.history().at(-1)?.id, rare);
    assertEquals(store.history().length, 201);
  });
});

Deno.test("Store keeps the first and the last of a row of equal failures to reach a board", async () => {
  await withStateDir((directory) => {
    using store = open(directory);
    const unreachable = (code: "port_busy" | "no_response") =>
      attempted(store, BOARD, { outcome: "unreachable", reason: { code, message: "…" } });
    const first = unreachable("no_response");
    attempted(store, OTHER, {
      outcome: "unreachable",
      reason: { code: "no_response", message: "" },
    });
    for (let i = 0; i < 20; i++) unreachable("no_response");
    const last = unreachable("no_response");
    const [busy, again] = [unreachable("port_busy"), unreachable("no_response")];
    const kept = store.history().filter(({ name }) => name === "a");
    assertEquals(kept.map(({ id }) => id), [again, busy, last, first]);
    assertEquals(kept.map(({ steps }) => steps.length), [1, 1, 1, 1]);
  });
});

Deno.test("Store bounds the attempts of a board, and its last installation stays", async () => {
  await withStateDir((directory) => {
    {
      using store = open(directory);
      attempted(store, BOARD, {});
      addFailures(directory, BOARD, 1010);
      attempted(store, BOARD, { outcome: "failed" });
      assert(store.isConfirmed(BOARD.key, SHA256));
    }
    using database = new DatabaseSync(`${directory}/gateway.db`);
    const count = (table: string) => database.prepare(`SELECT count(*) AS n FROM ${table}`).get();
    assertEquals([count("attempt")?.["n"], count("step")?.["n"]], [1001, 2]);
  });
});

Deno.test("Store records an outcome wholly or not at all, and goes on after a failure", async () => {
  await withStateDir((directory) => {
    const told: string[] = [];
    using store = open(directory, (line) => told.push(line));
    const id = store.beginAttempt(BOARD);
    const end = () =>
      store.endAttempt(id, BOARD.key, {
        ...{ outcome: outcome(), archiveSha256: SHA256, version: null, cleanUp: new Map() },
      });
    using database = new DatabaseSync(`${directory}/gateway.db`);
    database.exec(
      `CREATE TRIGGER fault BEFORE INSERT ON board BEGIN SELECT RAISE (FAIL, 'a fault'); END`,
    );
    end();
    // It is told once, and fails nobody: the board is what it is.
    end();
    assertEquals(told.map((line) => line.includes("a fault")), [true]);
    assertEquals(store.history().map(({ outcome }) => outcome), [null]);
    database.exec("DROP TRIGGER fault");
    end();
    assertEquals(store.history().map(({ outcome }) => outcome), ["updated"]);
  });
});

Deno.test("Store remembers a bad release for its board alone, until it works", async () => {
  await withStateDir((directory) => {
    using store = open(directory);
    const other = boardKey({ uid: "ffff", port: "/dev/b" });
    const reason = { code: "app_failed", message: "Traceback" } as const;
    store.markBad(BOARD.key, { sha256: SHA256, version: "2.0" }, reason);
    assertEquals(store.badRelease(BOARD.key, SHA256)?.reason, reason);
    assertEquals(store.badRelease(other, SHA256), null);
    store.clearBad(BOARD.key, SHA256);
    assertEquals(store.badRelease(BOARD.key, SHA256), null);
  });
});

Deno.test("Store.open() settles the attempts that a killed agent left open, and no others", async () => {
  await withStateDir(async (directory) => {
    const child = new Deno.Command(Deno.execPath(), {
      args: [
        "eval",
        "--ext=ts",
        `
        const { boardKey, Store } = await import(${JSON.stringify(STORE)});
        const store = Store.open(${JSON.stringify(directory)}, { log() {}, now: () => new Date() });
        store.beginAttempt({ key: boardKey({ uid: "k", port: "p" }), name: "killed", uid: "k", port: "p" });
        Deno.kill(Deno.pid, "SIGKILL");
      `,
      ],
      stderr: "inherit",
    });
    assertEquals((await child.output()).signal, "SIGKILL");
    using living = open(directory);
    living.beginAttempt(BOARD);
    using store = open(directory);
    const outcomes = store.history().map(({ name, outcome, reason_code }) => [
      name,
      outcome,
      reason_code,
    ]);
    assertEquals(outcomes, [["a", null, null], ["killed", "failed", "interrupted"]]);
  });
});

const STORE = new URL("../../../agent/fleet/store.ts", import.meta.url).href;

Deno.test("Store.open() sets a damaged store aside, says so, and begins anew", async () => {
  await withStateDir((directory) => {
    {
      using store = open(directory);
      store.beginAttempt(BOARD);
    }
    Deno.writeTextFileSync(`${directory}/gateway.db`, "no database\n".repeat(1000));
    const lines: string[] = [];
    using store = open(directory, (line) => lines.push(line));
    assertEquals(store.history(), []);
    assertIncludes(lines.join(), "The store was damaged");
    const names = [...Deno.readDirSync(directory)].map(({ name }) => name);
    assert(names.some((name) => name.startsWith("gateway.db.damaged-")));
  });
});

Deno.test("Store.open() says which directory cannot be written", async () => {
  await withStateDir((directory) => {
    Deno.writeTextFileSync(`${directory}/file`, "");
    const error = assertThrows(() => open(`${directory}/file/state`), UotaError);
    assertEquals(error.code, "config_invalid");
    assertIncludes(error.message, "gateway.state_dir");
  });
});

Deno.test("storeFailure() tells a service of its unit, and nobody else", async () => {
  await withStateDir((directory) => {
    const denied = Object.assign(new Error("EROFS: read-only file system"), { code: "EROFS" });
    const message = (variables: Readonly<Record<string, string>>) => {
      const env = { get: (name: string) => variables[name] };
      return storeFailure(directory, `${directory}/gateway.db`, denied, env).message;
    };
    assertIncludes(message({ INVOCATION_ID: "1f" }), `[Service] ReadWritePaths=${directory})`);
    assert(!message({}).includes("ReadWritePaths"));
  });
});

/** Opens a store in a process of its own, as `exit of its error / message`. */
async function openWith(shell: string, directory: string): Promise<string> {
  const script = `
    const { Store } = await import(${JSON.stringify(STORE)});
    const { exitCodeOfError } = await import(${JSON.stringify(EXIT_CODE)});
    try {
      using _ = Store.open(Deno.args[0] + "/state", { log: console.log, now: () => new Date() });
      console.log("opened");
    } catch (error) {
      console.log(error.code, exitCodeOfError(error), error.message);
    }
  `;
  const { stdout } = await new Deno.Command("sh", {
    args: ["-c", shell, Deno.execPath(), directory, script],
    stdin: "null",
    stderr: "inherit",
  }).output();
  return new TextDecoder().decode(stdout);
}

const EXIT_CODE = new URL("../../../agent/exit_code.ts", import.meta.url).href;
const OPEN = 'exec "$0" eval --ext=ts "$2" -- "$1"';

Deno.test("Store.open() does not take a failing disk for a wrong configuration", async () => {
  await withStateDir(async (directory) => {
    // A file that may not grow ends a write with EFBIG, which SQLite calls an I/O error.
    const said = await openWith(`trap '' XFSZ; ulimit -f 4; ${OPEN}`, directory);
    assertIncludes(said, "state_unavailable 75 ");
    assertIncludes(said, "look at the disk");
  });
});

testNeeding(
  ["root", "unshare"],
  "Store.open() says that the disk is full, or that it is read-only",
  async () => {
    const unshared = async (shell: string, directory: string) =>
      await openWith(
        `exec unshare --mount sh -c 'mount -t tmpfs -o size=64k none "$1"; mkdir "$1/state"
          ${shell}; ${OPEN}' "$0" "$1" "$2"`,
        directory,
      );
    await withStateDir(async (directory) => {
      const full = await unshared("cat /dev/zero >$1/rest 2>/dev/null", directory);
      assertIncludes(full, "state_unavailable 75 ");
      assertIncludes(full, `the disk is full: free space in ${directory}/state`);
      const readOnly = await unshared("mount -o remount,ro $1", directory);
      assertIncludes(readOnly, "config_invalid 78 ");
    });
  },
);

Deno.test("storedBoardNames() reads the boards beside an open store, and makes none", async () => {
  await withStateDir((directory) => {
    assertEquals(storedBoardNames(directory), []);
    assertEquals([...Deno.readDirSync(directory)], []);
    using store = open(directory);
    store.endAttempt(store.beginAttempt(BOARD), BOARD.key, {
      outcome: outcome(),
      archiveSha256: SHA256,
      version: "2.0",
      cleanUp: new Map(),
    });
    assertEquals(storedBoardNames(directory), [outcome().name]);
  });
});
