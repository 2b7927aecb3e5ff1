import assert from "node:assert/strict";
import fc from "fast-check";
import { parsePythonLiteral, type PythonLiteral } from "../../../agent/release/python_literal.ts";
import { LiteralSyntaxError } from "../../../agent/release/python_syntax.ts";
import { testNeeding } from "../../needs.ts";

const ORACLE = new URL("./literal_eval.py", import.meta.url).pathname;

/** The same texts every time, since a difference found by chance would fail somebody else's work. */
const SEED = Number(Deno.env.get("FUZZ_SEED") ?? 1);

/** Pieces that make valid literals often, and nearly valid ones oftener. */
const TOKENS = [
  ...["{", "}", "[", "]", "(", ")", ",", ",", ":", "'", '"', "'''", "\\", "#", " ", "\n", "\r\n"],
  ...["r", "b", "u", "0", "1", "7", "x4", "41", ".", "e", "-", "+", "_", "True", "None", "\\x41"],
  ...["\\u00e9", "\\n", "\\1", "é", "'a'", "b'c'", "'a': ", "1,", "[1]", "rb'", "\\'", "2.5"],
  ...["0x1f", "0b1", "0o7", "e5", "\\\n"],
];

/** As the oracle writes it; of dictionaries and sets only that they are some. */
function plain(literal: PythonLiteral): unknown {
  switch (literal.kind) {
    case "None":
      return null;
    case "str":
    case "bool":
      return literal.value;
    case "bytes":
      return { bytes: [...literal.value] };
    case "int":
      return { int: String(literal.value) };
    case "float":
      return { float: literal.value };
    case "dict":
      return "dict";
    case "set":
      return "set";
    default:
      return { [literal.kind]: literal.items.map(plain) };
  }
}

/** The oracle's answer with floats as numbers, and dictionaries and sets as above. */
function revive(_key: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if ("float" in value) return { float: Number(String(value.float).replace("inf", "Infinity")) };
  return "dict" in value ? "dict" : "set" in value ? "set" : value;
}

function parsed(text: string): unknown {
  try {
    return plain(parsePythonLiteral(text));
  } catch (error) {
    assert.ok(error instanceof LiteralSyntaxError, String(error));
    return null;
  }
}

testNeeding(
  ["python3"],
  "parsePythonLiteral() agrees with CPython's ast.literal_eval",
  async () => {
    // In brackets, since this parser takes no 1,2 without them and does not mind an indentation;
    // and a sign belongs to a number here, never to brackets around one.
    const text = fc.array(fc.constantFrom(...TOKENS), { maxLength: 8 })
      .map((tokens) => `[${tokens.join("")}\n]`)
      .filter((text) => !/[-+][\s\\]*\(/.test(text));
    const texts = fc.sample(text, { numRuns: 20_000, seed: SEED });
    const child = new Deno.Command("python3", {
      args: [ORACLE],
      stdin: "piped",
      stdout: "piped",
    }).spawn();
    const input = ReadableStream.from([new TextEncoder().encode(JSON.stringify(texts))]);
    const [{ success, stdout }] = await Promise.all([child.output(), input.pipeTo(child.stdin)]);
    assert.ok(success);
    const answers: readonly unknown[] = JSON.parse(new TextDecoder().decode(stdout), revive);
    for (const [index, expected] of answers.entries()) {
      assert.deepEqual(parsed(texts[index] ?? ""), expected, JSON.stringify(texts[index]));
    }
    const accepted = answers.filter((answer) => answer !== null).length;
    assert.ok(accepted > 200, `only ${accepted} of the texts are valid`);
  },
);
