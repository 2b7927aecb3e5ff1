/** A hand on the keyboard while boards are worked on: keys at a real terminal, and a lost one. */
import { assert, assertEquals } from "../assert.ts";
import { BOUNCE_MS } from "../../agent/stop_signals.ts";
import { pause } from "../../serial/mod.ts";
import { Probe, startMicrobit, type WasmBoard } from "../boards/mod.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { dataFiles, digests, type Files, firmware, onBoard, packed } from "./firmware.ts";
import { makeGateway } from "./gateway.ts";
import { testNeeding } from "../needs.ts";
import { CTRL_BACKSLASH, CTRL_C, CTRL_Q, CTRL_S, CTRL_Z, Person } from "./person.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;
const OLD = firmware("1.0.0", { "lib/a.py": "a = 1\n" });
const NEW = firmware("2.0.0", { "lib/a.py": "a = 2\n", "b.py": "b = 2\n" });
const LARGE: Files = { ...NEW, ...dataFiles(6, 20_000) };
const [VERSION_OF_LARGE = ""] = digests(onBoard({ version: "2.0.0" }));
/** In the middle of the transfer of LARGE. */
const MIDDLE_BYTES = 60_000;

async function updating(
  rig: Pick<BoardRig, "gateway" | "pack">,
  release: Files,
  more: readonly string[] = [],
): Promise<Person> {
  const flags = [...more, "--board", "all", "--archive", await rig.pack(release)];
  return new Person(
    [Deno.execPath(), "run", "-A", MAIN, "--config", rig.gateway.configFile, "update", ...flags],
  );
}

/** Files that are not the transaction's. */
async function installed(board: WasmBoard): Promise<readonly string[]> {
  return digests(new Map([...await board.files()].filter(([path]) => !path.startsWith("/.uota/"))));
}

/** A program that runs can be interrupted; a board in the raw REPL has nothing to interrupt. */
async function assertProgramRuns(port: string): Promise<void> {
  using probe = new Probe(port);
  // One that comes while the board is starting is lost, so there are several.
  for (let left = STARTING_TRIES;; left--) {
    await probe.send("\x03");
    try {
      return void await probe.until("KeyboardInterrupt", left > 0 ? STARTING_MS : undefined);
    } catch (error) {
      if (left === 0) throw error;
    }
  }
}

const STARTING_TRIES = 50;
const STARTING_MS = 100;

/** How many changes the board has seen when the release is on its way into place. */
async function changesBeforeCommit(): Promise<number> {
  await using rig = await startBoardRig(OLD);
  let changes = 0;
  await rig.install(NEW, {}, {
    onProgress: ({ phase }) => {
      if (phase === "committing") changes = rig.board.changes;
    },
  });
  return changes;
}

/** What a hand does, and the exit code that follows. */
const HANDS: readonly {
  readonly name: string;
  readonly code: number;
  readonly act: (person: Person) => Promise<void>;
}[] = [
  {
    name: "Ctrl-C",
    code: 130,
    async act(person) {
      await person.type(CTRL_C);
      await person.sees(/stopping; press Ctrl-C again to abort/);
    },
  },
  {
    name: "Ctrl-\\",
    code: 131,
    async act(person) {
      await person.type(CTRL_BACKSLASH);
      await person.sees(/stopping/);
    },
  },
  {
    name: "a window that is closed",
    code: 129,
    act: (person) => Promise.resolve(person.closeWindow()),
  },
];

for (const { name, code, act } of HANDS) {
  testNeeding(
    ["setsid"],
    `uota update ends the transfer at ${name}, and the old program runs again`,
    async () => {
      await using rig = await startBoardRig(OLD);
      const before = await installed(rig.board);
      const stopped = Promise.withResolvers<Person>();
      const held = rig.board.atByte(MIDDLE_BYTES, async () => await act(await stopped.promise));
      await using person = await updating(rig, LARGE);
      stopped.resolve(person);
      await held;
      assertEquals(await person.ended(), { code, signal: null }, person.screen);
      assertEquals(await installed(rig.board), before);
      await assertProgramRuns(rig.board.port);
    },
  );
}

testNeeding(
  ["setsid"],
  "uota update carries a commit through at Ctrl-C and when its window is closed",
  async (t) => {
    const before = await changesBeforeCommit();
    for (const { name, code, act } of HANDS) {
      await t.step(name, async () => {
        // Watched, the program is seen to be in its loop before the run ends.
        await using rig = await startBoardRig(OLD, { gateway: { confirm: "500ms" } });
        const stopped = Promise.withResolvers<Person>();
        const held = rig.board.atChange(before + 2, async () => await act(await stopped.promise));
        await using person = await updating(rig, NEW);
        stopped.resolve(person);
        await held;
        assertEquals(await person.ended(), { code, signal: null }, person.screen);
        assertEquals(await installed(rig.board), digests(onBoard(NEW)));
        await assertProgramRuns(rig.board.port);
      });
    }
  },
);

