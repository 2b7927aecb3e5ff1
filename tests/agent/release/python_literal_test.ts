import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePythonLiteral, type PythonLiteral } from "../../../agent/release/python_literal.ts";
import { LiteralSyntaxError, positionOf } from "../../../agent/release/python_syntax.ts";

/** A literal as plain data, kinds kept apart. */
function plain(literal: PythonLiteral): unknown {
  switch (literal.kind) {
    case "str":
    case "bool":
    case "float":
      return literal.value;
    case "int":
      return literal.value;
    case "None":
      return null;
    case "bytes":
      return { bytes: [...literal.value] };
    case "dict":
      return { dict: literal.entries.map(([key, value]) => [plain(key), plain(value)]) };
    default:
      return { [literal.kind]: literal.items.map(plain) };
  }
}

const VALID: readonly (readonly [string, unknown])[] = [
  [`'a'`, "a"],
  [`"it's"`, "it's"],
  [`u"x" U'y'`, "xy"],
  [`'''a\n'b' ''c'''`, "a\n'b' ''c"],
  [`"""a\r\nb\rc"""`, "a\nb\nc"],
  [`'\\\\ \\' \\" \\a\\b\\f\\n\\r\\t\\v'`, `\\ ' " \x07\b\f\n\r\t\v`],
  [`'\\x41\\u00e9\\U0001F600\\101\\0\\18'`, "A\u00e9\u{1f600}A\0\x018"],
  [`'\\d\\X'`, "\\d\\X"],
  [`'a\\\nb\\\r\nc'`, "abc"],
  [`r'\\n\\''`, "\\n\\'"],
  [`b'a\\x00\\xff\\n\\377'`, { bytes: [97, 0, 255, 10, 255] }],
  [`b'\\u0041'`, { bytes: [...new TextEncoder().encode("\\u0041")] }],
  [`Rb'\\x' bR'\\n'`, { bytes: [92, 120, 92, 110] }],
  [`('a'\n"b" # c\n 'd')`, "abd"],
  [`0`, 0n],
  [`-1_000`, -1000n],
  [`+0x_fF`, 255n],
  [`0o17`, 15n],
  [`0B101`, 5n],
  [`00`, 0n],
  [`1.5`, 1.5],
  [`-.5e-3`, -0.0005],
  [`1_0.`, 10],
  [`01e2`, 100],
  [`True`, true],
  [`False`, false],
  [`None`, null],
  [`[]`, { list: [] }],
  [`[1, 'a', [2,],]`, { list: [1n, "a", { list: [2n] }] }],
  ["[" + "[],".repeat(50) + "]", { list: Array(50).fill({ list: [] }) }],
  [`()`, { tuple: [] }],
  [`(1)`, 1n],
  [`(1,)`, { tuple: [1n] }],
  [`{}`, { dict: [] }],
  [`{1, 2}`, { set: [1n, 2n] }],
  [`{(1, 'a'): None}`, { dict: [[{ tuple: [1n, "a"] }, null]] }],
  [`\ufeff\n# head\n  {'a': 1, # x\n\n 'b': \\\n 2,\n}\n# tail\n`, {
    dict: [["a", 1n], ["b", 2n]],
  }],
];

for (const [text, expected] of VALID) {
  Deno.test(`parsePythonLiteral() reads ${JSON.stringify(text)}`, () => {
    assert.deepEqual(plain(parsePythonLiteral(text)), expected);
  });
}

const INVALID: readonly (readonly [string, RegExp, number, number])[] = [
  ["", /there is "the end" where a value should be/, 1, 1],
  ["{'a': open('x')}", /open is code or a name/, 1, 7],
  ["__import__('os')", /__import__ is code/, 1, 1],
  ["{'a': 1 + 2}", /there is "\+" where a comma or \} should be/, 1, 9],
  ["{\n 'a': f'{x}'}", /an f-string would run code/, 2, 7],
  ["{'a': 1", /a bracket is not closed with \}/, 1, 1],
  ["[1, 2\n3]", /there is "3" where a comma or \] should be/, 2, 1],
  ["['a\n']", /not closed on its line/, 1, 3],
  ["'''a", /a string is not closed/, 1, 4],
  ["r'\\'", /a string is not closed/, 1, 3],
  ["'\\x4'", /\\x needs 2 hex digits/, 1, 2],
  ["'\\N{DASH}'", /by its name/, 1, 2],
  ["'\\U00110000'", /beyond Unicode/, 1, 2],
  ["'\\ud800'", /half a surrogate pair/, 1, 2],
  ["b'é'", /not ASCII/, 1, 1],
  ["b'\\400'", /above \\377/, 1, 3],
  ["'a' b'b'", /side by side/, 1, 1],
  ["ru'a'", /unknown prefix ru/, 1, 1],
  ["007", /leading zero/, 1, 1],
  ["1__0", /where a number should be/, 1, 1],
  ["1j", /where a number should be/, 1, 1],
  [".e7", /where a number should be/, 1, 1],
  ["-e7", /where a number should be/, 1, 2],
  ["--1", /where a number should be/, 1, 2],
  ["{'a': 1, 2}", /where a dictionary and a set mix/, 1, 11],
  ["{1, 'a': 2}", /where a dictionary and a set mix/, 1, 9],
  ["{[1]: 2}", /a list cannot be a key/, 1, 2],
  ["{(1, {}): 2}", /a dict cannot be a key/, 1, 6],
  ["{} {}", /there is "\{" after the value/, 1, 4],
  ["'a'\n'b'", /after the value/, 2, 1],
  ["[,]", /there is "," where a value should be/, 1, 2],
  ["[*a]", /there is "\*" where/, 1, 2],
  ["true", /true is code or a name; only plain values are read, and text needs quotes/, 1, 1],
  ["[".repeat(33) + "]".repeat(33), /nested deeper than 32/, 1, 33],
  ["9".repeat(4301), /more than 4300 digits/, 1, 1],
  ["#".repeat(65_537), /longer than 65536 characters/, 1, 65_537],
];

