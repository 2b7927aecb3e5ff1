/**
 * Tells when ports come and go, without looking again and again: inotify(7) on the directories in
 * which the globs look.
 *
 * INVARIANTS
 * - A change between two calls of {@linkcode PortWatch.changed} is not lost: the kernel queues it.
 * - A directory that does not exist yet (/dev/serial/by-id without any adapter) is watched as soon
 *   as it does: until then the nearest one above it is.
 */
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
  readonly #directories: readonly string[];
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  /** Watches from now on; `globs` are as `findPorts` takes them. */
  constructor(globs: readonly string[]) {
    this.#directories = [...new Set(globs.map(fixedDirectory))];
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

  /** To watch a directory anew that is watched already changes nothing. */
  #watch(): void {
    for (const directory of this.#directories) {
      let at = directory;
      while (!this.#tryWatch(at) && at !== dirname(at)) at = dirname(at);
    }
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

/** The directory in which a glob looks, as far as it has no wildcard. */
function fixedDirectory(glob: string): string {
  const fixed = /^[^*?[\]{}]*/.exec(glob)?.[0] ?? "/";
  return fixed.slice(0, fixed.lastIndexOf("/")) || "/";
}
