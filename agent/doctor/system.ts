/**
 * The machine as the checks see it. Only ever looks: reads files, asks programs that answer without
 * changing anything.
 */
import { type Account, accountIn, currentAccount } from "./accounts.ts";

/** The user that install.sh makes for the daemon. */
export const DAEMON_USER = "uota";
export const UNIT = "uota-gateway.service";

/** A program that hangs is no answer, and must not hold up the other checks. */
const ANSWER_MS = 5000;

export interface SystemOptions {
  readonly signal: AbortSignal;
  /** What stands before /etc, /usr/lib and /run. @default "" */
  readonly root?: string;
}

export class System {
  readonly signal: AbortSignal;
  readonly #root: string;

  constructor({ signal, root = "" }: SystemOptions) {
    this.signal = signal;
    this.#root = root;
  }

  /** Null where it is not there or may not be read. */
  async readText(path: string): Promise<string | null> {
    try {
      return await Deno.readTextFile(this.#root + path);
    } catch {
      return null;
    }
  }

  /** Null where it is not there or out of reach. */
  async stat(path: string): Promise<Deno.FileInfo | null> {
    try {
      return await Deno.stat(this.#root + path);
    } catch {
      return null;
    }
  }

  /** A file of a process in /proc; null where the process has ended. */
  async processFile(pid: string, name: "cmdline" | "comm"): Promise<string | null> {
    try {
      return await Deno.readTextFile(`/proc/${pid}/${name}`);
    } catch {
      return null;
    }
  }

  /** What a program prints; null where it is not installed, fails or does not answer. */
  async ask(program: string, args: readonly string[]): Promise<string | null> {
    try {
      const { success, stdout } = await new Deno.Command(program, {
        args: [...args],
        env: { LC_ALL: "C" },
        stdin: "null",
        stderr: "null",
        signal: AbortSignal.any([this.signal, AbortSignal.timeout(ANSWER_MS)]),
      }).output();
      this.signal.throwIfAborted();
      return success ? new TextDecoder().decode(stdout) : null;
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof Deno.errors.NotFound) return null;
      if (error instanceof Deno.errors.PermissionDenied) return null;
      throw error;
    }
  }

  /** The daemon's user; null where it is not installed. */
  async daemonAccount(): Promise<Account | null> {
    return accountIn(await this.#accountFiles(), DAEMON_USER);
  }

  /** Who opens the ports and keeps the state: the daemon's user, else who runs this. */
  async operator(): Promise<Account> {
    return await this.daemonAccount() ?? await currentAccount(await this.#accountFiles());
  }

  /** A group's name, else its number. */
  async groupName(gid: number): Promise<string> {
    const { group } = await this.#accountFiles();
    const line = group.split("\n").map((text) => text.split(":")).find(([, , id]) =>
      id === String(gid)
    );
    return line?.[0] ?? String(gid);
  }

  async #accountFiles() {
    return {
      passwd: await this.readText("/etc/passwd") ?? "",
      group: await this.readText("/etc/group") ?? "",
    };
  }
}
