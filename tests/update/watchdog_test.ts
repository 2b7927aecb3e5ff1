/** Boards whose program has started a watchdog: it goes on when the program is interrupted. */
import { PortWatch } from "../../serial/mod.ts";
import { assert, assertEquals } from "../assert.ts";
import { type BoardRig, startBoardRig } from "./board_rig.ts";
import { dataFiles, digests, type Files, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const TIMEOUT_MS = 2500;
const WATCHED = `import machine, time
watchdog = machine.WDT(timeout=${TIMEOUT_MS})
while True:
    watchdog.feed()
    time.sleep_ms(20)
`;
const OLD: Files = { "main.py": WATCHED, "version": "1.0\n" };

/** More than a board takes within the time of its watchdog, on any machine. */
const FILES = 12;
const FILE_BYTES = 90_000;
const NEW: Files = {
  ...dataFiles(FILES, FILE_BYTES),
  "main.py": `${WATCHED}# the new one\n`,
  "version": "2.0\n",
};

/** So many attempts a board with a watchdog that bites may take. */
const MOST_ATTEMPTS = 60;

const UID = "e6614103e7000009";

function rigWith(board: string): Promise<BoardRig> {
  return startBoardRig(OLD, {
    board: { usbDelayMs: 10, uid: UID },
    gateway: {
      boards: `[[board]]\nname = "watched"\nmatch = { uid = "${UID}" }\n${board}\n`,
    },
  });
}

async function installCounting(rig: BoardRig) {
  let doneBytes = 0;
  const outcome = await rig.install(NEW, {}, {
    onProgress: (event) => {
      if (event.phase === "staging") doneBytes = event.doneBytes;
    },
  });
  return { ended: inShort(outcome), doneBytes, message: outcome.reason?.message };
}

Deno.test("update() gets further at each attempt while a watchdog bites, and through in the end", async () => {
  await using rig = await rigWith("");
  let doneBefore = 0;
  // However fast the machine is: the line stands still until it has bitten once.
  await using watch = new PortWatch([rig.board.port]);
  const bitten = rig.board.atByte(
    30_000,
    () => watch.changed({ signal: AbortSignal.timeout(20_000) }),
  );
  for (let attempt = 1;; attempt++) {
    const { ended, doneBytes, message } = await installCounting(rig);
    if (ended === "updated") {
      assert(attempt > 1, "The watchdog never bit");
      break;
    }
    assertEquals(ended, "unreachable port_lost", message);
    // An attempt that a busy machine held up comes as far as the one before it.
    assert(doneBytes >= doneBefore, `${doneBytes} bytes after ${doneBefore}`);
    assert(attempt < MOST_ATTEMPTS, `${doneBytes} bytes after ${attempt} attempts`);
    doneBefore = doneBytes;
    if (attempt === 1) await bitten;
    await rig.board.portBack();
  }
  assertEquals(digests(await rig.board.files()), digests(onBoard(NEW)));
});

Deno.test("update() feeds a watchdog whose time the board's entry names, and one attempt is enough", async () => {
  await using rig = await rigWith(`watchdog = "${TIMEOUT_MS}ms"`);
  const { ended, message } = await installCounting(rig);
  assertEquals(ended, "updated", message);
  assertEquals(digests(await rig.board.files()), digests(onBoard(NEW)));
});
