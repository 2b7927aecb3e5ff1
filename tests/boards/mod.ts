/**
 * Boards under test: real MicroPython on real ttys, never a mock of it. A board is started with
 * `await using`, has a `port` to open, and can lose its power and its cable.
 */

export { startWasmBoard, type WasmBoard } from "./wasm_board.ts";
export type { WasmBoardOptions } from "./wasm_board_options.ts";
export type { Corruption, CorruptLine } from "./faults.ts";
export { FILE_SYSTEM_KINDS, type FileSystemKind } from "./open_file.ts";
export type { FileTree } from "./file_tree.ts";
export { type Microbit, type MicrobitOptions, startMicrobit } from "./microbit.ts";
export { untilLinked } from "./port_link.ts";
export { Probe, type ProbeResult } from "./probe.ts";
