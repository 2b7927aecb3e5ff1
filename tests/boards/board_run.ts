/**
 * One stretch between power on and power off of an emulated board: its two threads, what they
 * share, the port's link, and the watchdog.
 *
 * INVARIANTS
 * - A change of the flash is applied here in the order in which the program made it, and none comes
 *   after {@linkcode BoardRun.end} has returned.
 * - The link names a port that exists and is this board's, or is not there.
 */

import {
  closeFdNow,
  createEventFd,
  LibcError,
  pollFdsBlocking,
  POLLHUP,
  POLLIN,
  readFd,
  writeFd,
} from "../../serial/libc.ts";
import { ControlBlock } from "./control_block.ts";
import type { Faults } from "./faults.ts";
import type { FileTree } from "./file_tree.ts";
import type { Chip } from "./firmware.ts";
import type { Flash } from "./flash.ts";
import type { BoardThreads } from "./board_threads.ts";
import type { ProcessorReport, ProcessorStart } from "./interpreter_worker.ts";
import type { FileSystemKind } from "./open_file.ts";
import { pointLink, removeLink } from "./port_link.ts";
import type { LeftPty, UartReport, UartStart } from "./uart_worker.ts";

/** `machine.reset_cause()`. */
export const RESET_CAUSE = {
  powerOn: 1,
  hardReset: 2,
  watchdog: 3,
  deepSleep: 4,
  softReset: 5,
} as const;

/** A program that asks the harness for nothing is not waited for any longer than this. */
const POWER_OFF_GRACE_MS = 100;
/** What no address may be: who reads its way from memory that is full of it runs into the end. */
const NO_ADDRESS_BYTE = 0xff;

/** What stays the same over all runs of a board. */
export interface BoardSettings {
  readonly link: string;
  readonly temporaryDirectory: string | null;
  readonly tree: FileTree;
  readonly heapBytes: number;
  readonly flashBytes: number;
  readonly fileSystem: FileSystemKind;
  readonly chip: Chip;
  /** The port stays when the board has no power, as one behind an adapter does. */
  readonly portStaysOn: boolean;
  /** `machine.reset()` reads as a watchdog's bite afterwards. */
  readonly resetReadsAsWatchdog: boolean;
  readonly usbDelayMs: number;
  readonly publish: (pty: string) => Promise<string>;
}

/** What a run tells the board whose it is. */
export interface RunObserver {
  /** The program reset the chip, or the watchdog did. */
  readonly reset: (cause: number) => void;
  /** The program sent the chip to sleep, for so long or, with null, until somebody wakes it. */
  readonly deepSleep: (ms: number | null) => void;
  /** Power has gone by itself. */
  readonly powerLost: () => void;
  /** The cable has gone by itself. */
  readonly unplugged: () => void;
  /** A thread waits for `Faults.release`. */
  readonly held: () => void;
  /** The flash has changed. */
  readonly changed: () => void;
  /** A message of the host has ended with this byte. */
  readonly answer: (hostBytes: number) => void;
}

/** A port whose board is off. */
export interface LeftPort extends LeftPty {
  /** What the link names. */
  readonly target: string;
}

/** One stretch between power on and power off: what the threads do and share meanwhile. */
export class BoardRun {
  /** A cache: the firmware for all boards of this process, once the first has compiled it. */
  static compiled: WebAssembly.Module | null = null;

  readonly #control = new ControlBlock(Date.now());
  readonly #wakeFd = createEventFd();
  readonly #settings: BoardSettings;
  readonly #flash: Flash;
  readonly #threads: BoardThreads;
  readonly #faults: Faults;
  readonly #observer: RunObserver;
  readonly #off = Promise.withResolvers<void>();
  readonly #uartEnded = Promise.withResolvers<LeftPty | null>();
  readonly #adopted: LeftPty | null;
  #memory: SharedArrayBuffer | null = null;
  #changesReceived = 0;
  #waitingForChanges: (() => void)[] = [];
  #portTarget: string | null = null;
  #portChange = Promise.withResolvers<void>();
  #watchdog: ReturnType<typeof setTimeout> | null = null;

