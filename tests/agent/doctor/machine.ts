/** A machine's files as the doctor finds them, and programs that hold what it looks for. */
import { System } from "../../../agent/doctor/system.ts";
import { TextLineStream } from "../daemon/text_lines.ts";

const { signal } = new AbortController();

export interface Machine extends AsyncDisposable {
  readonly system: System;
  readonly root: string;
}

/** `files`: paths below the root, and what they hold. */
export async function makeMachine(files: Readonly<Record<string, string>> = {}): Promise<Machine> {
  const root = await Deno.makeTempDir({ prefix: "uota-machine-" });
  for (const [path, text] of Object.entries(files)) {
    await Deno.mkdir(`${root}${path}`.replace(/[^/]+$/, ""), { recursive: true });
    await Deno.writeTextFile(`${root}${path}`, text);
  }
  return {
    root,
    system: new System({ signal, root }),
    [Symbol.asyncDispose]: () => Deno.remove(root, { recursive: true }),
  };
}

/** A program from when it has printed a line until it is disposed of. */
export interface Program extends AsyncDisposable {
  readonly pid: number;
}

/** Starts a program that prints a line and then waits for its input to end. */
export async function startProgram(command: string, args: readonly string[]): Promise<Program> {
  const process = new Deno.Command(command, {
    args: [...args],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  if ((await lines.read()).done) throw new Error(`${command} ended before it was ready`);
  return {
    pid: process.pid,
    async [Symbol.asyncDispose]() {
      await process.stdin.close();
      await lines.cancel();
      await process.status;
    },
  };
}
