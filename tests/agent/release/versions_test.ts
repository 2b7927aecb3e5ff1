import assert from "node:assert/strict";
import fc from "fast-check";
import { compareVersions, type VersionOrder } from "../../../agent/release/versions.ts";

/** Each stands before all that follow it in its row. */
const ASCENDING: readonly (readonly string[])[] = [
  ["0.9", "0.10", "1.0", "1.0.1", "1.1", "2", "10"],
  ["1.0.dev3", "1.0.0-alpha", "1.0a2", "1.0.0-beta.2", "1.0.0-beta.11", "1.0.0rc1", "1.0.0"],
  ["1.0.0", "1.0.post1", "1.0.0-post2", "1.0.1"],
  ["1.0.0-rc1", "1.0.0-rc1-5-gabc1234", "1.0.0-rc2", "1.0.0", "1.0.0-5-gabc1234"],
  ["v1.0.0-5-gabc1234", "1.0.0-12-gdef5678", "1.0.1"],
  ["1.2.3.4", "1.2.3.10", "1.2.4"],
  ["2024-05-01", "2024.5.1T08:30", "20240501T093000Z", "2024-05-02", "2024.10.1", "20250101"],
  ["20240501", "202405011230", "20240501123001", "20240502"],
  ["2024-05-01", "2024-05-01-2", "2024.05.01.10"],
  ["2024.5.3", "2024.5.123", "2024.10.1"],
  ["1.0-1", "1.0-2", "1.1"],
  ["1.0-esp32", "1.1-rp2"],
  ["99999999999999999999998.0", "99999999999999999999999.0"],
  ["1.0-p1", "1.0-p2"],
];

/** All the same. */
const EQUAL: readonly (readonly string[])[] = [
  [
    "1.0",
    "1.0.0",
    "v1.0",
    "V1",
    "1.0.0.0",
    "1.0.0+build.5",
    "1.0+abc",
    "01.00",
    "1.0.0-0-gabc1234",
  ],
  ["1.0.0-rc1", "1.0.0rc1", "1.0.0-rc.1", "1.0.0.RC1", "1.0-c1"],
  ["2024-05-01", "2024.5.1", "20240501", "2024-05-01T00:00"],
  ["2024-05-01T12:30", "2024-05-01-1230", "20240501123000"],
  ["spring", " spring\n"],
  ["deadbeef", "deadbeef"],
  ["", ""],
];

const UNORDERED: readonly (readonly [string, string])[] = [
  ["spring", "summer"],
  ["abc1234", "abc1235"],
  ["12e4567", "13e4567"],
  ["2024-05-01", "3.0.0"],
  ["1.0-1", "1.0"],
  ["1.0a", "1.0"],
  ["1.0-esp32", "1.0"],
  ["1.0-esp32", "1.0-rp2"],
  ["1.0-nightly3", "1.0-beta1"],
  ["1.0-rc1.dev2", "1.0-rc1"],
  ["1.0-5-gabc1234", "1.0-5-gdef5678"],
  ["1.0-5-gabc1234-dirty", "1.0-5-gabc1234"],
  ["1.0-post1", "1.0-p1"],
  ["3d-printer", "4g-modem"],
  ["2024-05-01T10:00", "2024-05-01-2"],
  ["2024-05-01T10:00+02:00", "2024-05-01T10:00"],
  ["constructor", "1.0"],
  ["1.0-constructor", "1.0"],
  ["1..0", "1.0"],
  ["latest", "1.0"],
  ["", "1.0"],
];

for (const row of ASCENDING) {
  Deno.test(`compareVersions() orders ${row.join(" < ")}`, () => {
    for (const [index, first] of row.entries()) {
      for (const second of row.slice(index + 1)) {
        assert.equal(compareVersions(first, second), "older", `${first} and ${second}`);
        assert.equal(compareVersions(second, first), "newer", `${second} and ${first}`);
      }
    }
  });
}

for (const row of EQUAL) {
  Deno.test(`compareVersions() takes ${JSON.stringify(row)} for the same`, () => {
    for (const first of row) {
      for (const second of row) assert.equal(compareVersions(first, second), "same", second);
    }
  });
}

for (const [first, second] of UNORDERED) {
  Deno.test(`compareVersions() does not guess between "${first}" and "${second}"`, () => {
    assert.equal(compareVersions(first, second), "unordered");
    assert.equal(compareVersions(second, first), "unordered");
  });
}

/** Few different parts, so that versions meet often. */
const version = fc.oneof(
  fc.tuple(
    fc.constantFrom("", "v"),
    fc.array(fc.constantFrom("0", "1", "2", "10", "01"), { minLength: 1, maxLength: 4 }),
    fc.array(
      fc.constantFrom(
        ...["-rc1", "rc2", "-rc", "-alpha", "b1", ".dev2", "-nightly", ".post1", "-p2", "-1", "-0"],
        ...["-esp32", "-5-gabc1234", "-0-gabc1234", "-7-gdef5678", "-dirty", "a", ".1"],
      ),
      { maxLength: 3 },
    ),
    fc.constantFrom("", "+build"),
  ).map(([v, numbers, steps, build]) => `${v}${numbers.join(".")}${steps.join("")}${build}`),
  fc.tuple(
    fc.constantFrom("2024-05-01", "2024.5.1", "20240501", "2024.5", "2024-05-02", "2024.5.123"),
    fc.constantFrom("", "T10:00", "T00:00", "-1000", "-2", "-0", ".2", "-rc1", "-3-gabc1234"),
    fc.constantFrom("", "-rc1", "-2"),
  ).map((parts) => parts.join("")),
  fc.constantFrom("spring", "deadbeef", "1234567", ""),
);

const REVERSED: Readonly<Record<VersionOrder, VersionOrder>> = {
  older: "newer",
  newer: "older",
  same: "same",
  unordered: "unordered",
};

Deno.test("compareVersions() is reflexive and antisymmetric", () => {
  fc.assert(
    fc.property(fc.oneof(version, fc.string()), fc.oneof(version, fc.string()), (a, b) => {
      assert.equal(compareVersions(a, a), "same");
      assert.equal(compareVersions(b, a), REVERSED[compareVersions(a, b)]);
    }),
    { numRuns: 3000 },
  );
});

Deno.test("compareVersions() is transitive over what it orders", () => {
  fc.assert(
    fc.property(fc.array(version, { minLength: 12, maxLength: 12 }), (versions) => {
      for (const a of versions) {
        for (const b of versions) {
          for (const c of versions) {
            const [first, second] = [compareVersions(a, b), compareVersions(b, c)];
            const rises = /older|same/.test(first) && /older|same/.test(second);
            if (!rises) continue;
            const expected = first === "same" && second === "same" ? "same" : "older";
            assert.equal(compareVersions(a, c), expected, `${a} ${first} ${b} ${second} ${c}`);
          }
        }
      }
    }),
    { numRuns: 150 },
  );
});
