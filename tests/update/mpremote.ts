/** mpremote as the judge of what an update left on a board: another program, read from outside. */
import { MPREMOTE } from "../boards/mpremote.ts";

/** A command of mpremote on a port, to be run or left running. */
export function mpremoteCommand(port: string, ...args: readonly string[]): Deno.Command {
  return new Deno.Command(MPREMOTE, {
    args: ["connect", port, ...args],
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
}

const READ_BACK = `
import os, hashlib, binascii
def walk(path):
    for entry in os.ilistdir(path):
        name = path + entry[0]
        if entry[1] & 0x4000:
            print("READ", name + "/")
            walk(name + "/")
        else:
            with open(name, "rb") as f:
                content = f.read()
            print("READ", name, len(content), binascii.hexlify(hashlib.sha256(content).digest()).decode()[:16])
walk("/")
`;

/** What is on the board, in the form of `digests`: directories, and files with size and hash. */
export async function readBack(port: string): Promise<readonly string[]> {
  const { code, stdout, stderr } = await mpremoteCommand(port, "exec", READ_BACK).output();
  if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).split(/\r?\n/)
    .filter((line) => line.startsWith("READ "))
    .map((line) => line.slice("READ ".length))
    .sort();
}
