import { assertEquals, assertIncludes, assertThrows } from "../../assert.ts";
import { type SelectableBoard, selectBoards } from "../../../agent/fleet/selection.ts";
import { resolvePortSelectors } from "../../../agent/fleet/port_selectors.ts";
import { UotaError } from "../../../errors/mod.ts";

const BOARDS: readonly SelectableBoard[] = [
  {
    name: "greenhouse-1",
    uid: "e6614103e7",
    ports: ["/dev/pico", "/dev/ttyACM0"],
    group: "greenhouse",
  },
  { name: "greenhouse-2", uid: null, ports: [], group: "greenhouse" },
  { name: "barn-a", uid: "aabb", ports: ["/dev/ttyUSB0"], group: null },
  { name: "de01", uid: "de01", ports: ["/dev/ttyUSB1"], group: null },
];

const SELECTIONS: readonly (readonly [readonly string[], readonly string[]])[] = [
  [["all"], ["greenhouse-1", "greenhouse-2", "barn-a", "de01"]],
  [["barn-a"], ["barn-a"]],
  [["E6614103E7"], ["greenhouse-1"]],
  [["/dev/ttyACM0"], ["greenhouse-1"]],
  [["/dev/pico"], ["greenhouse-1"]],
  [["group:greenhouse"], ["greenhouse-1", "greenhouse-2"]],
  [["greenhouse-*"], ["greenhouse-1", "greenhouse-2"]],
  [["greenhouse-[1]"], ["greenhouse-1"]],
  [["{barn,greenhouse}-?"], ["greenhouse-1", "greenhouse-2", "barn-a"]],
  [["barn-a", "greenhouse-1", "group:greenhouse"], ["greenhouse-1", "greenhouse-2", "barn-a"]],
  [["de01", "DE01"], ["de01"]],
];

for (const [selectors, names] of SELECTIONS) {
  Deno.test(`selectBoards() takes ${names.join(", ")} for ${selectors.join(" ")}`, () => {
    assertEquals(selectBoards(selectors, BOARDS).map(({ name }) => name), names);
  });
}

const UNKNOWN: readonly (readonly [string, string])[] = [
  ["greenhuose-1", "No board matches greenhuose-1, did you mean greenhouse-1?"],
  ["cellar", "No board matches cellar"],
  ["GREENHOUSE-1", "No board matches GREENHOUSE-1, did you mean greenhouse-1?"],
  ["group:greenhous", "No board is in the group greenhous, did you mean group:greenhouse?"],
  ["/dev/ttyACM1", "No board matches /dev/ttyACM1, did you mean /dev/ttyACM0?"],
  ["cellar-*", "No board matches cellar-*"],
  ["barn-a,cellar", "No board matches barn-a,cellar"],
];

for (const [selector, message] of UNKNOWN) {
  Deno.test(`selectBoards() does not know ${selector} and lists the boards`, () => {
    const error = assertThrows(() => selectBoards(["barn-a", selector], BOARDS), UotaError);
    assertEquals(error.code, "unknown_board");
    assertEquals(
      error.message,
      `${message}
The boards are:
  greenhouse-1 (uid e6614103e7, /dev/pico, group:greenhouse)
  greenhouse-2 (not attached, group:greenhouse)
  barn-a (uid aabb, /dev/ttyUSB0)
  de01 (/dev/ttyUSB1)`,
    );
  });
}

Deno.test("selectBoards() says every selector that matches nothing", () => {
  const error = assertThrows(() => selectBoards(["x1", "y1"], BOARDS), UotaError);
  assertIncludes(error.message, "No board matches x1; No board matches y1\n");
});

Deno.test("selectBoards() says where there are no boards at all", () => {
  const error = assertThrows(() => selectBoards(["x"], []), UotaError);
  assertIncludes(error.message, "There are no boards");
  assertEquals(selectBoards(["all"], []), []);
});

for (const selectors of [[], [""], ["group:"], ["  "]]) {
  Deno.test(`selectBoards() refuses ${JSON.stringify(selectors)} as wrong usage`, () => {
    assertEquals(assertThrows(() => selectBoards(selectors, BOARDS), UotaError).code, "usage");
  });
}

Deno.test("resolvePortSelectors() follows links and leaves the rest as typed", async () => {
  const directory = await Deno.realPath(await Deno.makeTempDir());
  try {
    await Deno.writeTextFile(`${directory}/tty`, "");
    await Deno.symlink("tty", `${directory}/by-id`);
    assertEquals(
      await resolvePortSelectors(["all", `${directory}/by-id`, "/nonexistent/tty"]),
      ["all", `${directory}/tty`, "/nonexistent/tty"],
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
