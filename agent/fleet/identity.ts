/**
 * Which board hangs on which port: the configuration's entries held against what a port shows from
 * outside (its path, its USB serial number) and what the board itself says (`unique_id`).
 */
import { realpath } from "node:fs/promises";
import { basename } from "node:path";
import type { BoardEntry, GatewayConfig } from "../../config/mod.ts";
import type { PortInfo } from "../../serial/mod.ts";
import type { SelectableBoard } from "./selection.ts";

/** One board of the fleet as far as it is known; a configured one may hang on no port. */
export interface FleetBoard extends SelectableBoard {
  readonly entry: BoardEntry | null;
  readonly port: PortInfo | null;
  /** Whether `name` and `entry` are settled, or the board itself has to be asked. */
  readonly identified: boolean;
  /** Of an entry without a port: another entry that has the board which this one matches as well. */
  readonly takenBy?: string;
}

/** What the ports and the configuration tell before any board is asked. */
export async function knownBoards(
  config: GatewayConfig,
  ports: readonly PortInfo[],
): Promise<FleetBoard[]> {
  const links = new Map<string, string>();
  for (const { match } of config.boards) {
    if (match.kind !== "port") continue;
    links.set(match.port, await realpath(match.port).catch(() => match.port));
  }
  const attached = ports.map((port) => {
    const entry = config.boards.find(({ match }) => matchesPort(match, port, links)) ?? null;
    return fleetBoard(port, entry, null);
  });
  const missing = config.boards
    .filter((entry) => !attached.some((board) => board.entry === entry))
    .map((entry): FleetBoard => ({
      ...takenBy(attached.find(({ port }) => port && matchesPort(entry.match, port, links))),
      name: entry.name,
      uid: entry.match.kind === "uid" ? entry.match.uid : null,
      ports: entry.match.kind === "port" ? [entry.match.port] : [],
      group: entry.group,
      entry,
      port: null,
      identified: true,
    }));
  return [...attached, ...missing];
}

function takenBy(rival: FleetBoard | undefined): { readonly takenBy?: string } {
  return rival === undefined ? {} : { takenBy: rival.name };
}

/** The board on `port` after it said its `uid`. */
export function identify(config: GatewayConfig, board: FleetBoard, uid: string | null): FleetBoard {
  if (!board.port) return board;
  const byUid = config.boards.find(({ match }) => match.kind === "uid" && match.uid === uid);
  // What was thought to be the board of an entry may be another one in its place.
  const isAnother = uid !== null && board.entry?.match.kind === "uid" &&
    board.entry.match.uid !== uid;
  const entry = (isAnother ? null : board.entry) ?? byUid ?? null;
  return { ...fleetBoard(board.port, entry, uid), identified: true };
}

function fleetBoard(port: PortInfo, entry: BoardEntry | null, uid: string | null): FleetBoard {
  return {
    name: entry?.name ?? (uid === null ? basename(port.path) : `board-${uid}`),
    uid: uid ?? (entry?.match.kind === "uid" ? entry.match.uid : null),
    ports: [...new Set([port.path, port.devicePath])],
    group: entry?.group ?? null,
    entry,
    port,
    identified: entry !== null,
  };
}

function matchesPort(
  match: BoardEntry["match"],
  port: PortInfo,
  links: ReadonlyMap<string, string>,
): boolean {
  const serial = port.usb?.serial ?? null;
  switch (match.kind) {
    case "port":
      return match.port === port.path || links.get(match.port) === port.devicePath;
    case "usb_serial":
      return serial === match.usbSerial;
    case "uid":
      // The rp2 port reports its unique_id as the USB serial number.
      return serial?.toLowerCase() === match.uid;
  }
}
