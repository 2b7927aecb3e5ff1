import { assertEquals, assertRejects } from "../assert.ts";
import { configPath, loadConfig, type UnresolvedConfig } from "../../config/mod.ts";
import { UotaError } from "../../errors/mod.ts";

const URL_LINE = `url = "https://example.com/downloads/"\n`;
const MINIMAL = `[source]\n${URL_LINE}`;
const ROOT = { env: environment({}), uid: 0 };

function environment(variables: Readonly<Record<string, string>>) {
  return { get: (name: string) => variables[name] };
}

/** Runs `use` with a file of this text in a directory of its own. */
async function withFile<Result>(
  text: string,
  use: (path: string, directory: string) => Promise<Result>,
): Promise<Result> {
  const directory = await Deno.makeTempDir({ prefix: "uota-config-" });
  try {
    const path = `${directory}/gateway.toml`;
    await Deno.writeTextFile(path, text);
    return await use(path, directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function load(text: string): Promise<UnresolvedConfig> {
  return withFile(text, (path) => loadConfig(path, ROOT));
}

/** What loading complains of, with the file's path as FILE. */
function complaint(text: string): Promise<string> {
  return withFile(text, async (path) => {
    const error = await assertRejects(() => loadConfig(path, ROOT), UotaError);
    assertEquals(error.code, "config_invalid");
    return error.message.replaceAll(path, "FILE");
  });
}

Deno.test("loadConfig() puts the defaults in", async () => {
  const settings = {
    baud: 115200,
    exclude: [],
    delete: [],
    auto: true,
    pin: "",
    confirmMs: 5000,
    ready: "",
    watchdogMs: null,
    restarts: false,
  };
  assertEquals(await load(MINIMAL), {
    source: {
      url: "https://example.com/downloads/",
      pollIntervalMs: 900_000,
      pubkeyHash: "",
      caFile: "",
      headers: {},
      require: "sha256",
    },
    gateway: {
      stateDir: "/var/lib/uota-gateway",
      controlSocket: "/run/uota-gateway/control.sock",
      ports: ["/dev/ttyACM*", "/dev/ttyUSB*"],
      jobs: 8,
    },
    defaults: settings,
    boards: [],
  });
});

Deno.test("loadConfig() adds the slash that a URL's path lacks", async () => {
  const cases = [
    ["https://example.com", "https://example.com/"],
    ["https://example.com/a/", "https://example.com/a/"],
    ["https://example.com/a?key=b/", "https://example.com/a/?key=b/"],
  ];
  for (const [url, complete] of cases) {
    assertEquals((await load(`[source]\nurl = "${url}"\n`)).source.url, complete);
  }
});

Deno.test("loadConfig() reads every key", async () => {
  const pem = "-----BEGIN CERTIFICATE-----\n";
  const config = await withFile(
    `[source]
     url = "http://10.0.0.1:8080/fw"
     poll_interval = "1m30s"
     ca_file = "ca.pem"
     headers = { Authorization = "Bearer x" }
     require = "none"
     public_keys = []
     [gateway]
     state_dir = "state"
     ports = ["/tmp/boards/*"]
     jobs = 2
     [defaults]
     baud = 9600
     exclude = ["/secrets.py", "certs/"]
     delete = ["./old.py"]
     pin = "1.2"
     confirm = "1s500ms"
     ready = "up"
     watchdog = "8s"
     restarts = true
     auto = false
     [[board]]
     name = "greenhouse-1"
     group = "greenhouse"
     match = { uid = "E6614103E7" }
     url = "https://example.com/other"
     baud = 460800
     exclude = []
     [[board]]
     name = "by port"
     group = ""
     url = ""
     match = { port = "/dev/serial/by-id/usb-1" }
     [[board]]
     name = "serial"
     match = { usb_serial = "A50285BI" }
     pin = ""`,
    async (path, directory) => {
      await Deno.writeTextFile(`${directory}/ca.pem`, pem);
      const config = await loadConfig(path, ROOT);
      assertEquals(config.source.caFile, `${directory}/ca.pem`);
      assertEquals(config.gateway.stateDir, `${directory}/state`);
      return config;
    },
  );
  assertEquals(config.source.url, "http://10.0.0.1:8080/fw/");
  assertEquals(config.source.headers, { Authorization: "Bearer x" });
  assertEquals(config.source.pollIntervalMs, 90_000);
  assertEquals(config.source.require, "none");
  assertEquals(config.gateway.ports, ["/tmp/boards/*"]);
  assertEquals(config.gateway.jobs, 2);
  const defaults = {
    baud: 9600,
    exclude: ["secrets.py", "certs"],
    delete: ["old.py"],
    auto: false,
    pin: "1.2",
    confirmMs: 1500,
    ready: "up",
    watchdogMs: 8000,
    restarts: true,
  };
  assertEquals(config.defaults, defaults);
  assertEquals(config.boards, [
    {
      name: "greenhouse-1",
      group: "greenhouse",
      match: { kind: "uid", uid: "e6614103e7" },
      url: "https://example.com/other/",
      settings: { ...defaults, baud: 460800, exclude: [] },
    },
    {
      name: "by port",
      group: null,
      match: { kind: "port", port: "/dev/serial/by-id/usb-1" },
      url: null,
      settings: defaults,
    },
    {
      name: "serial",
      group: null,
      match: { kind: "usb_serial", usbSerial: "A50285BI" },
      url: null,
      settings: { ...defaults, pin: "" },
    },
  ]);
});

Deno.test("loadConfig() loads the example file", async () => {
  const config = await loadConfig(
    new URL("../../config/gateway.toml", import.meta.url).pathname,
    ROOT,
  );
  assertEquals(config, await load(MINIMAL));
});

Deno.test("loadConfig() keeps state in the user's directory without root", async () => {
  const cases: [Record<string, string>, string][] = [
    [{ HOME: "/home/pi" }, "/home/pi/.local/state/uota-gateway"],
    [{ HOME: "/home/pi", XDG_STATE_HOME: "/srv/state" }, "/srv/state/uota-gateway"],
  ];
  for (const [variables, stateDir] of cases) {
    const config = await withFile(
      MINIMAL,
      (path) => loadConfig(path, { env: environment(variables), uid: 1000 }),
    );
    assertEquals(config.gateway.stateDir, stateDir);
  }
});

Deno.test("configPath() prefers the flag, then the environment, then the system's file", () => {
  const env = environment({ UOTA_CONFIG: "/b" });
  assertEquals(configPath("/a", env), "/a");
  assertEquals(configPath(undefined, env), "/b");
  assertEquals(configPath(undefined, environment({})), "/etc/uota-gateway/gateway.toml");
  assertEquals(
    configPath(undefined, environment({ UOTA_CONFIG: "" })),
    "/etc/uota-gateway/gateway.toml",
  );
});

Deno.test("loadConfig() takes an empty control_socket for none", async () => {
  const { gateway } = await load(`${MINIMAL}[gateway]\ncontrol_socket = ""\n`);
  assertEquals(gateway.controlSocket, null);
});

const BOARD = `[[board]]\nname = "a"\nmatch = { uid = "aa" }\n`;
const HEX_PIN = "0".repeat(64);
const SELECTOR_CHARACTERS =
  "must not hold a slash, a comma or one of * ? [ ] { } ( ) ! + @ \\, which have a meaning in selectors";
const PIN_FORMS =
  "must be 64 hex digits (uOTA's form) or sha256/ and the base64 of 32 bytes (the SPKI form)";

/** A file, and what is said of it. */
const FAULTS: readonly (readonly [string, string])[] = [
  // shape
  ["", "source.url: missing, give the base URL that holds the file latest under [source]"],
  ["[source]\n", "source.url: missing"],
  ["source = 1\n", "source: must be a table, not a number"],
  ["[source]\nurl = 5\n", "source.url: must be a string in quotes, not a number"],
  [`[source]\nulr = "x"\n${URL_LINE}`, "source.ulr: unknown key, did you mean url?"],
  [`${MINIMAL}[gatewya]\n`, "gatewya: unknown key, did you mean gateway?"],
  [`${MINIMAL}[boards]\n`, "boards: unknown key, did you mean board?"],
  [`${MINIMAL}[board]\nname = "a"\n`, "board: must be written as [[board]], once for each board"],
  [
    `${MINIMAL}baud = 9600\n`,
    "source.baud: unknown key here, it belongs to [defaults] or [[board]]",
  ],
  [
    `${MINIMAL}[gateway]\nwhatever = 1\n`,
    "gateway.whatever: unknown key, known here are state_dir, control_socket, ports, jobs",
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { udi = "aa" }\n`,
    "board[0].match.udi: unknown key, did you mean uid?",
  ],
  [
    `${MINIMAL}[defaults]\nexclude = "a"\n`,
    "defaults.exclude: must be a list in [ ], not a string",
  ],
  [
    `${MINIMAL}[defaults]\nexclude = [1]\n`,
    "defaults.exclude[0]: must be a string in quotes, not a number",
  ],
  [`${MINIMAL}[gateway]\njobs = "8"\n`, "gateway.jobs: must be a number, not a string"],
  [`${MINIMAL}[gateway]\njobs = 2020-01-01\n`, "gateway.jobs: must be a number, not a date"],
  // source
  [
    `[source]\nurl = ""\n`,
    "source.url: is empty, give the base URL that holds the file latest, as in https://example.com/downloads/",
  ],
  [
    `[source]\nurl = "example.com"\n`,
    "source.url: is not a URL, write it as in https://example.com/downloads/",
  ],
  [
    `[source]\nurl = "ftp://example.com/"\n`,
    "source.url: must begin with http:// or https://, not ftp:",
  ],
  [
    `[source]\nurl = "https://me:secret@example.com/"\n`,
    "source.url: must not hold a user name or password, put an Authorization line into source.headers",
  ],
  [
    `[source]\nurl = "https://example.com/#a"\n`,
    "source.url: must not have a # part, which is never sent to a server",
  ],
  [`${MINIMAL}pubkey_hash = "abc"\n`, `source.pubkey_hash: ${PIN_FORMS}`],
  [`${MINIMAL}pubkey_hash = "sha256/AAAA"\n`, `source.pubkey_hash: ${PIN_FORMS}`],
  [
    `[source]\nurl = "http://example.com/"\npubkey_hash = "${HEX_PIN}"\n`,
    "source.url: must begin with https:// where source.pubkey_hash is set, http has no key to check",
  ],
  [
    `${MINIMAL}pubkey_hash = "${HEX_PIN}"\n${BOARD}url = "http://example.com/"\n`,
    "board[0].url: must begin with https:// where source.pubkey_hash is set, http has no key to check",
  ],
  [
    `${MINIMAL}ca_file = "/nonexistent.pem"\n`,
    "source.ca_file: cannot be read: there is no such file",
  ],
  [`${MINIMAL}ca_file = "gateway.toml"\n`, "source.ca_file: holds no certificate in PEM form"],
  [
    `${MINIMAL}headers = { Authorization = "Bearer secret\\nX: y" }\n`,
    "source.headers.Authorization: must not hold line breaks or control characters",
  ],
  [
    `${MINIMAL}headers = { A = "Bearer secret…" }\n`,
    "source.headers.A: must not hold characters beyond Latin-1",
  ],
  [`${MINIMAL}headers = { "a b" = "c" }\n`, `source.headers."a b": is not a header name`],
  [
    `${MINIMAL}headers = { A = 1 }\n`,
    'source.headers.A: must be a string in quotes or a table as { credential = "token" }, not a number',
  ],
  [`${MINIMAL}headers = { A = {} }\n`, "source.headers.A.credential: missing"],
  [
    `${MINIMAL}headers = { A = { credential = 1 } }\n`,
    "source.headers.A.credential: must be a string in quotes, not a number",
  ],
  [
    `${MINIMAL}headers = { A = { credential = "token", prefx = "Bearer " } }\n`,
    "source.headers.A.prefx: unknown key, did you mean prefix?",
  ],
  ...["../token", "a/b", "..", "a b", "a:b", ""].map((name): readonly [string, string] => [
    `${MINIMAL}headers = { A = { credential = "${name}" } }\n`,
    "source.headers.A.credential: must be a credential's name, as in LoadCredential=NAME:PATH, " +
    "without slashes, colons or spaces",
  ]),
  [
    `${MINIMAL}headers = { A = { credential = "token", prefix = "a\\nb" } }\n`,
    "source.headers.A.prefix: must not hold line breaks or control characters",
  ],
  [
    `${MINIMAL}require = "sah256"\n`,
    `source.require: must be one of "sha256", "signature", "none", did you mean "sha256"?`,
  ],
  // gateway
  [
    `${MINIMAL}[gateway]\nstate_dir = ""\n`,
    "gateway.state_dir: is empty, leave it out for the default",
  ],
  [
    `${MINIMAL}[gateway]\nports = ["ttyACM*"]\n`,
    "gateway.ports[0]: must be an absolute path, as in /dev/ttyACM*",
  ],
  [
    `${MINIMAL}[gateway]\ncontrol_socket = "control.sock"\n`,
    "gateway.control_socket: must be an absolute path, as in /run/uota-gateway/control.sock",
  ],
  [
    `${MINIMAL}[gateway]\ncontrol_socket = "/run/${"ü".repeat(52)}"\n`,
    "gateway.control_socket: must be 107 bytes at most, which is all that a socket's address holds",
  ],
  [`${MINIMAL}[gateway]\nports = []\n`, "gateway.ports: is empty, so no board could be found"],
  [`${MINIMAL}[gateway]\njobs = 0\n`, "gateway.jobs: must be a whole number from 1 to 256, not 0"],
  [
    `${MINIMAL}[gateway]\njobs = 257\n`,
    "gateway.jobs: must be a whole number from 1 to 256, not 257",
  ],
  [
    `${MINIMAL}[gateway]\njobs = 1.5\n`,
    "gateway.jobs: must be a whole number from 1 to 256, not 1.5",
  ],
  // defaults
  [
    `${MINIMAL}[defaults]\nbaud = 299\n`,
    "defaults.baud: must be a whole number from 300 to 12000000, not 299",
  ],
  [
    `${MINIMAL}[defaults]\nexclude = ["../x"]\n`,
    "defaults.exclude[0]: must not hold .., paths count from the board's root",
  ],
  [
    `${MINIMAL}[defaults]\nexclude = ["*.json"]\n`,
    "defaults.exclude[0]: must be a name, not a glob: names are compared whole, a directory covers all below it",
  ],
  [`${MINIMAL}[defaults]\ndelete = ["/"]\n`, "defaults.delete[0]: names no file or directory"],
  [
    `${MINIMAL}[defaults]\npin = "1;2"\n`,
    "defaults.pin: must not hold semicolons or control characters",
  ],
  // boards
  [`${MINIMAL}[[board]]\nmatch = { uid = "aa" }\n`, "board[0].name: missing"],
  [`${MINIMAL}[[board]]\nname = "a"\n`, "board[0].match: missing"],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = {}\n`,
    `board[0].match: must have one of uid, port and usb_serial, as in { uid = "e6614103e7" }`,
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { uid = "aa", port = "/dev/ttyACM0" }\n`,
    `board[0].match: must have one of uid, port and usb_serial, as in { uid = "e6614103e7" }`,
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { uid = "xyz" }\n`,
    "board[0].match.uid: must be hex digits, two a byte, as uota boards shows them",
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { port = "ttyACM0" }\n`,
    "board[0].match.port: must be an absolute path, as in /dev/ttyACM0",
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { port = "/dev/ttyACM*" }\n`,
    "board[0].match.port: must be one port, not a glob",
  ],
  [
    `${MINIMAL}[[board]]\nname = "a"\nmatch = { usb_serial = "" }\n`,
    "board[0].match.usb_serial: is empty",
  ],
  [
    `${MINIMAL}[[board]]\nname = "all"\nmatch = { uid = "aa" }\n`,
    "board[0].name: must not be all, which selects every board",
  ],
  [
    `${MINIMAL}[[board]]\nname = "group:x"\nmatch = { uid = "aa" }\n`,
    "board[0].name: must not begin with group:, which selects a group",
  ],
  [
    `${MINIMAL}[[board]]\nname = "green*"\nmatch = { uid = "aa" }\n`,
    `board[0].name: ${SELECTOR_CHARACTERS}`,
  ],
  [
    `${MINIMAL}[[board]]\nname = "a/b"\nmatch = { uid = "aa" }\n`,
    `board[0].name: ${SELECTOR_CHARACTERS}`,
  ],
  [
    `${MINIMAL}[[board]]\nname = " a"\nmatch = { uid = "aa" }\n`,
    "board[0].name: must not begin or end with a space or hold control characters",
  ],
  [`${MINIMAL}${BOARD}group = "x,y"\n`, `board[0].group: ${SELECTOR_CHARACTERS}`],
  [
    `${MINIMAL}${BOARD}[[board]]\nname = "a"\nmatch = { uid = "bb" }\n`,
    "board[1].name: has the same name as board[0].name",
  ],
  [
    `${MINIMAL}${BOARD}[[board]]\nname = "b"\nmatch = { uid = "AA" }\n`,
    "board[1].match.uid: has the same match as board[0].match.uid",
  ],
  [
    `${MINIMAL}${BOARD}url = "ftp://x/"\n`,
    "board[0].url: must begin with http:// or https://, not ftp:",
  ],
  [`${MINIMAL}[defaults]\nconfirm = "11m"\n`, 'defaults.confirm: must be "10m" at most'],
  [
    `${MINIMAL}[defaults]\nconfirm = "soon"\n`,
    `defaults.confirm: is not a duration, write it as in "30s", "15m" or "1h30m"`,
  ],
  [
    `${MINIMAL}${BOARD}watchdog = "10ms"\n`,
    'board[0].watchdog: must be between "500ms" and "10m", what the board\'s program gives machine.WDT',
  ],
  [
    `${MINIMAL}poll_interval = "500ms"\n`,
    'source.poll_interval: must be between "1s" and "7d"',
  ],
  // not built
  [
    `${MINIMAL}poll_interval = "15 minutes"\n`,
    `source.poll_interval: is not a duration, write it as in "30s", "15m" or "1h30m"`,
  ],
  [
    `${MINIMAL}public_keys = ["RWQ"]\n`,
    "source.public_keys: this version does not check signatures, remove the keys",
  ],
  [
    `${MINIMAL}require = "signature"\n`,
    `source.require: this version does not check signatures, write "sha256"`,
  ],
];

for (const [text, message] of FAULTS) {
  Deno.test(`loadConfig() refuses a file where ${message.slice(0, 70)}`, async () => {
    assertEquals(await complaint(text), `FILE: ${message}`);
  });
}

Deno.test("loadConfig() says everything that is wrong at once", async () => {
  const message = await complaint(
    `[source]
     url = "ftp://example.com/"
     poll_interval = "15 minutes"
     headers = { Authorization = 1 }
     [gateway]
     job = 1
     [[board]]
     name = "a"
     match = { uid = "no" }
     [[board]]
     name = "a"
     match = { uid = "aa" }`,
  );
  const [first, ...rest] = message.split("\n");
  assertEquals(first, "FILE has 6 problems:");
  assertEquals(rest.map((line) => line.trim().split(":")[0]).sort(), [
    "board[0].match.uid",
    "board[1].name",
    "gateway.job",
    "source.headers.Authorization",
    "source.poll_interval",
    "source.url",
  ]);
});

Deno.test("loadConfig() gives line and column of a syntax error and no text of the file", async () => {
  assertEquals(
    await complaint(`[source]\nheaders = { Authorization = Bearer secret }\n`),
    "FILE is not valid TOML: line 2, column 29: invalid value",
  );
});

Deno.test("loadConfig() says what to do about a missing file", async () => {
  const error = await assertRejects(() => loadConfig("/nonexistent/gateway.toml"), UotaError);
  assertEquals(error.code, "config_invalid");
  assertEquals(
    error.message,
    "Cannot read /nonexistent/gateway.toml: there is no such file, start from config/gateway.toml or name another with --config",
  );
});
