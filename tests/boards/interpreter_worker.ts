/**
 * The thread of an emulated board's processor: a flash, a console and the firmware, until the power
 * goes, and again when it comes. Everything that has to outlive that is told to the harness as
 * messages.
 */

import { Console, PowerOff } from "./console.ts";
import { ControlBlock } from "./control_block.ts";
import { Faults } from "./faults.ts";
import { type Chip, Firmware } from "./firmware.ts";
import { InterpreterLoader } from "./micropython_module.ts";
import { Flash, type FlashChange } from "./flash.ts";
import type { FileSystemKind } from "./open_file.ts";

/** What the harness hands over to switch the board on. */
export interface ProcessorStart {
  readonly control: SharedArrayBuffer;
  readonly faults: SharedArrayBuffer;
  readonly epochMs: number;
  readonly wakeFd: number;
  readonly flashBytes: number;
  readonly fileSystem: FileSystemKind;
  readonly files: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  readonly heapBytes: number;
  readonly chip: Chip;
  readonly resetCause: number;
  /** What another board of this process has compiled. */
  readonly compiled: WebAssembly.Module | null;
}

/** What the processor tells the harness. */
export type ProcessorReport =
  | { readonly kind: "memory"; readonly memory: SharedArrayBuffer }
  | { readonly kind: "compiled"; readonly compiled: WebAssembly.Module }
  | { readonly kind: "change"; readonly change: FlashChange }
  /** A host's message is being answered, `hostBytes` after the first byte of all. */
  | { readonly kind: "answer"; readonly hostBytes: number }
  /** The change has been reached at which the thread is to be held. */
  | { readonly kind: "held" }
  /** The change has been reached at which power goes. */
  | { readonly kind: "power_lost" }
  | { readonly kind: "reset" }
  /** For so long; null: until somebody wakes it. */
  | { readonly kind: "deep_sleep"; readonly ms: number | null }
  | { readonly kind: "watchdog"; readonly timeoutMs: number }
  | { readonly kind: "off" }
  | { readonly kind: "broken"; readonly message: string };

// The worker's global scope: DOM's typing calls it Window, so its members are named here.
declare const self: {
  onmessage: ((event: MessageEvent<ProcessorStart>) => void) | null;
  postMessage(message: ProcessorReport): void;
};

async function run(start: ProcessorStart): Promise<void> {
  const control = new ControlBlock(start.epochMs, start.control);
  const faults = new Faults(start.faults);
  const losePower = () => {
    self.postMessage({ kind: "power_lost" });
    control.stop();
    throw new PowerOff();
  };
  let restoring = true;
  const flash = new Flash(start.flashBytes, {
    before: () => {
      if (restoring) return;
      if (control.stopped) throw new PowerOff();
      if (faults.losesPowerNow()) losePower();
    },
    after: (change) => {
      if (restoring) return;
      self.postMessage({ kind: "change", change });
      // After the message, so that whoever saw the count finds the message on its way.
      control.countChange();
      const stop = faults.countChange();
      if (stop === "power") losePower();
      if (stop === "hold") faults.hold(() => self.postMessage({ kind: "held" }));
    },
  });
  flash.restore(start.files);
  restoring = false;
  const loader = new InterpreterLoader(start.compiled);
  const console = new Console(control, start.wakeFd);
  let answeredBytes = faults.hostBytes;
  console.whenAnswering = () => {
    const { hostBytes } = faults;
    if (hostBytes === answeredBytes) return;
    answeredBytes = hostBytes;
    self.postMessage({ kind: "answer", hostBytes });
  };
  console.bytesPerSecond = () => faults.bytesPerSecond;
  const firmware = new Firmware({
    flash,
    fileSystem: start.fileSystem,
    loader,
    console,
    heapBytes: start.heapBytes,
    chip: start.chip,
    sinceResetMs: () => Date.now() - start.epochMs,
    services: {
      uid: start.chip.uid,
      machine: start.chip.machine,
      reset_cause: start.resetCause,
      reset: () => {
        self.postMessage({ kind: "reset" });
        throw new PowerOff();
      },
      deepsleep: (ms) => {
        self.postMessage({ kind: "deep_sleep", ms });
        throw new PowerOff();
      },
      lightsleep: (ms) => console.stayDeaf(ms ?? Infinity),
      start_watchdog: (timeoutMs) => {
        control.feedWatchdog();
        self.postMessage({ kind: "watchdog", timeoutMs });
      },
      feed_watchdog: () => control.feedWatchdog(),
    },
  });
  // A shared memory's buffer is a SharedArrayBuffer, which the typing does not tell.
  self.postMessage({
    kind: "memory",
    memory: firmware.memory.buffer as unknown as SharedArrayBuffer,
  });
  try {
    await firmware.run((compiled) => self.postMessage({ kind: "compiled", compiled }));
  } catch (error) {
    if (error instanceof PowerOff) self.postMessage({ kind: "off" });
    else {self.postMessage({
        kind: "broken",
        message: String(error instanceof Error ? error.stack : error),
      });}
  }
}

self.onmessage = ({ data }) => void run(data);
