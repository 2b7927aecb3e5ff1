/**
 * The two threads of an emulated board, kept from one power-on to the next, and then for another
 * board of this process: a new thread costs more than all that the chip does at its start.
 *
 * INVARIANTS
 * - A thread serves one run at a time, and the next one only when it has told of the end of that.
 * - One that had to be broken is not used again.
 * - Free ones keep their process alive: whoever starts boards outside of tests ends it by `Deno.exit`.
 */
import type { ProcessorReport, ProcessorStart } from "./interpreter_worker.ts";
import type { UartReport, UartStart } from "./uart_worker.ts";

/** Who hears a thread, for the time of one run. */
export interface Listener<Report> {
  readonly heard: (report: Report) => void;
  readonly failed: (message: string) => void;
}

/** One thread, made when it is first needed. */
class Thread<Start, Report> {
  readonly #script: string;
  #worker: Worker | null = null;

  constructor(script: string) {
    this.#script = script;
  }

  /** Tells whoever is given, in place of the one before, what the thread says from now on. */
  listen({ heard, failed }: Listener<Report>): void {
    this.#worker ??= new Worker(new URL(this.#script, import.meta.url), { type: "module" });
    this.#worker.onmessage = ({ data }: MessageEvent<Report>) => heard(data);
    this.#worker.onerror = (event) => failed(event.message);
  }

  start(start: Start): void {
    this.#worker?.postMessage(start);
  }

  end(): void {
    this.#worker?.terminate();
    this.#worker = null;
  }
}

export class BoardThreads {
  /** Those that no board has at present. */
  static readonly #free: BoardThreads[] = [];

  readonly processor = new Thread<ProcessorStart, ProcessorReport>("./interpreter_worker.ts");
  readonly uart = new Thread<UartStart, UartReport>("./uart_worker.ts");

  /** Some for one board. */
  static take(): BoardThreads {
    return BoardThreads.#free.pop() ?? new BoardThreads();
  }

  /** The board is off for good. */
  giveBack(): void {
    BoardThreads.#free.push(this);
  }
}
