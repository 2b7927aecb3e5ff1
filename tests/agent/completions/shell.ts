/** A person at a shell that has the completions: a pseudo-terminal, keys, and what came of them. */
import { configToml } from "./gateway_with_names.ts";

const MAIN = new URL("../../../agent/main.ts", import.meta.url).pathname;

const PROMPT = "at> ";
/** A shell that waits for something else than the tests do must not hold them up for ever. */
const LONGEST_SECONDS = 180;

/** A directory with a configuration, the completions, and a `uota` that notes its arguments. */
export interface Desk extends AsyncDisposable {
  readonly directory: string;
  readonly configFile: string;
  readonly env: Readonly<Record<string, string>>;
}

export async function makeDesk(): Promise<Desk> {
  const directory = await Deno.makeTempDir({ prefix: "uota-shell-" });
  const configFile = `${directory}/gateway.toml`;
  await Deno.writeTextFile(configFile, configToml(directory));
  await Deno.writeTextFile(`${directory}/firmware.tar.gz`, "");
  const program = `"${Deno.execPath()}" run -A --no-check "${MAIN}"`;
  await Deno.writeTextFile(
    `${directory}/uota`,
    `#!/bin/sh
case "$*" in
  *completions*) exec ${program} "$@" ;;
esac
printf '%s\\n' "$@" >"${directory}/arguments.part"
mv "${directory}/arguments.part" "${directory}/arguments"
`,
    { mode: 0o755 },
  );
  return {
    directory,
    configFile,
    env: {
      PATH: `${directory}:${Deno.env.get("PATH")}`,
      UOTA_CONFIG: configFile,
      HOME: directory,
      HISTFILE: "/dev/null",
      DENO_DIR: denoDirectory(),
      TERM: "xterm",
      LC_ALL: "C.UTF-8",
      NO_COLOR: "1",
    },
    [Symbol.asyncDispose]: () => Deno.remove(directory, { recursive: true }),
  };
}

/** As where they are installed: bash sources them, zsh finds them by their name and by `#compdef`. */
const LOAD = {
  bash: ". <(uota completions bash)",
  zsh: "mkdir ~/functions; uota completions zsh >~/functions/_uota; fpath=(~/functions $fpath); " +
    "autoload -Uz compinit; compinit -u -D",
};

/** The cache of the Deno that runs the tests, so that a home of its own begins with no downloads. */
function denoDirectory(): string {
  const { DENO_DIR, XDG_CACHE_HOME, HOME } = Deno.env.toObject();
  return DENO_DIR ?? `${XDG_CACHE_HOME ?? `${HOME}/.cache`}/deno`;
}

/** An interactive shell on a terminal, with the completions loaded. */
export class Shell implements AsyncDisposable {
  readonly #directory: string;
  readonly #terminal: Deno.ChildProcess;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;
  readonly #output: ReadableStreamDefaultReader<string>;
  #seen = "";

  private constructor(directory: string, terminal: Deno.ChildProcess) {
    this.#directory = directory;
    this.#terminal = terminal;
    this.#input = terminal.stdin.getWriter();
    this.#output = terminal.stdout.pipeThrough(new TextDecoderStream()).getReader();
  }

  static async open(name: "bash" | "zsh", { directory, env }: Desk): Promise<Shell> {
    const command = name === "bash" ? "bash --norc --noprofile -i" : "zsh -f -i";
    const terminal = new Deno.Command("timeout", {
      args: ["--foreground", String(LONGEST_SECONDS), "script", "--quiet", "--flush"]
        .concat("--command", command, "/dev/null"),
      env,
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const shell = new Shell(directory, terminal);
    // The quotes keep the echo of the line from being taken for the prompt.
    await shell.#type(`${LOAD[name]}; PS1='a''t> '\n`);
    await shell.#until(PROMPT);
    return shell;
  }

  /** Types a line; answers with the arguments that `uota` was run with. */
  async enter(keys: string): Promise<readonly string[]> {
    await this.#type(`${keys}\n`);
    await this.#until(PROMPT);
    const file = `${this.#directory}/arguments`;
    const args = (await Deno.readTextFile(file)).trimEnd().split("\n");
    await Deno.remove(file);
    return args;
  }

  #type(text: string): Promise<void> {
    return this.#input.write(new TextEncoder().encode(text));
  }

  async #until(text: string): Promise<void> {
    while (!this.#seen.includes(text)) {
      const { value, done } = await this.#output.read();
      if (done) throw new Error(`The shell ended before it printed ${text}:\n${this.#seen}`);
      this.#seen += value;
    }
    this.#seen = this.#seen.slice(this.#seen.indexOf(text) + text.length);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Whatever a failed step left on the line goes first.
    await this.#type("\x15exit\n");
    await this.#input.close();
    await this.#output.cancel();
    await this.#terminal.status;
  }
}
