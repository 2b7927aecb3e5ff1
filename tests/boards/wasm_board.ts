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

import { closeFdNow } from "../../serial/libc.ts";
import { BoardRun, type BoardSettings, type LeftPort, RESET_CAUSE } from "./board_run.ts";
import { BoardThreads } from "./board_threads.ts";
import { type CorruptLine, Faults } from "./faults.ts";
import { DeepSleep } from "./deep_sleep.ts";
import type { FileTree } from "./file_tree.ts";
import { Flash } from "./flash.ts";
import { removeLink } from "./port_link.ts";
import { settingsOf, type WasmBoardOptions } from "./wasm_board_options.ts";

/** Starts a board and waits for its port. */
export async function startWasmBoard(options: WasmBoardOptions = {}): Promise<WasmBoard> {
  options.signal?.throwIfAborted();
  const board = new WasmBoard(await settingsOf(options));
  board.limitOutput(options.bytesPerSecond ?? null);
  options.signal?.addEventListener("abort", () => void board.stop(), { once: true });
  await board.powerOn();
  return board;
}

export class WasmBoard implements AsyncDisposable {
  /** The port's stable name. */
  readonly port: string;
  /** `machine.unique_id()` in hexadecimal; empty where the board has none. */
  readonly uid: string;
  readonly #settings: BoardSettings;
  readonly #flash: Flash;
  readonly #faults = new Faults();
  readonly #threads = BoardThreads.take();
  readonly #messageEnds: number[] = [];
  #onPowerLost: () => void = () => {};
  #onUnplugged: () => void = () => {};
  #onHeld: () => void = () => {};
  #changed = Promise.withResolvers<void>();
  #run: BoardRun | null = null;
  /** A port that stays on while there is no run. */
  #left: LeftPort | null = null;
  #sleep: DeepSleep | null = null;
  #turn: Promise<void> = Promise.resolve();
  #stopped = false;

  constructor(settings: BoardSettings) {
    this.#settings = settings;
    this.port = settings.link;
    this.uid = settings.chip.uid ?? "";
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

  /** Waits until the program's changes have brought the files to what is wanted. */
  async treeBecomes(isWanted: (tree: FileTree) => boolean): Promise<void> {
    while (true) {
      const changed = this.#changed.promise;
      if (isWanted(await this.tree())) return;
      await changed;
    }
  }

  /** Writes files behind the interpreter's back: power is off meanwhile. */
  async writeFiles(files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const wasOn = this.#run !== null;
    await this.cutPower();
    for (const [path, content] of files) this.#flash.writeFile(path, content);
    if (wasOn) await this.powerOn();
  }

  /** Waits until a reset or a sleep that has begun, as the port's going away tells, is over. */
  async portBack(): Promise<void> {
    await this.#next(async () => {});
    if (this.#sleep === null) return;
    await this.#sleep.over;
    await this.portBack();
  }

  /** Whether the chip sleeps deeply. */
  get sleeps(): boolean {
    return this.#sleep !== null;
  }

  /** For messages: what its threads are at. */
  get state(): string {
    return this.#run?.state ?? (this.sleeps ? "asleep" : "off");
  }

  /** Switches the board on, if it is off or asleep, and waits for its port. */
  powerOn(): Promise<void> {
    return this.#next(async () => {
      if (this.#sleep !== null) await this.#off();
      await this.#on(RESET_CAUSE.powerOn);
    });
  }

  /** Takes the power away at once; the flash stays as it is at this moment. */
  cutPower(): Promise<void> {
    return this.#next(() => this.#off());
  }

  /** Presses the reset button, which wakes a sleeping chip too. */
  pressReset(): Promise<void> {
    return this.#next(async () => {
      if (this.#run === null && this.#sleep === null) return;
      await this.#restart(RESET_CAUSE.hardReset);
    });
  }

  /** What the line carries to the host in a second from now on; null for as much as it takes. */
  limitOutput(bytesPerSecond: number | null): void {
    this.#faults.bytesPerSecond = bytesPerSecond;
  }

  /** Changes of the flash since the board was made: see `FlashChange`. */
  get changes(): number {
    return this.#faults.changes;
  }

  /** Bytes that hosts have sent since the board was made. */
  get hostBytes(): number {
    return this.#faults.hostBytes;
  }

  /** How many of them the line has damaged. */
  get corruptedBytes(): number {
    return this.#faults.corrupted;
  }

  /** After how many bytes from the host the board has answered, since it was made. */
  get messageEnds(): readonly number[] {
    return this.#messageEnds;
  }

  /**
   * Lets the power go by itself when another `changes` changes of the flash (see `FlashChange`) have
   * been made, at once; with 0, just before the next one. Settles when that has happened.
   */
  async cutPowerAfter(changes: number): Promise<void> {
    const lost = Promise.withResolvers<void>();
    this.#onPowerLost = lost.resolve;
    this.#faults.stopAtChange(changes, "power");
    await lost.promise;
    await this.cutPower();
  }

