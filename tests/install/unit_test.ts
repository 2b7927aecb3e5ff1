/** How far the unit is shut off, by systemd's own measure, and that systemd understands it. */
import { assert, assertEquals } from "../assert.ts";
import { CHECKOUT } from "./installer.ts";
import { testNeeding } from "../needs.ts";

const UNIT = `${CHECKOUT}/config/uota-gateway.service`;
/** Ten times what `systemd-analyze security` shows: 1.6. */
const MOST_EXPOSURE = 16;

testNeeding(["systemd-analyze"], "the unit's exposure is at most 1.6", async () => {
  const analyze = (...args: readonly string[]) =>
    new Deno.Command("systemd-analyze", { args: ["security", "--offline=true", ...args, UNIT] })
      .output();

  const { success, stdout } = await analyze("--no-pager", `--threshold=${MOST_EXPOSURE}`);
  const report = new TextDecoder().decode(stdout);
  assert(success, report);
  // The threshold is compared with a number that has more digits than the one shown.
  const shown = /Overall exposure level for \S+: (\d+\.\d+)/.exec(report)?.[1];
  assert(Number(shown) * 10 <= MOST_EXPOSURE, report);
});

Deno.test("the unit has the settings that the daemon is built for", async () => {
  const settings = new Set((await Deno.readTextFile(UNIT)).split("\n"));
  const wanted = ["Type=notify", "NotifyAccess=main", "User=uota", "Restart=always"]
    .concat("RestartPreventExitStatus=78", "StateDirectory=uota-gateway")
    .concat("RuntimeDirectory=uota-gateway", "WatchdogSec=60");
  assertEquals(wanted.filter((setting) => !settings.has(setting)), []);
});
