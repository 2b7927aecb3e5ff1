/**
 * The kinds of attempts that are cut: on which board, what is prepared, what is cut, what has to
 * become of it. A kind that is missing here does not compile.
 */
import type { WasmBoardOptions } from "../boards/mod.ts";
import { CUT_KINDS, type CutKind, type Kind } from "./cut.ts";
import { damagedInstallation, type Installation, usualInstallation } from "./installation.ts";

/** What an agent is asked to do. */
export type Action = "update" | "rollback";

/** Whose code does it: this checkout's, or that of another commit. */
export type Whose = "present" | "other";

/** What has to become of the board. */
export type Ending =
  /** The release is installed, whatever was cut. */
  | "new"
  /** It does not work: the old one is there, and stays. */
  | "old"
  /** It was left by hand: once that has begun the old one is there, and stays. */
  | "left";

export interface Scenario {
  readonly installation: Installation;
  readonly board: Pick<WasmBoardOptions, "flashBytes" | "port">;
  /** How long the gateway watches a program. */
  readonly confirm: string;
  /** What the gateway installs, without a cut, before the attempt that is cut. */
  readonly prepared: readonly ("old" | "new")[];
  /** What is cut. */
  readonly attempt: Action;
  readonly attemptBy: Whose;
  readonly recoveryBy: Whose;
  readonly ending: Ending;
  readonly cuts: readonly CutKind[];
  /**
   * How files are replaced: beside each other, from the new ones' side where what is installed is
   * the old release, or one by one where they are.
   */
  readonly replaces: "beside" | "beside_backwards" | "in_place";
  /**
   * Cut only once the release is in place: until then it does not differ from one that is installed.
   */
  readonly onlyOnceInstalled: boolean;
}

/** Of a program that goes on, and of one whose failure is seen as soon as it comes. */
const SHORT = "100ms";
const UNTIL_IT_FAILS = "10s";
/** Long enough to see a board that resets itself do so, and its port come back. */
const UNTIL_IT_RESETS = "3s";
/** Holds either release, but not both beside each other. */
const LITTLE_FLASH_BYTES = 27 * 4096;

const USUAL = {
  board: {},
  confirm: SHORT,
  prepared: [],
  attempt: "update",
  attemptBy: "present",
  recoveryBy: "present",
  ending: "new",
  cuts: CUT_KINDS,
  replaces: "beside",
  onlyOnceInstalled: false,
} as const;

/** The scenario of a kind. */
export function scenarioOf(kind: Kind): Scenario {
  return SCENARIOS[kind]();
}

const RAISING = { confirm: UNTIL_IT_FAILS, ending: "old" } as const;

const SCENARIOS: Readonly<Record<Kind, () => Scenario>> = {
  healthy: () => ({ ...USUAL, installation: usualInstallation("ends") }),
  raising: () => ({
    ...USUAL,
    ...RAISING,
    installation: usualInstallation("raises"),
    onlyOnceInstalled: true,
  }),
  /** `uota rollback` from what the board has kept of the old release. */
  rollback: () => ({
    ...USUAL,
    installation: usualInstallation("runs"),
    prepared: ["new"],
    attempt: "rollback",
    ending: "left",
  }),
  /** `uota rollback` from the gateway's archive, since the board has kept nothing. */
  rollback_archive: () => ({
    ...USUAL,
    installation: usualInstallation("ends"),
    prepared: ["old", "new"],
    attempt: "rollback",
    ending: "left",
    replaces: "beside_backwards",
  }),
  /** File by file, since the flash does not hold both; the gateway keeps a backup. */
  in_place: () => ({
    ...USUAL,
    installation: usualInstallation("ends"),
    board: { flashBytes: LITTLE_FLASH_BYTES },
    replaces: "in_place",
  }),
  in_place_raising: () => ({
    ...USUAL,
    ...RAISING,
    installation: usualInstallation("raises"),
    board: { flashBytes: LITTLE_FLASH_BYTES },
    replaces: "in_place",
    onlyOnceInstalled: true,
  }),
  /** The update that mends a board whose journal its file system has damaged. */
  repair: () => ({ ...USUAL, installation: damagedInstallation() }),
  /** A program that answers its own failure with `machine.reset()`, again and again. */
  resetting: () => ({
    ...USUAL,
    installation: usualInstallation("resets"),
    confirm: UNTIL_IT_RESETS,
    ending: "old",
    onlyOnceInstalled: true,
  }),
  resetting_uart: () => ({
    ...USUAL,
    installation: usualInstallation("resets"),
    board: { port: "uart" },
    confirm: UNTIL_IT_RESETS,
    ending: "old",
    onlyOnceInstalled: true,
    // A pseudo-terminal that goes just when its board is reset cannot be told from native USB; the
    // name of a real UART tells.
    cuts: ["power", "kill"],
  }),
  /** The gateway is upgraded between the cut and the recovery. */
  upgrade: () => ({
    ...USUAL,
    installation: usualInstallation("ends"),
    attemptBy: "other",
    cuts: ["power", "kill"],
  }),
  upgrade_raising: () => ({
    ...USUAL,
    ...RAISING,
    installation: usualInstallation("raises"),
    attemptBy: "other",
    cuts: ["power", "kill"],
  }),
  /** The other way round. */
  downgrade: () => ({
    ...USUAL,
    installation: usualInstallation("ends"),
    recoveryBy: "other",
    cuts: ["kill"],
  }),
};

/** Whether a kind needs the code of another commit. */
export function needsOther(kind: Kind): boolean {
  const { attemptBy, recoveryBy } = scenarioOf(kind);
  return attemptBy === "other" || recoveryBy === "other";
}
