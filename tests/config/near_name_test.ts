import { assertEquals } from "../assert.ts";
import { parseDuration } from "../../config/durations.ts";
import { editDistance, nearName } from "../../config/near_name.ts";

Deno.test("nearName() finds the name that was meant", () => {
  const known = ["update", "check", "boards", "demo"];
  assertEquals(nearName("updtae", known), "update");
  assertEquals(nearName("Board", known), "boards");
  assertEquals(nearName("chek", known), "check");
  assertEquals(nearName("install", known), null);
  assertEquals(nearName("x", []), null);
});

Deno.test("editDistance() counts a swap of neighbours once", () => {
  assertEquals(editDistance("", "abc"), 3);
  assertEquals(editDistance("ulr", "url"), 1);
  assertEquals(editDistance("kitten", "sitting"), 3);
});

Deno.test("parseDuration() reads units from large to small and refuses the rest", () => {
  const cases: [string, number | null][] = [
    ["30s", 30_000],
    ["15m", 900_000],
    ["1h30m", 5_400_000],
    ["250ms", 250],
    ["1d", 86_400_000],
    ["0s", 0],
    ["1m500ms", 60_500],
    ["", null],
    ["15", null],
    ["1.5h", null],
    ["30m1h", null],
    ["-5s", null],
    ["5 s", null],
    ["99999999999999999999s", null],
  ];
  for (const [text, durationMs] of cases) assertEquals(parseDuration(text), durationMs, text);
});
