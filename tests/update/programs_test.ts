/** What counts as a program on a board that has no `version`: it is not overwritten unasked. */
import { assertEquals } from "../assert.ts";
import { Probe } from "../boards/mod.ts";
import { startBoardRig } from "./board_rig.ts";
import { digests, type Files, firmware, onBoard } from "./firmware.ts";
import { inShort } from "./gateway.ts";

const NEW = firmware("2.0");

const KEPT: Readonly<Record<string, Files>> = {
  "a main.py": { "main.py": "print(1)\n" },
  "a compiled main.mpy": { "main.mpy": "M" },
  "a code.py": { "code.py": "print(1)\n" },
  "a program in boot.py": {
    "boot.py": "# boot.py -- run on boot-up\nimport machine\nimport app\n",
  },
  "a compiled boot.mpy": { "boot.mpy": "M" },
  "a boot.py with more than is stock behind a comment": {
    "boot.py": "import gc # collects\ngc.collect(); run()\n",
  },
};

const OVERWRITTEN: Readonly<Record<string, Files>> = {
  "nothing": {},
  "secrets and exclusions only": { "secrets.py": "KEY = 1\n", "uota.cfg": "{}\n" },
  "what an stm32 makes": {
    "boot.py":
      "# boot.py -- run on boot-up\r\n# can run arbitrary Python\r\n\r\nimport machine\r\n" +
      "import pyb\r\n#pyb.main('main.py') # main script to run after this one\r\n",
    "main.py": "# main.py -- put your code here!\r\n",
  },
  "what an esp8266 makes": {
    "boot.py": "# This file is executed on every boot (including wake-boot from deepsleep)\n" +
      "#import esp\n#esp.osdebug(None)\nimport os, machine\n" +
      "#os.dupterm(None, 1) # disable REPL on UART(0)\nimport gc\n#import webrepl\n" +
      "#webrepl.start()\ngc.collect()\n",
  },
};

for (const [what, files] of Object.entries(KEPT)) {
  Deno.test(`update() leaves a board alone that has ${what} and no version`, async () => {
    await using rig = await startBoardRig(files);
    assertEquals(inShort(await rig.install(NEW)), "failed no_version");
    assertEquals(await rig.files(), digests(onBoard(files)));
  });
}

for (const [what, files] of Object.entries(OVERWRITTEN)) {
  Deno.test(`update() installs on a board that has ${what}`, async () => {
    await using rig = await startBoardRig(files);
    const outcome = await rig.install(NEW);
    assertEquals(inShort(outcome), "updated", outcome.reason?.message);
  });
}

Deno.test("update() leaves a board alone whose program is in no file that starts by itself", async () => {
  await using rig = await startBoardRig({ "app.py": "print('on')\nwhile True: pass\n" });
  {
    using probe = new Probe(rig.board.port);
    await probe.send("\r\x03\x02");
    await probe.until(">>> ");
    await probe.send("import app\r");
    await probe.until("on\r\n");
  }
  assertEquals(inShort(await rig.install(NEW)), "failed no_version");
});
