import { assert, assertEquals, assertIncludes } from "./assert.ts";
import { ARCHITECTURE, readModule, type Source, violations } from "./architecture.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const ROOMS = ["agent", "config", "errors", "serial", "tests", "bench"];

async function repositorySources(): Promise<readonly Source[]> {
  const sources: Source[] = [];
  const visit = async (directory: string) => {
    for await (const entry of Deno.readDir(`${ROOT}/${directory}`)) {
      const path = `${directory}/${entry.name}`;
      if (entry.isDirectory) await visit(path);
      else if (path.endsWith(".ts")) {
        sources.push({ path, text: await Deno.readTextFile(`${ROOT}/${path}`) });
      }
    }
  };
  for await (const entry of Deno.readDir(ROOT)) {
    if (entry.isDirectory && ROOMS.includes(entry.name)) await visit(entry.name);
  }
  return sources;
}

Deno.test("architecture is as the rules say", async () => {
  const sources = await repositorySources();
  for (const path of ["agent/main.ts", "config/mod.ts", "errors/mod.ts", "serial/libc.ts"]) {
    assert(sources.some((source) => source.path === path), `${path} was not looked at`);
  }
  // These two hold what breaks the rules as text.
  const looked = sources.filter(({ path }) => !path.startsWith("tests/architecture"));
  assertEquals(violations(looked), []);
});

Deno.test("readModule() finds imports in all their forms and not in comments", () => {
  const { files, packages } = readModule({
    path: "agent/board/plan.ts",
    text: `
      import { a } from "./a.ts";
      import type { B } from '../b.ts';
      import {
        c, // from "./comment.ts"
      } from "../../serial/c.ts";
      export * from "./d.ts";
      export { type E } from "./e.ts";
      import "./f.ts";
      const g = await import("./g.ts");
      import text from "./h.py" with { type: "text" };
      import { z } from "zod";
      // import { x } from "./no.ts";
      /* import "./no.ts"; */
      const url = "https://example.com"; import "./i.ts";
      export function from() { return "./no.ts"; }
    `,
  });
  assertEquals(files, [
    "agent/board/a.ts",
    "agent/b.ts",
    "serial/c.ts",
    "agent/board/d.ts",
    "agent/board/e.ts",
    "agent/board/f.ts",
    "agent/board/g.ts",
    "agent/board/h.py",
    "agent/board/i.ts",
  ]);
  assertEquals(packages, ["zod"]);
});

/** For each rule at least one source that breaks it. */
const BROKEN: readonly (readonly [path: string, text: string, rule: string])[] = [
  ["errors/mod.ts", `import { z } from "zod";`, "errors imports nothing"],
  ["errors/mod.ts", `import "../config/mod.ts";`, "errors imports nothing"],
  [
    "serial/tty.ts",
    `import type { GatewayConfig } from "../config/mod.ts";`,
    "serial imports neither agent nor config",
  ],
  ["config/mod.ts", `import "../agent/update.ts";`, "config imports neither agent nor serial"],
  [
    "agent/board/plan.ts",
    `import { stage } from "./stage.ts";`,
    "a step does not import a later one",
  ],
  [
    "agent/release/verify.ts",
    `export { inspect } from "../board/inspect.ts";`,
    "a step does not import a later one",
  ],
  [
    "agent/update.ts",
    `const { startWasmBoard } = await import("../tests/boards/mod.ts");`,
    "product code does not import tests",
  ],
  [
    "serial/tty.ts",
    `Deno.dlopen("libc.so.6", {});`,
    "only libc.ts and systemd.ts call Deno.dlopen",
  ],
  ["agent/update.ts", `Deno.exit(1);`, "only main.ts ends the process"],
  ["agent/update.ts", `process.exit(1);`, "only main.ts ends the process"],
  ["serial/tty.ts", `console.log("x");`, "only terminal.ts writes to the process's streams"],
  [
    "agent/commands/update.ts",
    `import { Command } from "commander";`,
    "a package is imported where it is listed",
  ],
  ["agent/update.ts", `import x from "npm:left-pad";`, "a package is imported where it is listed"],
];

for (const [path, text, name] of BROKEN) {
  Deno.test(`violations() finds ${text} in ${path}`, () => {
    const [found = "", ...more] = violations([{ path, text }], rulesNamed(name));
    assertIncludes(found, `${path} `);
    assertIncludes(found, `: ${name}, `);
    assertEquals(more, []);
  });
}

Deno.test("violations() has a source that breaks each rule", () => {
  const broken = new Set(BROKEN.map(([, , name]) => name));
  assertEquals(ARCHITECTURE.filter(({ name }) => !broken.has(name)).map(({ name }) => name), []);
});

function rulesNamed(name: string) {
  return ARCHITECTURE.filter((rule) => rule.name === name);
}