  constructor(options: {
    readonly settings: BoardSettings;
    /** Free of any other run. */
    readonly threads: BoardThreads;
    readonly flash: Flash;
    readonly faults: Faults;
    readonly resetCause: number;
    readonly observer: RunObserver;
    /** What the run before this one has left. */
    readonly port: LeftPort | null;
  }) {
    this.#settings = options.settings;
    this.#adopted = options.port;
    if (options.port !== null) this.#adopt(options.port);
    this.#flash = options.flash;
    this.#faults = options.faults;
    this.#observer = options.observer;
    this.#threads = options.threads;
    const failed = (message: string) => {
      // Nobody may be waiting for the port by now.
      this.#tellBreakdown(message);
      this.#portChange.reject(new Error(message));
    };
    // One after the other: a link must not be removed when its successor is already there.
    let linked = Promise.resolve();
    this.#threads.uart.listen({
      heard: (report) => {
        linked = linked.then(() => this.#heardUart(report));
        linked.catch((error) => this.#portChange.reject(error));
      },
      failed,
    });
    this.#threads.processor.listen({ heard: (report) => this.#heard(report), failed });
    const start: ProcessorStart = {
      control: this.#control.buffer,
      faults: this.#faults.buffer,
      epochMs: this.#control.epochMs,
      wakeFd: this.#wakeFd,
      flashBytes: this.#flash.sizeBytes,
      fileSystem: this.#settings.fileSystem,
      files: this.#flash.snapshot(),
      heapBytes: this.#settings.heapBytes,
      chip: this.#settings.chip,
      resetCause: options.resetCause,
      compiled: BoardRun.compiled,
    };
    this.#threads.processor.start(start);
  }

