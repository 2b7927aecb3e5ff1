/** What the daemon does by itself, as a process, with real boards and a real web server. */
import { DatabaseSync } from "node:sqlite";
import { assert, assertEquals, assertIncludes } from "../assert.ts";
import { startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { watchPort } from "../boards/port_watch.ts";
import { type Nginx, startNginx } from "../server/nginx.ts";
import {
  digests,
  type Files,
  firmware,
  onBoard,
  packed,
  published,
  versionOn,
} from "../update/firmware.ts";
import { makeGateway } from "../update/gateway.ts";
import { testNeeding } from "../needs.ts";
import { DaemonProcess } from "./daemon_process.ts";
import { type OneBoard, startOneBoard } from "./one_board.ts";
import { morePolls } from "./polls.ts";

function publish(server: Nginx, version: string): Promise<void> {
  return server.publish({ ...published(version, packed(firmware(version))) });
}

function boardWith(version: string): Promise<WasmBoard> {
  return startWasmBoard({ files: onBoard(firmware(version)) });
}

const POLLING = 'poll_interval = "1s"';

function boardAndRelease(installed: string, release: string): Promise<OneBoard> {
  return startOneBoard({
    release: firmware(release),
    installed: firmware(installed),
    configure: () => ({ source: POLLING }),
  });
}

testNeeding(
  ["nginx"],
  "uota daemon brings a board to each release that is published",
  async () => {
    await using one = await boardAndRelease("1.0.0", "1.1.0");
    const { server, board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/updated 1\.0\.0 -> 1\.1\.0|1\.0\.0.*1\.1\.0/);
    assertEquals(await versionOn(board), "1.1.0");
    await publish(server, "1.2.0");
    await daemon.until(/1\.1\.0.*1\.2\.0/);
    assertEquals(digests(await board.files()), digests(onBoard(firmware("1.2.0"))));
    assertEquals(await daemon.stop(), { code: 0, signal: null });
  },
);

testNeeding(
  ["nginx"],
  "uota daemon leaves a board alone that is as it should be",
  async () => {
    await using one = await boardAndRelease("1.1.0", "1.1.0");
    const { server, board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/current/);
    using watch = await watchPort(board.port);
    await morePolls(server, 3);
    assertEquals(watch.seen(), { opened: false, written: false });
  },
);

testNeeding(
  ["nginx"],
  "uota daemon that starts again visits no board that stayed plugged in and is as it should be",
  async () => {
    await using one = await startOneBoard({
      ...{ release: firmware("1.1.0"), installed: firmware("1.0.0") },
      configure: (uid) => ({
        source: POLLING,
        boards: `[[board]]\nname = "north"\nmatch = { uid = "${uid}" }\n`,
      }),
    });
    const { server, board, gateway } = one;
    {
      await using daemon = await DaemonProcess.start(gateway.configFile);
      await daemon.until(/north: .*1\.0\.0.*1\.1\.0/);
      await daemon.stop();
    }
    {
      using watch = await watchPort(board.port);
      await using daemon = await DaemonProcess.start(gateway.configFile);
      await daemon.until(/Release 1\.1\.0/);
      await morePolls(server, 3);
      assertEquals(watch.seen(), { opened: false, written: false });
      // What was noted of it holds no longer than it is plugged in.
      await board.unplug();
      await board.plug();
      await daemon.until(/north: current/);
      await daemon.stop();
    }
    // Nor any longer than nobody else has been at the board.
    await gateway.run("update", "--board", "north");
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/north: current/);
  },
);

testNeeding(
  ["nginx"],
  "uota daemon goes on when what it has noted of boards cannot be read or written",
  async () => {
    await using one = await boardAndRelease("1.0.0", "1.1.0");
    const { board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/1\.0\.0.*1\.1\.0/);
    {
      using database = new DatabaseSync(`${gateway.config.gateway.stateDir}/gateway.db`, {
        timeout: 5000,
      });
      database.exec("DROP TABLE settled");
    }
    await board.unplug();
    await board.writeFiles(onBoard(firmware("1.0.5")));
    await board.plug();
    await daemon.until(/cannot be read.*settled/);
    await daemon.until(/1\.0\.5.*1\.1\.0/);
    assertEquals(await versionOn(board), "1.1.0");
    assertEquals(await daemon.stop(), { code: 0, signal: null });
  },
);

testNeeding(["nginx"], "uota daemon updates a board that is plugged in later", async () => {
  await using one = await boardAndRelease("1.0.0", "1.1.0");
  const { board, gateway } = one;
  await board.unplug();
  await using daemon = await DaemonProcess.start(gateway.configFile);
  await daemon.until(/Release 1\.1\.0 is published/);
  await board.plug();
  await daemon.until(/1\.0\.0.*1\.1\.0/);
  await board.unplug();
  await board.writeFiles(onBoard(firmware("1.0.5")));
  await board.plug();
  await daemon.until(/1\.0\.5.*1\.1\.0/);
  assertEquals(await versionOn(board), "1.1.0");
});