  /**
   * Pulls the cable when another `bytes` bytes of the host have been taken; the program runs on.
   * Settles when that has happened.
   */
  async unplugAfterBytes(bytes: number): Promise<void> {
    const unplugged = Promise.withResolvers<void>();
    this.#onUnplugged = unplugged.resolve;
    this.#faults.stopAtByte(bytes, "unplug");
    await unplugged.promise;
    await this.unplug();
  }

  /** Runs `action` when another `changes` changes have been made; the processor waits for it. */
  async atChange(changes: number, action: () => Promise<void>): Promise<void> {
    const held = this.#nextHeld();
    this.#faults.stopAtChange(changes, "hold");
    await this.#whileHeld(held, action);
  }

  /**
   * Runs `action` when another `bytes` bytes of the host have been taken from it. Those that came
   * last wait for `action` before the board sees them.
   */
  async atByte(bytes: number, action: () => Promise<void>): Promise<void> {
    const held = this.#nextHeld();
    this.#faults.stopAtByte(bytes, "hold");
    await this.#whileHeld(held, action);
  }

  /** Whether what was to happen after some change or byte has not come about yet. */
  get stopIsToCome(): boolean {
    return this.#faults.stopIsToCome;
  }

  /** Takes back what was to happen after some change or byte and has not happened yet. */
  forgetStops(): void {
    this.#faults.clearStops();
  }

  /** Damages bytes towards the board from now on; null mends the line. */
  corruptLine(line: CorruptLine | null): void {
    this.#faults.corruptLine(line);
  }

  /** Pulls the cable: the port goes away, the program runs on. */
  unplug(): Promise<void> {
    return this.#next(async () => {
      if (this.#left !== null) {
        this.#faults.cableIn = false;
        await this.#closeLeft();
      }
      await this.#run?.setCable(false);
    });
  }

  /** Puts the cable back, and waits for the port; where the board is off, that comes with its power. */
  plug(): Promise<void> {
    return this.#next(async () => {
      if (this.#run === null) this.#faults.cableIn = true;
      await this.#run?.setCable(true);
    });
  }

  /** Switches the board off for good. */
  async stop(): Promise<void> {
    await this.#next(async () => {
      if (this.#stopped) return;
      this.#stopped = true;
      await this.#off();
      this.#threads.giveBack();
      await this.#closeLeft();
      if (this.#settings.temporaryDirectory !== null) {
        await Deno.remove(this.#settings.temporaryDirectory, { recursive: true });
      }
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  #nextHeld(): Promise<void> {
    const held = Promise.withResolvers<void>();
    this.#onHeld = held.resolve;
    return held.promise;
  }

  async #whileHeld(held: Promise<void>, action: () => Promise<void>): Promise<void> {
    await held;
    try {
      await action();
    } finally {
      this.#faults.release();
    }
  }

  #next(action: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(action);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #on(resetCause: number): Promise<void> {
    if (this.#run !== null || this.#stopped) return;
    const run = new BoardRun({
      settings: this.#settings,
      threads: this.#threads,
      flash: this.#flash,
      faults: this.#faults,
      resetCause,
      port: this.#left,
      observer: {
        reset: (cause) => void this.#next(() => this.#reset(run, cause)),
        deepSleep: (ms) => void this.#next(() => this.#fallAsleep(run, ms)),
        powerLost: () => this.#onPowerLost(),
        unplugged: () => this.#onUnplugged(),
        held: () => this.#onHeld(),
        changed: () => {
          this.#changed.resolve();
          this.#changed = Promise.withResolvers();
        },
        answer: (hostBytes) => void this.#messageEnds.push(hostBytes),
      },
    });
    this.#run = run;
    this.#left = null;
    await run.ready();
  }

  async #off(): Promise<void> {
    this.#sleep?.[Symbol.dispose]();
    this.#sleep = null;
    const run = this.#run;
    if (run === null) return;
    this.#left = await run.end();
    this.#run = null;
  }

  async #reset(run: BoardRun, cause: number): Promise<void> {
    if (this.#run === run) await this.#restart(cause);
  }

  async #restart(cause: number): Promise<void> {
    await this.#off();
    await new Promise((resolve) => setTimeout(resolve, this.#settings.usbDelayMs));
    await this.#on(cause);
  }

  /** Off, but for the clock that wakes it; others may have their turn meanwhile. */
  async #fallAsleep(run: BoardRun, ms: number | null): Promise<void> {
    if (this.#run !== run) return;
    await this.#off();
    const { resetReadsAsWatchdog } = this.#settings;
    const cause = resetReadsAsWatchdog ? RESET_CAUSE.watchdog : RESET_CAUSE.deepSleep;
    const sleep = new DeepSleep(ms, () =>
      this.#next(async () => {
        if (this.#sleep !== sleep) return;
        this.#sleep = null;
        await this.#on(cause);
      }));
    this.#sleep = sleep;
  }

  async #closeLeft(): Promise<void> {
    const left = this.#left;
    if (left === null) return;
    this.#left = null;
    await removeLink(this.#settings.link, left.target);
    closeFdNow(left.masterFd);
  }
}
