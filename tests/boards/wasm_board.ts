/**
 * An emulated board: MicroPython as WebAssembly on a pty, with power, a cable and a flash that one
 * can look into. Used by tests and, through `main.ts`, by hand.
 *
 * INVARIANTS
 * - The flash here is the truth: the interpreter's thread works on a copy and reports each change
 *   before its effect can be seen from outside, so power can go at any moment.
 * - Power, cable and reset are carried out one after the other.
 * - Whatever the program on the board does, {@linkcode WasmBoard.stop} ends its threads.
 */

import { closeFdNow, createEventFd, writeFd } from "../../serial/libc.ts";
import { ControlBlock } from "./control_block.ts";
import { type FileTree, readTree } from "./file_tree.ts";
import { Flash } from "./flash.ts";
import type { ProcessorReport, ProcessorStart } from "./interpreter_worker.ts";
import { pointLink, removeLink } from "./port_link.ts";
import type { UartReport, UartStart } from "./uart_worker.ts";

/** What {@linkcode startWasmBoard} takes. */
export interface WasmBoardOptions {
  /** A directory whose content becomes the board's file system; it is only read. */
  readonly root?: string;
  /** Files by absolute path, in addition to `root`. */
  readonly files?: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /**
   * Bytes of Python's heap, before what the interpreter itself needs of it.
   * @default {196608} about an rp2040's
   */
  readonly heapBytes?: number;
  /** @default {1441792} an rp2040's file system */
  readonly flashBytes?: number;
  /** `machine.unique_id()` in hexadecimal. @default derived from the link's path */
  readonly uid?: string;
  /** Where the port's stable name is made. @default a name in a new temporary directory */
  readonly link?: string;
  /**
   * How long the port stays away after `machine.reset()`.
   * @default {100}
   */
  readonly usbDelayMs?: number;
  /** Stops the board. */
  readonly signal?: AbortSignal;
}

/** `machine.reset_cause()`. */
const CAUSE = { powerOn: 1, hardReset: 2, watchdog: 3 } as const;

const DEFAULT_HEAP_BYTES = 192 * 1024;
const DEFAULT_FLASH_BYTES = 1408 * 1024;
const DEFAULT_USB_DELAY_MS = 100;
/** A program that asks the harness for nothing is not waited for any longer than this. */
const POWER_OFF_GRACE_MS = 100;

/** Starts a board and waits for its port. */
export async function startWasmBoard(options: WasmBoardOptions = {}): Promise<WasmBoard> {
  options.signal?.throwIfAborted();
  const tree: FileTree = options.root === undefined ? new Map() : await readTree(options.root);
  for (const [path, content] of options.files ?? []) tree.set(path, content);
  const directory = options.link === undefined
    ? await Deno.makeTempDir({ prefix: "uota-board-" })
    : null;
  const link = options.link ?? `${directory}/ttyBOARD`;
  const board = new WasmBoard({
    link,
    temporaryDirectory: directory,
    tree,
    heapBytes: options.heapBytes ?? DEFAULT_HEAP_BYTES,
    flashBytes: options.flashBytes ?? DEFAULT_FLASH_BYTES,
    uid: options.uid ?? await uidOf(link),
    usbDelayMs: options.usbDelayMs ?? DEFAULT_USB_DELAY_MS,
  });
  options.signal?.addEventListener("abort", () => void board.stop(), { once: true });
  await board.powerOn();
  return board;
}

/** Eight bytes in hexadecimal, as an rp2040 has; stable for a link's path. */
async function uidOf(link: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(link));
  return new Uint8Array(digest).subarray(0, 8).toHex();
}

interface BoardSettings {
  readonly link: string;
  readonly temporaryDirectory: string | null;
  readonly tree: FileTree;
  readonly heapBytes: number;
  readonly flashBytes: number;
  readonly uid: string;
  readonly usbDelayMs: number;
}

