/**
 * How much the control socket takes on at once. Whoever may connect is trusted, but may have a defect
 * that opens connections without end, and running jobs must not notice.
 *
 * INVARIANTS
 * - Connections, requests being served and uploads are bounded, each by a number of its own.
 * - A connection whose request is not complete makes way for a new one, the oldest first, so that
 *   connections that send nothing or little keep nobody out.
 */
import type { Socket } from "node:net";
import { Refusal } from "./control_requests.ts";

const MAX_CONNECTIONS = 256;
const MAX_SERVED = 64;
const MAX_UPLOADS = 4;
/** From connecting to the end of the headers. */
const HEADERS_TIMEOUT_MS = 5000;
/** From there to the end of the body; an archive goes through a socket of this machine in a second. */
const BODY_TIMEOUT_MS = 60_000;
/** For reading what the kernel could not take over; a client may have been stopped by its terminal. */
const FAREWELL_TIMEOUT_MS = 600_000;

export class ControlConnections {
  /** In the order of their coming. */
  readonly #incomplete = new Set<Socket>();
  readonly #all = new Set<Socket>();
  readonly #deadlines = new Map<Socket, ReturnType<typeof setTimeout>>();
  readonly #served = new Slots(MAX_SERVED, "requests");
  readonly #uploads = new Slots(MAX_UPLOADS, "uploads");

  /** `refuse` answers whoever is too slow with the headers. */
  add(socket: Socket, refuse: (socket: Socket) => void): void {
    if (this.#all.size >= MAX_CONNECTIONS) {
      const [oldest = socket] = this.#incomplete;
      oldest.destroy();
      this.#remove(oldest);
    }
    if (socket.destroyed) return;
    this.#all.add(socket);
    this.#incomplete.add(socket);
    this.#limitTime(socket, HEADERS_TIMEOUT_MS, () => refuse(socket));
    socket.once("close", () => this.#remove(socket));
  }

  /** The headers are there; the body may still come. */
  begin(socket: Socket): void {
    this.#limitTime(socket, BODY_TIMEOUT_MS, () => socket.destroy());
  }

  /** The connection's request is there, and gets what it asks for. @throws {Refusal} 503 */
  serve(socket: Socket): Disposable {
    this.#incomplete.delete(socket);
    const slot = this.#served.take();
    clearTimeout(this.#deadlines.get(socket));
    return slot;
  }

  /** The connection's answer is complete, and only has to be read. */
  end(socket: Socket): void {
    this.#limitTime(socket, FAREWELL_TIMEOUT_MS, () => socket.destroy());
  }

  /** The connection's request is still coming, and is written to disk meanwhile. @throws {Refusal} 503 */
  upload(socket: Socket): Disposable {
    this.#incomplete.delete(socket);
    return this.#uploads.take();
  }

  destroyIncomplete(): void {
    for (const socket of this.#incomplete) socket.destroy();
  }

  destroyAll(): void {
    for (const socket of this.#all) socket.destroy();
  }

  async allClosed(): Promise<void> {
    await Promise.all(
      [...this.#all].map((socket) => new Promise<void>((resolve) => socket.once("close", resolve))),
    );
  }

  /** A timer a connection, and none while there is no connection: an idle daemon does not wake up. */
  #limitTime(socket: Socket, boundMs: number, end: () => void): void {
    clearTimeout(this.#deadlines.get(socket));
    if (socket.destroyed) return;
    this.#deadlines.set(socket, setTimeout(end, boundMs));
  }

  #remove(socket: Socket): void {
    clearTimeout(this.#deadlines.get(socket));
    this.#deadlines.delete(socket);
    this.#all.delete(socket);
    this.#incomplete.delete(socket);
  }
}

class Slots {
  readonly #limit: number;
  readonly #what: string;
  #taken = 0;

  constructor(limit: number, what: string) {
    this.#limit = limit;
    this.#what = what;
  }

  take(): Disposable {
    if (this.#taken >= this.#limit) {
      throw new Refusal(
        503,
        `The daemon serves ${this.#taken} ${this.#what} already, which is all that it does at once; ` +
          "try again later",
        { code: "daemon_busy", headers: { "retry-after": "5" } },
      );
    }
    this.#taken++;
    let held = true;
    return {
      [Symbol.dispose]: () => {
        if (held) this.#taken--;
        held = false;
      },
    };
  }
}
