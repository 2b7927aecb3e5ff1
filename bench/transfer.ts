/**
 * One file on its way to an emulated board, by `uota update` and by `mpremote cp`, each as a whole
 * process. Bytes are what went to the board; the emulated line has no speed of its own, so seconds
 * are those of programs and interpreter. uota's way is longer than the copy: it plans, verifies on the
 * board, switches over, resets and watches.
 */
import { MPREMOTE } from "../tests/boards/mpremote.ts";
import { whyMissing } from "../tests/needs.ts";
import { startWasmBoard } from "../tests/boards/mod.ts";
import { type Files, onBoard, packed } from "../tests/update/firmware.ts";
import { makeGateway } from "../tests/update/gateway.ts";
import { mpremoteCommand } from "../tests/update/mpremote.ts";

const OLD: Files = { "main.py": "print('old')\n", "version": "1.0\n" };
const SOURCE_LINE =
  "def read_sensor(pin, scale=1.0):  # 'raw' value, in volts\n    return pin * scale\n";

interface Measured {
  readonly bytes: number;
  readonly seconds: number;
}

async function byUota(content: Uint8Array): Promise<{ first: Measured; again: Measured }> {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  await using gateway = await makeGateway({ ports: [board.port] });
  const archive = `${gateway.directory}/firmware.tar.gz`;
  await Deno.writeFile(archive, packed({ ...OLD, "version": "2.0\n", "data.bin": content }));
  const run = async (): Promise<Measured> => {
    const started = performance.now();
    const { stdout, stderr, code } = await gateway.run(
      ...["update", "--board", "all", "--json", "--archive", archive],
    );
    if (code !== 0) throw new Error(stdout + stderr);
    const [outcome] = JSON.parse(stdout).boards;
    return { bytes: outcome.bytes_on_wire, seconds: (performance.now() - started) / 1000 };
  };
  return { first: await run(), again: await run() };
}

async function byMpremote(content: Uint8Array): Promise<Measured> {
  await using board = await startWasmBoard({ files: onBoard(OLD) });
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeFile(file, content);
    const before = board.hostBytes;
    const started = performance.now();
    const { code, stderr } = await mpremoteCommand(board.port, "cp", file, ":data.bin").output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    const seconds = (performance.now() - started) / 1000;
    return { bytes: board.hostBytes - before, seconds };
  } finally {
    await Deno.remove(file);
  }
}

/** Measures files of this size: random bytes, and what source looks like. */
export async function measureTransfer({ bytes }: { readonly bytes: number }): Promise<string> {
  const contents = {
    "random bytes": randomBytes(bytes),
    "Python source": new TextEncoder().encode(
      SOURCE_LINE.repeat(Math.ceil(bytes / SOURCE_LINE.length)).slice(0, bytes),
    ),
  };
  const withMpremote = whyMissing(["mpremote"]) === null;
  const lines: string[] = [];
  for (const [what, content] of Object.entries(contents)) {
    const { first, again } = await byUota(content);
    lines.push(`${bytes} ${what}:`, line("uota update", first, bytes));
    if (withMpremote) lines.push(line(`${MPREMOTE} cp`, await byMpremote(content), bytes));
    lines.push(line("uota update, nothing new", again, bytes));
  }
  return lines.join("\n");
}

function line(what: string, { bytes, seconds }: Measured, of: number): string {
  const ratio = (bytes / of).toFixed(2);
  return `  ${what.padEnd(26)} ${String(bytes).padStart(9)} bytes, ${ratio} a byte, ` +
    `${seconds.toFixed(2)} s`;
}

/** `getRandomValues` gives 64 KiB at once. */
function randomBytes(count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let at = 0; at < count; at += 65_536) {
    crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  }
  return bytes;
}
