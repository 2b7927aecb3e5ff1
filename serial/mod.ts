/**
 * MicroPython boards on a tty: the public surface of this room.
 *
 * {@linkcode findPorts} tells which ports there are, {@linkcode connectBoard} opens one and gives a
 * {@linkcode Board} to ask. All failures are `UotaError`s.
 */
export type { Board } from "./board.ts";
export { type BoardFiles, sha256Hex, type Space, type WriteFilesOptions } from "./board_files.ts";
export type { Capabilities } from "./capabilities.ts";
export { connectBoard, type ConnectOptions } from "./connect.ts";
export { pause } from "./deadline.ts";
export type { Argument } from "./guard.ts";
export type { Evidence } from "./evidence.ts";
export { findHolders, type Holder } from "./holders.ts";
export type { Heard, WatchOptions } from "./raw_repl.ts";
export { isUnnameable, type PathKind, type PathState, type TreeEntry } from "./path_state.ts";
export { PortWatch } from "./port_watch.ts";
export {
  describePort,
  type FindOptions,
  findPorts,
  type PortInfo,
  type UsbIdentity,
} from "./ports.ts";
export { type Script, script } from "./script.ts";
export type { AskOptions } from "./script_runner.ts";
export type { WriteEntry } from "./write_plan.ts";
