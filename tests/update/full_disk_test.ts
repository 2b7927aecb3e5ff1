/** A gateway whose disk fills up in the middle of an update: the board comes first. */
import { assertEquals, assertIncludes } from "../assert.ts";
import { TextLineStream } from "../agent/daemon/text_lines.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { makeGateway } from "./gateway.ts";
import { testNeeding } from "../needs.ts";

const MAIN = new URL("../../agent/main.ts", import.meta.url).pathname;
const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };
const RAISING: Files = { "main.py": "1/0\n", "added.py": "", "version": "2.0\n" };
/** Puts a small disk where the state is, for this process and its children only. */
const ON_SMALL_DISK = `mount -t tmpfs -o size=400k none "$1" && shift && exec "$@"`;

testNeeding(
  ["root", "unshare"],
  "uota update goes back to the old release also while the disk is full",
  async () => {
    await using board = await startWasmBoard({ files: onBoard(OLD) });
    await using gateway = await makeGateway({ ports: [board.port], confirm: "2s" });
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(RAISING));
    const { stateDir } = gateway.config.gateway;
    await Deno.mkdir(stateDir, { recursive: true });
    const child = new Deno.Command("unshare", {
      args: ["--mount", "sh", "-c", ON_SMALL_DISK, "sh", stateDir]
        .concat(Deno.execPath(), "run", "-A", MAIN, "--config", gateway.configFile, "--verbose")
        .concat("update", "--board", "all", "--json", "--archive", archive),
      env: { NO_COLOR: "1" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const stdout = new Response(child.stdout).text();
    const lines: string[] = [];
    const stderr = child.stderr.pipeThrough(new TextDecoderStream())
      .pipeThrough(new TextLineStream());
    for await (const line of stderr) {
      lines.push(line);
      // Its disk is seen through the process, since it is mounted for that alone.
      if (line.endsWith(": staging")) await fill(`/proc/${child.pid}/root${stateDir}/rest`);
    }
    const { code } = await child.status;
    const { boards: [outcome] } = JSON.parse(await stdout);
    assertEquals([outcome.outcome, outcome.reason.code, code], ["rolled_back", "app_failed", 1]);
    const told = lines.filter((line) => line.includes("the disk is full"));
    assertEquals(told.length, 1, lines.join("\n"));
    assertIncludes(told[0] ?? "", `free space in ${stateDir}`);
    const installed = [...await board.files()].filter(([path]) => !path.startsWith("/.uota/"));
    assertEquals(digests(new Map(installed)), digests(onBoard(OLD)));
  },
);

/** Takes what is left of a disk, to the last block. */
async function fill(path: string): Promise<void> {
  await new Deno.Command("sh", { args: ["-c", `cat /dev/zero >"$0" 2>/dev/null`, path] }).output();
}