  /** Waits for the port, where there is a cable. */
  async ready(): Promise<void> {
    while (this.#portTarget === null && this.#faults.cableIn) await this.#portChange.promise;
  }

  /** Waits until every change that the interpreter has made by now is in the flash here. */
  async caughtUp(): Promise<void> {
    while (this.#changesReceived < this.#control.changesSent) {
      await new Promise<void>((resolve) => this.#waitingForChanges.push(resolve));
    }
  }

  /** What its threads are at, for whoever wonders why a board is silent. */
  get state(): string {
    const { hostAttached, received, masterFd, ringFull, stopped } = this.#control;
    const { stopIsToCome, cableIn } = this.#faults;
    const port = this.#portTarget;
    return JSON.stringify({
      ...{ hostAttached, received, masterFd, ringFull, stopped, stopIsToCome, cableIn, port },
      bootedMsAgo: Date.now() - this.#control.epochMs,
    });
  }

  async setCable(cableIn: boolean): Promise<void> {
    this.#faults.cableIn = cableIn;
    this.#wakeUart();
    while ((this.#portTarget !== null) !== cableIn) await this.#portChange.promise;
  }

  /** Ends the run; answers with the port where that stays on. */
  async end(): Promise<LeftPort | null> {
    this.#stopWatchdog();
    this.#control.stop();
    this.#faults.release();
    this.#wakeUart();
    const grace = Promise.withResolvers<"late">();
    const timer = setTimeout(() => grace.resolve("late"), POWER_OFF_GRACE_MS);
    const ended = await Promise.race([this.#off.promise, grace.promise]);
    clearTimeout(timer);
    await this.caughtUp();
    // The runtime ends no thread that computes, and a program may catch whatever is raised in it:
    // only without its memory does it end for certain.
    if (ended === "late" && this.#memory !== null) {
      new Uint8Array(this.#memory).fill(NO_ADDRESS_BYTE);
    }
    await this.#off.promise;
    if (ended === "late") this.#threads.processor.end();
    const left = await this.#uartEnded.promise;
    closeFdNow(this.#wakeFd);
    return left === null || this.#portTarget === null
      ? null
      : { ...left, target: this.#portTarget };
  }

  /** Takes over a port, whose host is to hear the first word that the board says. */
  #adopt({ masterFd, target }: LeftPort): void {
    this.#portTarget = target;
    // What was sent to a board without power is lost.
    discard(masterFd);
    const [state] = pollFdsBlocking([{ fd: masterFd, events: POLLIN }], 0);
    this.#control.hostAttached = ((state ?? 0) & POLLHUP) === 0;
    this.#control.setMasterFd(masterFd);
    this.#control.willBeLinked();
  }

  #wakeUart(): void {
    writeFd(this.#wakeFd, Uint8Array.of(1, 0, 0, 0, 0, 0, 0, 0));
  }

  async #heardUart(report: UartReport): Promise<void> {
    if (report.kind === "held") return this.#observer.held();
    if (report.kind === "unplugged") return this.#observer.unplugged();
    if (report.kind === "ended") return this.#uartEnded.resolve(report.left);
    const { link, publish } = this.#settings;
    const before = this.#portTarget;
    const target = report.port === null ? null : await publish(report.port);
    if (target !== null) await pointLink(link, target);
    else if (before !== null) await removeLink(link, before);
    if (report.port === null) this.#control.unlinked();
    this.#portTarget = target;
    this.#portChange.resolve();
    this.#portChange = Promise.withResolvers();
  }

  #heard(report: ProcessorReport): void {
    switch (report.kind) {
      case "memory": {
        this.#memory = report.memory;
        const start: UartStart = {
          control: this.#control.buffer,
          faults: this.#faults.buffer,
          epochMs: this.#control.epochMs,
          memory: report.memory,
          wakeFd: this.#wakeFd,
          staysOn: this.#settings.portStaysOn,
          adopted: this.#adopted,
        };
        this.#threads.uart.start(start);
        return;
      }
      case "compiled":
        BoardRun.compiled = report.compiled;
        return;
      case "change":
        this.#flash.apply(report.change);
        this.#changesReceived++;
        for (const resolve of this.#waitingForChanges.splice(0)) resolve();
        this.#observer.changed();
        return;
      case "answer":
        this.#observer.answer(report.hostBytes);
        return;
      case "held":
        this.#observer.held();
        return;
      case "power_lost":
        this.#observer.powerLost();
        return;
      case "reset":
        this.#observer.reset(this.#ownResetCause);
        return;
      case "deep_sleep":
        this.#observer.deepSleep(report.ms);
        return;
      case "watchdog":
        this.#startWatchdog(report.timeoutMs);
        return;
      case "off":
        this.#off.resolve();
        return;
      case "broken":
        if (!this.#control.stopped) this.#tellBreakdown(report.message);
        this.#off.resolve();
        return;
    }
  }

  #tellBreakdown(message: string): void {
    console.error(`${this.#settings.link}: the emulated board broke down: ${message}`);
  }

  /** rp2 resets itself by its watchdog (ports/rp2/modmachine.c, `mp_machine_reset`). */
  get #ownResetCause(): number {
    return this.#settings.resetReadsAsWatchdog ? RESET_CAUSE.watchdog : RESET_CAUSE.hardReset;
  }

  /** The watchdog's clock: runs here, where no program can stop it. */
  #startWatchdog(timeoutMs: number): void {
    this.#stopWatchdog();
    // Told before the power went, heard after.
    if (this.#control.stopped) return;
    const check = () => {
      const unfedMs = Date.now() - this.#control.epochMs - this.#control.watchdogFedMs;
      if (unfedMs >= timeoutMs) this.#observer.reset(RESET_CAUSE.watchdog);
      else this.#watchdog = setTimeout(check, timeoutMs - unfedMs);
    };
    check();
  }

  #stopWatchdog(): void {
    if (this.#watchdog !== null) clearTimeout(this.#watchdog);
    this.#watchdog = null;
  }
}

/** Throws away what waits in a pty's master. */
function discard(masterFd: number): void {
  const buffer = new Uint8Array(4096);
  try {
    while (readFd(masterFd, buffer) !== null);
  } catch (error) {
    // EIO: no host has the port open, and all is read.
    if (!(error instanceof LibcError) || error.errnoName !== "EIO") throw error;
  }
}