for (const [text, message, line, column] of INVALID) {
  Deno.test(`parsePythonLiteral() refuses ${JSON.stringify(text.slice(0, 40))}`, () => {
    try {
      parsePythonLiteral(text);
    } catch (error) {
      assert.ok(error instanceof LiteralSyntaxError, String(error));
      assert.match(error.message, message);
      assert.deepEqual(positionOf(text, error.offset), { line, column });
      return;
    }
    assert.fail("was not refused");
  });
}

/** Data together with one way to write it in Python. */
const { value } = fc.letrec<{ value: readonly [unknown, string] }>((tie) => ({
  value: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.oneof(
      fc.tuple(fc.string({ unit: "binary" }), fc.constantFrom("'", '"', "'''", '"""')).map(
        ([text, quotes]) => [text, writeString(text, quotes)] as const,
      ),
      fc.uint8Array().map((bytes) => [{ bytes: [...bytes] }, writeBytes(bytes)] as const),
      fc.bigInt().map((number) => [number, String(number)] as const),
      fc.bigInt({ min: 0n }).map((number) => [number, `0x${number.toString(16)}`] as const),
      fc.double({ noNaN: true, noDefaultInfinity: true }).filter((number) => !Object.is(number, -0))
        .map((number) => [number, `${number}${/[.e]/.test(String(number)) ? "" : ".0"}`] as const),
      fc.constantFrom(
        [true, "True"] as const,
        [false, "False"] as const,
        [null, "None"] as const,
      ),
    ),
    fc.tuple(fc.constantFrom("list", "tuple"), fc.array(tie("value"), { maxLength: 4 })).map(
      ([kind, items]) => {
        const body = items.map(([, text]) => `${text},`).join(" # note\n");
        const data = { [kind]: items.map(([data]) => data) };
        return [data, kind === "list" ? `[${body}]` : `(${body})`] as const;
      },
    ),
    fc.array(fc.tuple(fc.string(), tie("value")), { maxLength: 4 }).map((entries) => {
      const body = entries.map(([key, [, text]]) => `${writeString(key, "'")} : ${text}`);
      const data = { dict: entries.map(([key, [data]]) => [key, data]) };
      return [data, `{${body.join(",\n\t")}}`] as const;
    }),
  ),
}));

function writeString(text: string, quotes: string): string {
  const body = [...text].map((character) => {
    const code = character.codePointAt(0) ?? 0;
    if (/[a-zé ]/.test(character)) return character;
    return code < 256
      ? `\\x${code.toString(16).padStart(2, "0")}`
      : `\\U${code.toString(16).padStart(8, "0")}`;
  });
  return quotes + body.join("") + quotes;
}

function writeBytes(bytes: Uint8Array): string {
  return `b'${[...bytes].map((byte) => `\\${byte.toString(8).padStart(3, "0")}`).join("")}'`;
}

Deno.test("parsePythonLiteral() gives back what was written", () => {
  fc.assert(
    fc.property(value, ([data, text]) => {
      assert.deepEqual(plain(parsePythonLiteral(text)), data);
    }),
    { numRuns: 500 },
  );
});

Deno.test("parsePythonLiteral() ends with a value or a LiteralSyntaxError, whatever the text", () => {
  const token = fc.constantFrom(
    ...["{", "}", "[", "]", "(", ")", ",", ":", "'", '"', "'''", "\\", "\n", "#", " ", "r", "b"],
    ...["0", "1", "x", ".", "e", "-", "_", "True", "\\x", "\\u", "é", "f'"],
  );
  fc.assert(
    fc.property(fc.array(token, { maxLength: 25 }), (tokens) => {
      try {
        parsePythonLiteral(tokens.join(""));
      } catch (error) {
        assert.ok(error instanceof LiteralSyntaxError, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

Deno.test("parsePythonLiteral() reads the longest text allowed within a second", () => {
  const texts = ["[" + "1,".repeat(32_000) + "]", "[" + "b'a'".repeat(16_000) + "]"];
  const started = performance.now();
  for (const text of [...texts, " ".repeat(65_000) + "1", `'${"\\n".repeat(32_000)}'`]) {
    parsePythonLiteral(text);
  }
  assert.ok(performance.now() - started < 1000);
});
