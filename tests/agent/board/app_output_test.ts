import { isDecided, judgeOutput, readOutput } from "../../../agent/board/app_output.ts";
import { assert, assertEquals } from "../../assert.ts";

const HELP = 'Type "help()" for more information.\r\n';
const BANNER = `MicroPython v1.27.0 on 2025-12-09; Raspberry Pi Pico with RP2040\r\n${HELP}`;
const TRACEBACK =
  'Traceback (most recent call last):\r\n  File "main.py", line 1, in <module>\r\n' +
  "ValueError: x\r\n";
const NO_READY = { ready: "", isMicrobit: false };

function read(output: string) {
  return readOutput(output, NO_READY);
}

Deno.test("readOutput() knows that a program has ended by the banner, whatever the prompt is", () => {
  for (const prompt of [">>> ", "$ ", "", "\x1b[32m> \x1b[0m", "=> "]) {
    const ended = read(`up\r\n${BANNER}${prompt}`);
    assertEquals([ended.isAtPrompt, ended.fatal, isDecided(ended)], [true, null, "when_quiet"]);
    const failed = read(`up\r\n${TRACEBACK}${BANNER}${prompt}`);
    assertEquals(judgeOutput(failed, { watchMs: 1000, ready: "" })?.code, "app_failed");
  }
});

Deno.test("readOutput() does not take a program for ended that goes on behind what looks like a banner", () => {
  const output = read(`${BANNER}>>> \r\nmeasured 1\r\nmeasured 2\r\n`);
  assertEquals([output.isAtPrompt, output.fatal], [false, null]);
  assertEquals(isDecided(output), "not_yet");
  // What a program handles and prints is no end of it.
  const handled = read(`${TRACEBACK}going on\r\n`);
  assertEquals([handled.fatal, judgeOutput(handled, { watchMs: 1000, ready: "" })], [null, null]);
});

Deno.test("readOutput() sees a program's end also when something prints behind the prompt", () => {
  const output = read(`${TRACEBACK}${BANNER}>>> tick\r\ntick\r\n`);
  assertEquals(judgeOutput(output, { watchMs: 1000, ready: "" })?.code, "app_failed");
});

Deno.test("readOutput() counts soft restarts, and reads what came after the last", () => {
  const output = read(`${TRACEBACK}MPY: soft reboot\r\nup\r\nMPY: soft reboot\r\nup\r\n`);
  assertEquals([output.softRestarts, output.hasRestarted, output.fatal], [2, true, null]);
  assert(output.traceback?.includes("ValueError"));
  assertEquals(isDecided(output), "at_once");
});

Deno.test("readOutput() takes a micro:bit for ended that still scrolls its exception", () => {
  assertEquals(
    readOutput(`up\r\n${TRACEBACK}`, { ready: "", isMicrobit: true }).fatal !== null,
    true,
  );
  assertEquals(read(`up\r\n${TRACEBACK}`).fatal, null);
});
