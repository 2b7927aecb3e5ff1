/** Boards that only say themselves who they are, and what the daemon makes of it. */
import { assertEquals } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { startNginx } from "../server/nginx.ts";
import { firmware, onBoard, packed, published, versionIn, versionOn } from "../update/firmware.ts";
import { makeGateway } from "../update/gateway.ts";
import { testNeeding } from "../needs.ts";
import { DaemonProcess } from "./daemon_process.ts";

testNeeding(["nginx"], "uota daemon asks a board whose entry goes by its uid", async (t) => {
  await using server = await startNginx({ tls: false });
  await server.publish({ ...published("1.1.0", packed(firmware("1.1.0"))) });
  const old = onBoard(firmware("1.0.0"));
  await using precious = await startWasmBoard({ files: old, uid: "e6614103e7000001" });
  await using other = await startWasmBoard({ files: old, uid: "e6614103e7000002" });
  const start = async (defaults: string, entry: string) => {
    const gateway = await makeGateway({
      ...{ url: server.url, ports: [precious.port, other.port], defaults },
      boards: `[[board]]\nname = "precious"\nmatch = { uid = "${precious.uid}" }\n${entry}`,
    });
    return { gateway, daemon: await DaemonProcess.start(gateway.configFile) };
  };

  await t.step("and leaves it alone where that says so", async () => {
    const { gateway, daemon } = await start("", "auto = false");
    await using _gateway = gateway;
    await using _daemon = daemon;
    await daemon.until(/precious: skipped/);
    await other.treeBecomes((tree) => versionIn(tree) === "1.1.0");
    assertEquals(await versionOn(precious), "1.0.0");
  });

  await t.step("and updates it where only that says so", async () => {
    const { gateway, daemon } = await start("auto = false", "auto = true");
    await using _gateway = gateway;
    await using _daemon = daemon;
    await daemon.until(/precious: updated/);
    assertEquals(await versionOn(precious), "1.1.0");
  });
});

testNeeding(["nginx"], "uota daemon leaves two boards with one uid as they are", async () => {
  await using server = await startNginx({ tls: false });
  await server.publish({ ...published("1.1.0", packed(firmware("1.1.0"))) });
  const twin = { files: onBoard(firmware("1.0.0")), uid: "e6614103e7000001" };
  await using one = await startWasmBoard(twin);
  await using two = await startWasmBoard(twin);
  await using gateway = await makeGateway({ url: server.url, ports: [one.port, two.port] });
  await using daemon = await DaemonProcess.start(gateway.configFile);
  await daemon.until(/same unique_id/);
  await daemon.until(/same unique_id/);
  assertEquals([await versionOn(one), await versionOn(two)], ["1.0.0", "1.0.0"]);
  // One of them is taken away: the other one is a board like any.
  await two.unplug();
  await one.unplug();
  await one.plug();
  await daemon.until(/updated/);
  assertEquals([await versionOn(one), await versionOn(two)], ["1.1.0", "1.0.0"]);
});
