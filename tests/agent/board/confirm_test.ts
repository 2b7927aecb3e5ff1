import { isBehindAdapter } from "../../../agent/board/confirm.ts";
import { assertEquals } from "../../assert.ts";

Deno.test("isBehindAdapter() knows UARTs by their names, and nothing of what may be native USB", () => {
  for (const path of ["/dev/ttyUSB0", "/dev/ttyAMA10", "/dev/ttyS0", "/dev/ttymxc2"]) {
    assertEquals(isBehindAdapter(path), true, path);
  }
  for (const path of ["/dev/ttyACM0", "/dev/pts/3", "/tmp/ttyUSB"]) {
    assertEquals(isBehindAdapter(path), false, path);
  }
});
