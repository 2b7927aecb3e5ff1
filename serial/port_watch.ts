/**
 * Tells when ports come and go, without looking again and again: inotify(7) on the directories in
 * which the globs look.
 *
 * INVARIANTS
 * - A change between two calls of {@linkcode PortWatch.changed} is not lost: the kernel queues it.
 * - A directory that does not exist yet (/dev/serial/by-id without any adapter) is watched as soon
 *   as it does: until then the nearest one above it is. Likewise for directories that a glob's
 *   wildcards mean, such as by-id and by-path for `by-*`.
 */
import { globSync } from "node:fs";
import { dirname } from "node:path";
import {
  addInotifyWatch,
  closeFd,
  createInotify,
  IN_ATTRIB,
  IN_CREATE,
  IN_DELETE,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONLYDIR,
  LibcError,
  POLLIN,
  readFd,
} from "./libc.ts";
import { sharedReactor } from "./reactor.ts";

/** udev makes a device's node first and gives it its rights then: that is IN_ATTRIB. */
const CHANGES = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_ONLYDIR;
const BUFFER_BYTES = 16 * 1024;

/** Watches for ports that come and go. Dispose of it to end that. */
export class PortWatch implements AsyncDisposable {
  readonly #fd = createInotify();
  /** Globs of the directories in which ports may come, those above them first. */
  readonly #directories: readonly string[];
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  /** Watches from now on; `globs` are as `findPorts` takes them. */
  constructor(globs: readonly string[]) {
    this.#directories = [...new Set(globs.flatMap(directoriesOf))];
    this.#watch();
  }

  /**
   * Waits until something has come, gone, or changed its rights since the last call, or since the
   * watch was made.
   *
   * @throws the signal's reason when it aborts
   */
  async changed(options: { readonly signal: AbortSignal }): Promise<void> {
    await sharedReactor.ready(this.#fd, POLLIN, options);
    while (readFd(this.#fd, this.#buffer)) { /* What happened is looked up, not read. */ }
    this.#watch();
  }

  /** Ends the watch. */
  async [Symbol.asyncDispose](): Promise<void> {
    await sharedReactor.forget(this.#fd, new Error("The watch has ended"));
    await closeFd(this.#fd);
  }

  /**
   * Again and again until nothing is new: a directory that is made after it was looked for and before
   * the one above it is watched would be missed. To watch one anew that is watched already changes
   * nothing.
   */
  #watch(): void {
    const watched = new Set<string>();
    let before: number;
    do {
      before = watched.size;
      for (const pattern of this.#directories) {
        const matches = WILDCARD.test(pattern) ? globSync(pattern) : [pattern];
        for (const directory of matches) watched.add(this.#watchNearest(directory));
      }
    } while (watched.size > before);
  }

  #watchNearest(directory: string): string {
    let at = directory;
    while (!this.#tryWatch(at) && at !== dirname(at)) at = dirname(at);
    return at;
  }

  #tryWatch(directory: string): boolean {
    try {
      addInotifyWatch(this.#fd, directory, CHANGES);
      return true;
    } catch (error) {
      if (error instanceof LibcError && ["ENOENT", "ENOTDIR", "EACCES"].includes(error.errnoName)) {
        return false;
      }
      throw error;
    }
  }
}

const WILDCARD = /[*?[\](]/;

/** The directories in which a glob looks: the fixed one, and a glob for each below that it may mean. */
function directoriesOf(glob: string): readonly string[] {
  return withoutBraces(glob).flatMap((each) => {
    const parts = each.split("/").slice(0, -1);
    const wild = parts.findIndex((part) => WILDCARD.test(part));
    const fixed = wild === -1 ? parts.length : wild;
    return Array.from(
      { length: parts.length - fixed + 1 },
      (_, more) => parts.slice(0, fixed + more).join("/") || "/",
    );
  });
}

/** A glob for each choice of its braces, which may hold slashes; a range becomes a wildcard. */
function withoutBraces(glob: string): readonly string[] {
  const braces = /\{([^{}]*)\}/.exec(glob);
  if (braces === null) return [glob];
  const [whole, inside = ""] = braces;
  const choices = inside.includes(",") ? inside.split(",") : ["*"];
  const rest = glob.slice(braces.index + whole.length);
  return choices.flatMap((choice) => withoutBraces(glob.slice(0, braces.index) + choice + rest));
}
