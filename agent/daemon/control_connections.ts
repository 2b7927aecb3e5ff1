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

export const MAX_CONNECTIONS = 256;
const MAX_SERVED = 64;
const MAX_UPLOADS = 4;

export class ControlConnections {
  /** In the order of their coming. */
  readonly #incomplete = new Set<Socket>();
  readonly #all = new Set<Socket>();
  readonly #served = new Slots(MAX_SERVED, "requests");
  readonly #uploads = new Slots(MAX_UPLOADS, "uploads");

  add(socket: Socket): void {
    if (this.#all.size >= MAX_CONNECTIONS) {
      const [oldest = socket] = this.#incomplete;
      oldest.destroy();
      this.#remove(oldest);
    }
    if (socket.destroyed) return;
    this.#all.add(socket);
    this.#incomplete.add(socket);
    socket.once("close", () => this.#remove(socket));
  }

  /** The connection's request is there, and gets what it asks for. @throws {Refusal} 503 */
  serve(socket: Socket): Disposable {
    this.#incomplete.delete(socket);
    return this.#served.take();
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

  #remove(socket: Socket): void {
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
