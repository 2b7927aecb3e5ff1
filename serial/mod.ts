/** MicroPython boards on a tty: the public surface of this room. */
export {
  type AskOptions,
  type Board,
  connectBoard,
  type ConnectOptions,
  isUnnameable,
  type PathKind,
  type PathState,
  sha256Hex,
  type Space,
  type TreeEntry,
  type WriteFilesOptions,
} from "./board.ts";
export type { Capabilities } from "./capabilities.ts";
export { pause } from "./deadline.ts";
export type { PythonValue } from "./literal.ts";
export { describePort, findPorts, type PortInfo, type UsbIdentity } from "./ports.ts";
export { type Script, script } from "./script.ts";
export type { WriteEntry } from "./write_plan.ts";
