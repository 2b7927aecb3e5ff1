/** One board, one gateway, releases from a local archive: for tests of what happens on a board. */
import type { Outcome } from "../../agent/board/outcome.ts";
import type { RunOptions, UpdateRequest } from "../../agent/update.ts";
import { startWasmBoard, type WasmBoard, type WasmBoardOptions } from "../boards/mod.ts";
import { digests, type Files, onBoard, packed } from "./firmware.ts";
import { type Gateway, type GatewayOptions, makeGateway, onlyOutcome } from "./gateway.ts";

export interface RigOptions {
  readonly board?: Omit<WasmBoardOptions, "files">;
  readonly gateway?: Omit<GatewayOptions, "ports">;
}

export interface BoardRig extends AsyncDisposable {
  readonly board: WasmBoard;
  readonly gateway: Gateway;
  /** Packs the files and updates the board from them. */
  install(
    release: Files,
    request?: Partial<UpdateRequest>,
    options?: Partial<RunOptions>,
  ): Promise<Outcome>;
  /** Packs the files for `--archive`. */
  pack(release: Files): Promise<string>;
  /** Everything on the board, directories too. */
  tree(): Promise<readonly string[]>;
  /** The files on the board. */
  files(): Promise<readonly string[]>;
}

/** Starts a board with these files. */
export async function startBoardRig(files: Files, options: RigOptions = {}): Promise<BoardRig> {
  const board = await startWasmBoard({ ...options.board, files: onBoard(files) });
  const gateway = await makeGateway({ ...options.gateway, ports: [board.port] });
  const pack = async (release: Files) => {
    const archive = `${gateway.directory}/firmware.tar.gz`;
    await Deno.writeFile(archive, packed(release));
    return archive;
  };
  return {
    board,
    gateway,
    pack,
    async install(release, request = {}, runOptions = {}) {
      const archive = await pack(release);
      return onlyOutcome(await gateway.update({ archive, ...request }, runOptions));
    },
    tree: async () => digests(await board.tree()),
    files: async () => digests(await board.files()),
    async [Symbol.asyncDispose]() {
      await board.stop();
      await gateway[Symbol.asyncDispose]();
    },
  };
}
