/**
 * The rules about who may import whom, each with its reason, and the reader of sources that holds
 * them. `architecture_test.ts` applies them to this repository and to sources that break them.
 */
import { dirname, join, normalize } from "node:path/posix";

/** A source file: its path from the repository's root, and its text. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

export interface ArchitectureRule {
  readonly name: string;
  readonly reason: string;
  /** What breaks the rule in one file. */
  readonly violations: (module: Module) => readonly string[];
}

/** A file as rules see it: without its comments. */
export interface Module {
  readonly path: string;
  readonly code: string;
  /** Files of this repository that it imports, as paths from the root. */
  readonly files: readonly string[];
  /** All other specifiers: packages and `node:`. */
  readonly packages: readonly string[];
}

export function readModule({ path, text }: Source): Module {
  const code = withoutComments(text);
  const specifiers = [...code.matchAll(IMPORTS)].map(({ groups }) => groups?.["specifier"] ?? "");
  const isFile = (specifier: string) => /^\.{0,2}\//.test(specifier);
  return {
    path,
    code,
    files: specifiers.filter(isFile).map((file) => normalize(join(dirname(path), file))),
    packages: specifiers.filter((specifier) => !isFile(specifier)),
  };
}

/** `import … from`, `export … from`, `import "…"` and `import("…")`, types included. */
const IMPORTS =
  /\b(?:(?:import|export)\b[^;"'`()]*?\bfrom|import\s*\(?)\s*(?<quote>["'])(?<specifier>[^"']+)\k<quote>/g;

/** Comments go, strings stay, whichever begins first. */
function withoutComments(text: string): string {
  return text.replaceAll(
    /(?<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\[^]|[^`\\])*`)|\/\/.*|\/\*[^]*?\*\//g,
    "$<string>",
  );
}

/** All that breaks any of the rules, a line each. */
export function violations(
  sources: readonly Source[],
  rules: readonly ArchitectureRule[] = ARCHITECTURE,
): readonly string[] {
  return sources.map(readModule).flatMap((module) =>
    rules.flatMap((rule) =>
      rule.violations(module).map((what) => `${module.path} ${what}: ${rule.name}, ${rule.reason}`)
    )
  );
}

function isIn(path: string, ...rooms: readonly string[]): boolean {
  return rooms.some((room) => path.startsWith(`${room}/`));
}

/** Files of `room` import files of these rooms only. */
function importsOnly(room: string, allowed: readonly string[]): ArchitectureRule["violations"] {
  return ({ path, files }) =>
    isIn(path, room)
      ? files.filter((file) => !isIn(file, room, ...allowed)).map((file) => `imports ${file}`)
      : [];
}

/** Only these files use what the pattern finds. */
function usedOnlyIn(pattern: RegExp, allowed: readonly string[]): ArchitectureRule["violations"] {
  return ({ path, code }) => {
    const found = allowed.includes(path) ? null : pattern.exec(code);
    return found === null ? [] : [`uses ${found[0]}`];
  };
}

const PRODUCT = ["agent", "config", "errors", "serial"];

/** The way of the data on one board; a file that begins so belongs to the step. */
const STEPS = [
  "agent/release/",
  "agent/board/inspect",
  "agent/board/plan",
  "agent/board/stage",
  "agent/board/commit",
  "agent/board/confirm",
  "agent/bring_to_release.ts",
  "agent/update.ts",
];

/** Where each package may be imported: files, or directories that end in a slash. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  commander: [
    "agent/commands/program.ts",
    "agent/commands/program_boards.ts",
    "agent/commands/program_gateway.ts",
    "agent/commands/program_outline.ts",
    "tests/boards/main.ts",
    "tests/cuts/main.ts",
    "tests/programs/main.ts",
  ],
  "fast-check": ["tests/"],
  "log-update": ["agent/report/terminal.ts"],
  micropython: ["tests/boards/"],
  "smol-toml": ["config/mod.ts"],
  "string-width": ["agent/report/"],
  zod: ["agent/", "config/", "serial/"],
};

export const ARCHITECTURE: readonly ArchitectureRule[] = [
  {
    name: "errors imports nothing",
    reason: "every room imports it, so anything that it imported would be everywhere",
    violations: ({ path, files, packages }) =>
      isIn(path, "errors") ? [...files, ...packages].map((what) => `imports ${what}`) : [],
  },
  {
    name: "serial imports neither agent nor config",
    reason: "it is about MicroPython on a tty and can be used and tested without the gateway",
    violations: importsOnly("serial", ["errors"]),
  },
  {
    name: "config imports neither agent nor serial",
    reason: "a configuration can be checked where there is no board",
    violations: importsOnly("config", ["errors"]),
  },
  {
    name: "a step does not import a later one",
    reason:
      "each is a function of what the one before returns, and only bring_to_release.ts and update.ts know the order",
    violations: ({ path, files }) => {
      const step = STEPS.findIndex((prefix) => path.startsWith(prefix));
      if (step === -1) return [];
      return files
        .filter((file) => STEPS.findIndex((prefix) => file.startsWith(prefix)) > step)
        .map((file) => `imports ${file}`);
    },
  },
  {
    name: "product code does not import tests",
    reason: "it is installed without them; only the demo, which shows an emulated board, may",
    violations: ({ path, files }) =>
      isIn(path, ...PRODUCT) && path !== "agent/demo.ts"
        ? files.filter((file) => isIn(file, "tests")).map((file) => `imports ${file}`)
        : [],
  },
  {
    name: "only libc.ts and systemd.ts call Deno.dlopen",
    reason:
      "foreign functions can break memory safety, so they stay where they can be read at once",
    violations: usedOnlyIn(/\bDeno\s*\.\s*dlopen\b/, [
      "serial/libc.ts",
      "agent/daemon/systemd.ts",
    ]),
  },
  {
    name: "only main.ts ends the process",
    reason: "anything else that did would cut off boards and locks that others hold",
    violations: (module) =>
      isIn(module.path, ...PRODUCT)
        ? usedOnlyIn(/\b(?:Deno|process)\s*\.\s*exit\b/, ["agent/main.ts"])(module)
        : [],
  },
  {
    name: "only terminal.ts writes to the process's streams",
    reason: "results and progress must not mix, and tests look at what is written",
    violations: (module) =>
      isIn(module.path, ...PRODUCT)
        ? usedOnlyIn(/\bconsole\s*\.\s*\w+|\b(?:Deno|process)\s*\.\s*std(?:out|err)\b/, [
          "agent/report/terminal.ts",
        ])(module)
        : [],
  },
  {
    name: "a package is imported where it is listed",
    reason: "third-party code can only be exchanged where few files know it",
    violations: ({ path, packages }) =>
      packages
        .filter((name) => !name.startsWith("node:"))
        .filter((name) =>
          !(PACKAGES[name] ?? []).some((place) =>
            place.endsWith("/") ? path.startsWith(place) : path === place
          )
        )
        .map((name) => `imports ${name}`),
  },
];