testNeeding(
  ["nginx"],
  "uota daemon works from its memory while the server is away",
  async () => {
    await using board = await boardWith("1.0.0");
    await using gateway = await (async () => {
      await using server = await startNginx({ tls: false });
      await publish(server, "1.1.0");
      const gateway = await makeGateway({
        ...{ url: server.url, ports: [board.port], source: POLLING },
      });
      await using daemon = await DaemonProcess.start(gateway.configFile);
      await daemon.until(/1\.0\.0.*1\.1\.0/);
      return gateway;
    })();
    await board.writeFiles(onBoard(firmware("1.0.5")));
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/Release 1\.1\.0 is remembered from/);
    await daemon.until(/1\.0\.5.*1\.1\.0/);
    assertEquals(await versionOn(board), "1.1.0");
  },
);

testNeeding(
  ["nginx"],
  "uota daemon keeps its configuration when the new one is wrong",
  async () => {
    await using server = await startNginx({ tls: false });
    await publish(server, "1.1.0");
    await using board = await boardWith("1.1.0");
    await using gateway = await makeGateway({
      ...{ url: `${server.url}nowhere/`, ports: [board.port], source: POLLING },
    });
    const right = await Deno.readTextFile(gateway.configFile);
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/404/);
    await Deno.writeTextFile(gateway.configFile, right.replace("[source]", "[sauce]"));
    daemon.kill("SIGHUP");
    assertIncludes(await daemon.until(/not used/), "sauce");
    await Deno.writeTextFile(gateway.configFile, right.replace("nowhere/", ""));
    daemon.kill("SIGHUP");
    await daemon.until(/read anew/);
    await daemon.until(/current/);
  },
);

testNeeding(
  ["nginx"],
  "uota daemon does not touch boards that it is not to update",
  async () => {
    await using server = await startNginx({ tls: false });
    await publish(server, "1.1.0");
    await using mine = await boardWith("1.0.0");
    await using other = await boardWith("1.0.0");
    await using gateway = await makeGateway({
      ...{ url: server.url, ports: [mine.port, other.port], source: POLLING },
      boards: `[[board]]
name = "mine"
match = { port = "${mine.port}" }
auto = false`,
    });
    using watch = await watchPort(mine.port);
    await using daemon = await DaemonProcess.start(gateway.configFile);
    await daemon.until(/1\.0\.0.*1\.1\.0/);
    assertEquals(watch.seen(), { opened: false, written: false });
    assertEquals(await versionOn(mine), "1.0.0");
  },
);

testNeeding(
  ["nginx"],
  "uota daemon that is stopped in a push leaves the board whole",
  async () => {
    const release: Files = { ...firmware("1.1.0"), "big.bin": new Uint8Array(200_000).fill(7) };
    await using one = await startOneBoard({
      ...{ release, installed: firmware("1.0.0"), configure: () => ({ source: POLLING }) },
    });
    const { board, gateway } = one;
    await using daemon = await DaemonProcess.start(gateway.configFile, "--verbose");
    await daemon.until(/inspecting/);
    await board.atByte(30_000, async () => {
      daemon.kill("SIGTERM");
      await daemon.until(/SIGTERM/);
    });
    assertEquals(await daemon.ended(), { code: 0, signal: null });
    assertEquals(await versionOn(board), "1.0.0");
    const installed = [...await board.files()].filter(([path]) => !path.startsWith("/.uota/"));
    assertEquals(digests(new Map(installed)), digests(onBoard(firmware("1.0.0"))));
    await using again = await DaemonProcess.start(gateway.configFile);
    await again.until(/1\.0\.0.*1\.1\.0/);
    assertEquals(digests(await board.files()), digests(onBoard(release)));
  },
);

testNeeding(
  ["nginx"],
  "uota daemon says once what is wrong with a server, and that it is over",
  async () => {
    await using server = await startNginx({ tls: false });
    await server.publish({ "latest": "not a notice\n" });
    await using gateway = await makeGateway({
      url: server.url,
      ports: ["/dev/none*"],
      source: POLLING,
    });
    await using daemon = await DaemonProcess.start(gateway.configFile);
    const said = await daemon.until(/latest/);
    await morePolls(server, 2);
    await publish(server, "1.1.0");
    await daemon.until(/all right again/);
    assertEquals(daemon.lines.filter((line) => line === said).length, 1);
    assert(daemon.lines.some((line) => /Release 1\.1\.0 is published/.test(line)));
  },
);
