/**
 * Whether anybody opened a port or wrote to it, as the kernel tells (inotify(7)).
 *
 * By inotify itself and not `Deno.watchFs`, which opens what it watches whenever something happens
 * there: the board would take it for a host.
 */
import { addInotifyWatch, closeFdNow, createInotify, IN_OPEN, readFd } from "../../serial/libc.ts";

/** inotify(7). */
const IN_MODIFY = 0x02;
/** `struct inotify_event` without a name, which a watch on a file never has. */
const EVENT_BYTES = 16;

export class PortWatch implements Disposable {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  /** What has been done with the port since the last call; the kernel queues events at once. */
  seen(): { readonly opened: boolean; readonly written: boolean } {
    const buffer = new Uint8Array(256 * EVENT_BYTES);
    let mask = 0;
    for (let count = readFd(this.#fd, buffer); count; count = readFd(this.#fd, buffer)) {
      const events = new DataView(buffer.buffer, 0, count);
      for (let at = 0; at < count; at += EVENT_BYTES) mask |= events.getUint32(at + 4, true);
    }
    return { opened: (mask & IN_OPEN) !== 0, written: (mask & IN_MODIFY) !== 0 };
  }

  [Symbol.dispose](): void {
    closeFdNow(this.#fd);
  }
}

/**
 * Watches a port. A wasm board opens its own port after a host has left it, to make it as new;
 * it never writes there.
 */
export async function watchPort(port: string): Promise<PortWatch> {
  const fd = createInotify();
  addInotifyWatch(fd, await Deno.realPath(port), IN_OPEN | IN_MODIFY);
  return new PortWatch(fd);
}
