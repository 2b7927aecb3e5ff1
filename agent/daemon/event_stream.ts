/**
 * The daemon's side of a stream of events: NDJSON to a client that reads as fast as it likes.
 *
 * INVARIANTS
 * - Work never waits for a reader, and what waits for one has a bound: of a board's staging only the
 *   latest place is kept, of log lines the last ones.
 * - The order of all that is sent is that in which it happened.
 */
import type { ServerResponse } from "node:http";
import type { ProgressEvent } from "../attempts.ts";
import { type ControlEvent, KEEP_ALIVE_MS, type LastEvent, NDJSON } from "./control_protocol.ts";

const MAX_WAITING_LOG_LINES = 1000;

export class EventStream {
  readonly #response: ServerResponse;
  /** In the order of sending; an entry may be exchanged while it waits. */
  readonly #waiting = new Set<{ event: ControlEvent }>();
  /** Entries that later staging of the same port replaces. */
  readonly #staging = new Map<string, { event: ControlEvent }>();
  readonly #logs = new Set<{ event: ControlEvent }>();
  readonly #keepAlive: ReturnType<typeof setInterval>;
  #blocked = false;
  #last: LastEvent | null = null;

  /** Begins the answer. */
  constructor(response: ServerResponse) {
    this.#response = response;
    response.writeHead(200, { "content-type": NDJSON });
    response.flushHeaders();
    response.on("drain", () => {
      this.#blocked = false;
      this.#send();
    });
    this.#keepAlive = setInterval(() => this.#write("\n"), KEEP_ALIVE_MS);
    response.once("close", () => clearInterval(this.#keepAlive));
  }

  progress(progress: ProgressEvent): void {
    const event: ControlEvent = { event: "progress", progress };
    // A board's name may turn out on the way; one without a port has a name.
    const key = progress.port || progress.board;
    const replaceable = this.#staging.get(key);
    if (progress.phase !== "staging") this.#staging.delete(key);
    else if (replaceable && this.#waiting.has(replaceable)) {
      replaceable.event = event;
      return;
    }
    const entry = this.#add(event);
    if (progress.phase === "staging") this.#staging.set(key, entry);
    this.#send();
  }

  log(line: string): void {
    for (const oldest of this.#logs) {
      if (this.#logs.size < MAX_WAITING_LOG_LINES) break;
      this.#logs.delete(oldest);
      this.#waiting.delete(oldest);
    }
    this.#logs.add(this.#add({ event: "log", line }));
    this.#send();
  }

  /** Ends the answer once the reader has taken what is waiting. */
  end(last: LastEvent): void {
    this.#last = last;
    this.#send();
  }

  #add(event: ControlEvent): { event: ControlEvent } {
    const entry = { event };
    this.#waiting.add(entry);
    return entry;
  }

  #send(): void {
    for (const entry of this.#waiting) {
      if (this.#blocked) return;
      this.#waiting.delete(entry);
      this.#logs.delete(entry);
      this.#write(`${JSON.stringify(entry.event)}\n`);
    }
    if (this.#last === null || this.#blocked || this.#response.writableEnded) return;
    clearInterval(this.#keepAlive);
    this.#response.end(`${JSON.stringify(this.#last)}\n`);
  }

  #write(text: string): void {
    if (this.#response.destroyed || this.#response.writableEnded) return;
    if (!this.#blocked) this.#blocked = !this.#response.write(text);
  }
}
