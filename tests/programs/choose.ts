/** Which programs are tried: by name, all alone, some in pairs. */
import { Random } from "../cuts/random.ts";
import { BOOTS } from "./boots.ts";
import { MAINS } from "./mains.ts";
import { ORDINARY, type Program } from "./program.ts";

const PORTS = ["usb", "uart"] as const;

/**
 * The program of a name: `boot:slow`, `main:flood`, `slow+flood`; behind an adapter with `@uart` at
 * the end. Null where there is none.
 */
export function programOf(name: string): Program | null {
  const form =
    /^(boot:(?<boot>\w+)|main:(?<main>\w+)|(?<first>\w+)\+(?<second>\w+))(@(?<port>\w+))?$/;
  const match = form.exec(name)?.groups;
  if (match === undefined) return null;
  const bootName = match["boot"] ?? match["first"];
  const mainName = match["main"] ?? match["second"];
  const boot = bootName === undefined ? null : BOOTS[bootName];
  const main = mainName === undefined ? ORDINARY : MAINS[mainName];
  const port = PORTS.find((one) => one === (match["port"] ?? "usb"));
  if (boot === undefined || main === undefined || port === undefined) return null;
  return { name, boot, main, board: { port: main.port ?? port } };
}

/** The names of all programs by themselves, each on a port that the seed says. */
export function aloneNames(seed: number): readonly string[] {
  const random = new Random(seed);
  return [
    ...Object.keys(BOOTS).map((name) => `boot:${name}`),
    ...Object.keys(MAINS).map((name) => `main:${name}`),
  ].map((name) => name + portSuffix(random));
}

/** The names of so many pairs. */
export function pairNames(count: number, seed: number): readonly string[] {
  const random = new Random(seed);
  const all = Object.entries(BOOTS).flatMap(([bootName, boot]) =>
    Object.entries(MAINS)
      .filter(([, main]) => !boot.isProgram && !(main.usesMachine && takesMachine(bootName)))
      .map(([mainName]) => `${bootName}+${mainName}`)
  );
  return random.sample(all, count).map((name) => name + portSuffix(random));
}

/** A program that uses `machine` cannot do without. */
function takesMachine(bootName: string): boolean {
  return bootName === "machine_py" || bootName === "modules_all";
}

function portSuffix(random: Random): string {
  return random.below(2) === 0 ? "" : "@uart";
}
