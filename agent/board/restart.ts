/** After an installation: reset the board, and wait until its port is there again. */
import { UotaError } from "../../errors/mod.ts";
import { type Board, describePort, findPorts, pause, type PortInfo } from "../../serial/mod.ts";

export interface RestartOptions {
  readonly signal: AbortSignal;
  /** The port on which the board was before. */
  readonly port: PortInfo;
  /** Where a port may come back under another number. */
  readonly portGlobs: readonly string[];
}

const RETURN_BOUND_MS = 20_000;
const LOOK_AGAIN_MS = 50;

/**
 * Resets the board as a power-on would and waits for its return. Closes the port.
 *
 * @throws {UotaError} `board_lost`
 */
export async function restart(board: Board, options: RestartOptions): Promise<void> {
  const wentAway = await board.hardReset(options);
  await board[Symbol.asyncDispose]();
  if (!wentAway) return;
  const end = performance.now() + RETURN_BOUND_MS;
  while (!await isBack(options)) {
    if (performance.now() > end) {
      throw new UotaError(
        "board_lost",
        `The board on ${options.port.path} was reset after the installation and did not come back ` +
          `within ${RETURN_BOUND_MS / 1000} s; the release is on it. Check its power, or reset it`,
      );
    }
    await pause(LOOK_AGAIN_MS, options.signal);
  }
}

async function isBack({ port, portGlobs }: RestartOptions): Promise<boolean> {
  if (port.usb === null) return await describePort(port.path) !== null;
  const { serial, topology, vendorId } = port.usb;
  const ports = await findPorts([port.path, ...portGlobs]);
  return ports.some(({ usb }) =>
    usb !== null && usb.vendorId === vendorId && usb.serial === serial &&
    (serial !== null || usb.topology === topology)
  );
}