testNeeding(
  ["setsid"],
  "uota update aborts at the second Ctrl-C, gives the cursor back, and is settled later",
  async () => {
    await using rig = await startBoardRig(OLD);
    const stopped = Promise.withResolvers<Person>();
    const held = rig.board.atByte(MIDDLE_BYTES, async () => {
      const person = await stopped.promise;
      await person.type(CTRL_C);
      await person.sees(/stopping; press Ctrl-C again to abort/);
      // What a key that bounces does: it is the same stroke.
      await person.type(CTRL_C);
      await pause(BOUNCE_MS, new AbortController().signal);
      assert(await isAlive(person.pid), person.screen);
      await person.type(CTRL_C);
      // The board is held meanwhile: nothing else could end the program.
      assertEquals(await person.ended(), { code: 130, signal: null }, person.screen);
    });
    await using person = await updating(rig, LARGE);
    stopped.resolve(person);
    await held;
    // What it said last may be read after its end is known: the cursor is shown, and not hidden again.
    await person.sees(/\p{Cc}\[\?25h(?![^]*\p{Cc}\[\?25l)/u);
    assertEquals((await rig.install(LARGE)).outcome, "updated");
    assertEquals(digests(await rig.board.files()), digests(onBoard(LARGE)));
  },
);

testNeeding(
  ["setsid"],
  "uota update is not suspended by Ctrl-Z while boards wait for it",
  async () => {
    await using rig = await startBoardRig(OLD);
    const stopped = Promise.withResolvers<Person>();
    const held = rig.board.atByte(MIDDLE_BYTES, async () => {
      const person = await stopped.promise;
      await person.type(CTRL_Z);
      await person.sees(/not suspended/);
    });
    await using person = await updating(rig, LARGE);
    stopped.resolve(person);
    await held;
    assertEquals(await person.ended(), { code: 0, signal: null }, person.screen);
    assertEquals(digests(await rig.board.files()), digests(onBoard(LARGE)));
  },
);

testNeeding(["setsid"], "uota update goes on while its terminal takes nothing", async () => {
  await using rig = await startBoardRig(OLD);
  const stopped = Promise.withResolvers<Person>();
  const held = rig.board.atByte(MIDDLE_BYTES, async () => {
    await (await stopped.promise).type(CTRL_S);
  });
  await using person = await updating(rig, LARGE, ["--verbose"]);
  stopped.resolve(person);
  await held;
  // All of the update is over before anybody lets the terminal go on.
  await rig.board.treeBecomes((tree) => digests(tree).includes(VERSION_OF_LARGE));
  await person.type(CTRL_Q);
  await person.sees(/1 board: 1 updated/);
  assertEquals(await person.ended(), { code: 0, signal: null }, person.screen);
});

async function isAlive(pid: number): Promise<boolean> {
  const stat = await Deno.readTextFile(`/proc/${pid}/stat`).catch(() => "Z");
  return !/Z/.test(stat.slice(stat.lastIndexOf(")")));
}

Deno.test("uota update goes on when nobody reads what it says any more", async () => {
  await using rig = await startBoardRig(OLD);
  const flags = ["--board", "all", "--archive", await rig.pack(LARGE), "--verbose"];
  const child = rig.gateway.start("update", ...flags);
  const reader = child.stderr.getReader();
  await reader.read();
  await Promise.all([reader.cancel(), child.stdout.cancel()]);
  assertEquals((await child.status).code, 0);
  assertEquals(digests(await rig.board.files()), digests(onBoard(LARGE)));
});

const ON_MICROBIT: Files = {
  "main.py": "from microbit import sleep\nprint('old runs')\nwhile True: sleep(20)\n",
  "a.py": "a = 1\n".repeat(20),
  "b.py": "b = 1\n",
  "version": "1.0\n",
};
const FOR_MICROBIT: Files = {
  "main.py": "from microbit import sleep\nprint('new runs')\nwhile True: sleep(20)\n",
  "a.py": "a = 2\n".repeat(60),
  "b.py": "b = 2\n".repeat(60),
  "c.py": "c = 2\n".repeat(30),
  "version": "2.0\n",
};

testNeeding(
  ["micro:bit", "setsid"],
  "uota update puts a micro:bit's old files back at Ctrl-C, and its old program runs again",
  async () => {
    await using board = await startMicrobit({ files: plain(ON_MICROBIT) });
    await using gateway = await makeGateway({ ports: [board.port] });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(FOR_MICROBIT));
    await using person = await updating(
      { gateway, pack: () => Promise.resolve(archive) },
      FOR_MICROBIT,
    );
    // The first file is in place by then.
    await person.sees(/[1-9]\d?%/);
    await person.type(CTRL_C);
    await person.sees(/stopping; press Ctrl-C again to abort/);
    assertEquals((await person.ended()).code, 130, person.screen);
    using probe = new Probe(board.port);
    await probe.send("\x03");
    await probe.until("KeyboardInterrupt");
    await probe.enterRaw();
    for (const [name, content] of Object.entries(ON_MICROBIT)) {
      const text = await probe.print(`print(repr(open(${JSON.stringify(name)}).read()))`);
      assertEquals(text, repr(String(content)));
    }
    assertEquals(await probe.print("import os\nprint(len(os.listdir()))"), "4");
  },
);

function plain(files: Files): ReadonlyMap<string, Uint8Array> {
  return new Map([...onBoard(files)].map(([path, content]) => [path.slice(1), content]));
}

/** As Python prints a string of printable ASCII. */
function repr(text: string): string {
  const quote = text.includes("'") ? '"' : "'";
  return `${quote}${text.replaceAll("\n", "\\n")}${quote}`;
}