export class WasmBoard implements AsyncDisposable {
  /** The port's stable name. */
  readonly port: string;
  /** `machine.unique_id()` in hexadecimal. */
  readonly uid: string;
  readonly #settings: BoardSettings;
  readonly #flash: Flash;
  #run: Run | null = null;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(settings: BoardSettings) {
    this.#settings = settings;
    this.port = settings.link;
    this.uid = settings.uid;
    this.#flash = new Flash(settings.flashBytes);
    try {
      this.#flash.restore(settings.tree);
    } catch (cause) {
      throw new Error(`The files do not fit into ${settings.flashBytes} bytes of flash`, { cause });
    }
  }

  /** The board's files by absolute path, as they are now; directories are left out. */
  async files(): Promise<Map<string, Uint8Array<ArrayBuffer>>> {
    const tree = await this.tree();
    return new Map([...tree].filter(([path]) => !path.endsWith("/")));
  }

  /** As {@linkcode files}, with the directories, which have a `/` behind. */
  async tree(): Promise<FileTree> {
    await this.#run?.caughtUp();
    return this.#flash.snapshot();
  }

  /** Writes files behind the interpreter's back: power is off meanwhile. */
  async writeFiles(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const wasOn = this.#run !== null;
    await this.cutPower();
    for (const [path, content] of files) this.#flash.writeFile(path, content);
    if (wasOn) await this.powerOn();
  }

  /** Waits until a reset that has begun, as the port's going away tells, is over. */
  portBack(): Promise<void> {
    return this.#next(async () => {});
  }

  /** Switches the board on, if it is off, and waits for its port. */
  powerOn(): Promise<void> {
    return this.#next(() => this.#on(CAUSE.powerOn));
  }

  /** Takes the power away at once; the flash stays as it is at this moment. */
  cutPower(): Promise<void> {
    return this.#next(() => this.#off());
  }

  /**
   * Lets the power go by itself when another `changes` changes of the flash (see `FlashChange`) have
   * been made: the next one finds no power. Settles when that has happened.
   */
  async cutPowerAfter(changes: number): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    await run.powerLost(changes);
    await this.#next(() => this.#run === run ? this.#off() : Promise.resolve());
  }

  /** Pulls the cable: the port goes away, the program runs on. */
  unplug(): Promise<void> {
    return this.#next(async () => await this.#run?.setCable(false));
  }

  /** Puts the cable back, and waits for the port. */
  plug(): Promise<void> {
    return this.#next(async () => await this.#run?.setCable(true));
  }

  /** Switches the board off for good. */
  async stop(): Promise<void> {
    await this.#next(async () => {
      if (this.#stopped) return;
      this.#stopped = true;
      await this.#off();
      if (this.#settings.temporaryDirectory !== null) {
        await Deno.remove(this.#settings.temporaryDirectory, { recursive: true });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #next(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #on(resetCause: number): Promise<void> {
    if (this.#run !== null || this.#stopped) return;
    const run = new Run({
      settings: this.#settings,
      flash: this.#flash,
      resetCause,
      onReset: (cause) => void this.#next(() => this.#reset(run, cause)),
    });
    this.#run = run;
    await run.ready();
  }

  async #off(): Promise<void> {
    const run = this.#run;
    if (run === null) return;
    await run.end();
    this.#run = null;
  }

  async #reset(run: Run, cause: number): Promise<void> {
    if (this.#run !== run) return;
    await this.#off();
    await new Promise((resolve) => setTimeout(resolve, this.#settings.usbDelayMs));
    await this.#on(cause);
  }
}

/** One stretch between power on and power off: the threads and what they share. */
class Run {
  /** The firmware for all boards of this process, once the first has compiled it. */
  static compiled: WebAssembly.Module | null = null;

  readonly #control = new ControlBlock(Date.now());
  readonly #wakeFd = createEventFd();
  readonly #settings: BoardSettings;
  readonly #flash: Flash;
  readonly #uart: Worker;
  readonly #processor: Worker;
  readonly #onReset: (cause: number) => void;
  readonly #off = Promise.withResolvers<void>();
  readonly #uartEnded = Promise.withResolvers<void>();
  #changesReceived = 0;
  #waitingForChanges: (() => void)[] = [];
  #portTarget: string | null = null;
  #portChange = Promise.withResolvers<void>();
  #watchdog: ReturnType<typeof setTimeout> | null = null;

  constructor(options: {
    readonly settings: BoardSettings;
    readonly flash: Flash;
    readonly resetCause: number;
    readonly onReset: (cause: number) => void;
  }) {
    this.#settings = options.settings;
    this.#flash = options.flash;
    this.#onReset = options.onReset;
    this.#control.cableIn = true;
    this.#control.limitChanges(-1);
    this.#uart = new Worker(new URL("./uart_worker.ts", import.meta.url), { type: "module" });
    this.#processor = new Worker(new URL("./interpreter_worker.ts", import.meta.url), {
      type: "module",
    });
    // One after the other: a link must not be removed when its successor is already there.
    let linked = Promise.resolve();
    this.#uart.onmessage = ({ data }: MessageEvent<UartReport>) => {
      linked = linked.then(() => this.#heardUart(data));
    };
    this.#processor.onmessage = ({ data }: MessageEvent<ProcessorReport>) => this.#heard(data);
    this.#uart.onerror = (event) => this.#portChange.reject(new Error(event.message));
    this.#processor.onerror = (event) => this.#portChange.reject(new Error(event.message));
    const start: ProcessorStart = {
      control: this.#control.buffer,
      epochMs: this.#control.epochMs,
      wakeFd: this.#wakeFd,
      flashBytes: this.#flash.sizeBytes,
      files: this.#flash.snapshot(),
      heapBytes: this.#settings.heapBytes,
      uid: this.#settings.uid,
      resetCause: options.resetCause,
      compiled: Run.compiled,
    };
    this.#processor.postMessage(start);
  }

  /** Waits for the port. */
  async ready(): Promise<void> {
    while (this.#portTarget === null) await this.#portChange.promise;
  }

  /** Waits until every change that the interpreter has made by now is in the flash here. */
  async caughtUp(): Promise<void> {
    while (this.#changesReceived < this.#control.changesSent) {
      await new Promise<void>((resolve) => this.#waitingForChanges.push(resolve));
    }
  }

  /** Limits the changes that the power lasts for, and waits until it has gone. */
  async powerLost(changes: number): Promise<void> {
    this.#control.limitChanges(changes);
    await this.#off.promise;
  }

  async setCable(cableIn: boolean): Promise<void> {
    this.#control.cableIn = cableIn;
    this.#wakeUart();
    while ((this.#portTarget !== null) !== cableIn) await this.#portChange.promise;
  }

  async end(): Promise<void> {
    this.#stopWatchdog();
    this.#control.stop();
    this.#wakeUart();
    const grace = Promise.withResolvers<void>();
    const timer = setTimeout(grace.resolve, POWER_OFF_GRACE_MS);
    await Promise.race([this.#off.promise, grace.promise]);
    clearTimeout(timer);
    await this.caughtUp();
    this.#processor.terminate();
    await this.#uartEnded.promise;
    this.#uart.terminate();
    closeFdNow(this.#wakeFd);
  }

  #wakeUart(): void {
    writeFd(this.#wakeFd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  }

  async #heardUart(report: UartReport): Promise<void> {
    const before = this.#portTarget;
    if (report.port !== null) await pointLink(this.#settings.link, report.port);
    else if (before !== null) await removeLink(this.#settings.link, before);
    this.#portTarget = report.port;
    if (report.port === null && this.#control.stopped) this.#uartEnded.resolve();
    this.#portChange.resolve();
    this.#portChange = Promise.withResolvers();
  }

  #heard(report: ProcessorReport): void {
    switch (report.kind) {
      case "memory": {
        const start: UartStart = {
          control: this.#control.buffer,
          epochMs: this.#control.epochMs,
          memory: report.memory,
          wakeFd: this.#wakeFd,
        };
        this.#uart.postMessage(start);
        return;
      }
      case "compiled":
        Run.compiled = report.compiled;
        return;
      case "change":
        this.#flash.apply(report.change);
        this.#changesReceived++;
        for (const resolve of this.#waitingForChanges.splice(0)) resolve();
        return;
      case "reset":
        this.#onReset(CAUSE.hardReset);
        return;
      case "watchdog":
        this.#startWatchdog(report.timeoutMs);
        return;
      case "off":
        this.#off.resolve();
        return;
      case "broken":
        console.error(`${this.#settings.link}: the emulated board broke down: ${report.message}`);
        this.#off.resolve();
        return;
    }
  }

  /** The watchdog's clock: runs here, where no program can stop it. */
  #startWatchdog(timeoutMs: number): void {
    this.#stopWatchdog();
    const check = () => {
      const unfedMs = Date.now() - this.#control.epochMs - this.#control.watchdogFedMs;
      if (unfedMs >= timeoutMs) this.#onReset(CAUSE.watchdog);
      else this.#watchdog = setTimeout(check, timeoutMs - unfedMs);
    };
    check();
  }

  #stopWatchdog(): void {
    if (this.#watchdog !== null) clearTimeout(this.#watchdog);
    this.#watchdog = null;
  }
}
