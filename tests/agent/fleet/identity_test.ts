import type { BoardEntry, GatewayConfig } from "../../../config/mod.ts";
import { identify, knownBoards } from "../../../agent/fleet/identity.ts";
import type { PortInfo } from "../../../serial/mod.ts";
import { assert, assertEquals } from "../../assert.ts";

const SETTINGS = {
  baud: 115_200,
  exclude: [],
  delete: [],
  auto: true,
  pin: "",
  confirmMs: 5000,
  ready: "",
  watchdogMs: null,
  restarts: false,
};

function entry(name: string, match: BoardEntry["match"]): BoardEntry {
  return { name, group: null, match, url: null, settings: SETTINGS };
}

function configOf(...boards: readonly BoardEntry[]): GatewayConfig {
  return {
    source: {
      url: "http://x/",
      pollIntervalMs: 900_000,
      pubkeyHash: "",
      caFile: "",
      headers: {},
      require: "sha256",
    },
    gateway: { stateDir: "/nowhere", controlSocket: null, ports: ["/dev/ttyACM*"], jobs: 8 },
    defaults: SETTINGS,
    boards,
  };
}

function port(path: string, serial: string | null = null): PortInfo {
  const usb = { vendorId: "2e8a", productId: "0005", serial, topology: "1-1.3:1.0" };
  return { path, devicePath: path, usb: serial === null ? null : usb };
}

Deno.test("knownBoards() knows a board by its port, by its serial number, by its uid on USB", async () => {
  const config = configOf(
    entry("by-port", { kind: "port", port: "/dev/ttyACM0" }),
    entry("by-serial", { kind: "usb_serial", usbSerial: "E66" }),
    entry("by-uid", { kind: "uid", uid: "e6614103e7" }),
    entry("away", { kind: "uid", uid: "00" }),
  );
  const boards = await knownBoards(config, [
    port("/dev/ttyACM0"),
    port("/dev/ttyACM1", "E66"),
    port("/dev/ttyACM2", "E6614103E7"),
    port("/dev/ttyACM3"),
  ]);
  assertEquals(
    boards.map(({ name, port, identified }) => [name, port?.path ?? null, identified]),
    [
      ["by-port", "/dev/ttyACM0", true],
      ["by-serial", "/dev/ttyACM1", true],
      ["by-uid", "/dev/ttyACM2", true],
      ["ttyACM3", "/dev/ttyACM3", false],
      ["away", null, true],
    ],
  );
});

Deno.test("knownBoards() follows a link that an entry names", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/tty`, "");
    await Deno.symlink(`${directory}/tty`, `${directory}/by-path`);
    const config = configOf(entry("linked", { kind: "port", port: `${directory}/by-path` }));
    const [board] = await knownBoards(config, [port(`${directory}/tty`)]);
    assertEquals(board?.name, "linked");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("identify() finds the entry by the uid that the board says", async () => {
  const config = configOf(entry("greenhouse", { kind: "uid", uid: "e66141" }));
  const [board] = await knownBoards(config, [port("/dev/ttyACM0")]);
  assert(board !== undefined);
  assertEquals(identify(config, board, "e66141").name, "greenhouse");
  assertEquals(identify(config, board, "00ff").name, "board-00ff");
  assertEquals(identify(config, board, null).name, "ttyACM0");
});

Deno.test("identify() leaves a board its entry, whatever uid it says", async () => {
  const config = configOf(
    entry("by-port", { kind: "port", port: "/dev/ttyACM0" }),
    entry("by-uid", { kind: "uid", uid: "e66141" }),
  );
  const [board] = await knownBoards(config, [port("/dev/ttyACM0")]);
  assert(board !== undefined);
  const { name, uid } = identify(config, board, "e66141");
  assertEquals([name, uid], ["by-port", "e66141"]);
});
