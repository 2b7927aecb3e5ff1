import fc from "fast-check";
import { RawRepl } from "../../serial/raw_repl.ts";
import {
  bytesLiteral,
  literal,
  parseBytesRepr,
  python,
  textLiteral,
  type Transfer,
} from "../../serial/literal.ts";
import { assert, assertEquals, assertThrows } from "../assert.ts";
import { startWasmBoard } from "../boards/mod.ts";
import { bytesOf, latin1 } from "./line.ts";
import { TappedPort } from "./tapped_port.ts";

const ALL_BYTES = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const { signal } = new AbortController();

/** Bytes that a literal can go wrong at are as frequent here as all others. */
const content = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 255 }),
    fc.constantFrom(...bytesOf("\x00\x01\x02\x03\x04\x05\x06\n\r'\"\\01789nxrb\x7f\x80\xff")),
  ),
  { maxLength: 60 },
).map((bytes) => Uint8Array.from(bytes));

/** A board that answers scripts by the way of transfer that is asked for. */
async function evaluator(
  transfer: Transfer,
): Promise<{ run: (source: Uint8Array<ArrayBuffer>) => Promise<string> } & AsyncDisposable> {
  await using stack = new AsyncDisposableStack();
  const board = stack.use(await startWasmBoard());
  const port = stack.use(
    await TappedPort.open(board.port, {
      signal,
      ...(transfer === "raw" ? { refuseRawPaste: "R\x00" } : {}),
    }),
  );
  const repl = await RawRepl.enter(port, { signal });
  const owned = stack.move();
  return {
    run: async (source) => {
      const { stdout, stderr } = await repl.execute(source, { signal });
      assertEquals(latin1(stderr), "");
      assertEquals(repl.transfer, transfer);
      return new TextDecoder().decode(stdout);
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

for (const transfer of ["raw_paste", "raw"] as const) {
  Deno.test(`bytesLiteral() keeps any bytes when a board evaluates it over ${transfer}`, async () => {
    await using board = await evaluator(transfer);
    const py = python(transfer);
    const evaluate = async (values: readonly Uint8Array[]) => {
      const printed = await board.run(
        py`from binascii import hexlify\nfor v in ${values}: print(hexlify(v).decode())\n`,
      );
      const lines = printed.split("\r\n").slice(0, values.length);
      return lines.map((line) => Uint8Array.fromHex(line));
    };
    assertEquals(await evaluate([ALL_BYTES]), [ALL_BYTES]);
    await fc.assert(
      fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 40 }), async (values) => {
        assertEquals(await evaluate(values), values);
      }),
      { numRuns: transfer === "raw" ? 10 : 30 },
    );
  });

  Deno.test(`textLiteral() keeps any text when a board evaluates it over ${transfer}`, async () => {
    await using board = await evaluator(transfer);
    const texts = [
      "",
      "it's",
      'say "no"',
      `'"\\`,
      "\\n is not a line feed",
      "grüße 🐍 日本",
      "\x00\x013\x04\x051\r\n",
    ];
    const printed = await board.run(
      python(
        transfer,
      )`from binascii import hexlify\nfor t in ${texts}: print(hexlify(t.encode()).decode())`,
    );
    const lines = printed.trimEnd().split("\r\n").map((line) => Uint8Array.fromHex(line));
    assertEquals(lines.map((line) => new TextDecoder().decode(line)), texts);
  });

  Deno.test(`literal() keeps numbers, flags, None and nested lists over ${transfer}`, async () => {
    await using board = await evaluator(transfer);
    const value = [0, -1, 2 ** 31, 0.5, true, false, null, ["a", [], [ALL_BYTES.subarray(0, 2)]]];
    const printed = await board.run(python(transfer)`print(${value})`);
    assertEquals(
      printed,
      "(0, -1, 2147483648, 0.5, True, False, None, ('a', (), (b'\\x00\\x01',)))\r\n",
    );
  });
}

Deno.test("bytesLiteral() writes three octal digits when a digit follows a control character", () => {
  const of = (text: string) => latin1(bytesLiteral(bytesOf(text), "raw_paste"));
  assertEquals(of("\x037"), "b'\\0037'");
  assertEquals(of("\x038"), "b'\\38'");
  assertEquals(of("\x00\x04"), "b'\\0\\4'");
});

Deno.test("bytesLiteral() leaves out the bytes that the transfer acts on", () => {
  fc.assert(fc.property(content, (bytes) => {
    const live = { raw_paste: [0, 3, 4, 10, 13], raw: [0, 1, 2, 3, 4, 5, 10, 13] };
    for (const transfer of ["raw_paste", "raw"] as const) {
      const source = bytesLiteral(bytes, transfer);
      assertEquals(live[transfer].filter((byte) => source.includes(byte)), []);
    }
  }));
});

Deno.test("bytesLiteral() grows by less than 5 % when the content is random", () => {
  const random = crypto.getRandomValues(new Uint8Array(32 * 1024));
  assert(bytesLiteral(random, "raw_paste").byteLength / random.byteLength < 1.05);
  assert(bytesLiteral(random, "raw").byteLength / random.byteLength < 1.06);
});

Deno.test("textLiteral() takes the quote that needs fewer escapes", () => {
  const of = (text: string) => latin1(textLiteral(text, "raw_paste"));
  assertEquals(of("it's"), `"it's"`);
  assertEquals(of('"'), `'"'`);
  assertEquals(of(`''"`), `"''\\""`);
});

Deno.test("python() uses code as it stands and values as literals", () => {
  const py = python("raw_paste");
  const code = { code: bytesOf("f(x)") };
  assertEquals(latin1(py`${code}\nprint(${"a\nb"}, ${[]})`), "f(x)\nprint('a\\nb', ())");
});

Deno.test("parseBytesRepr() gives back the bytes when a board prints their repr", async () => {
  await using board = await evaluator("raw_paste");
  await fc.assert(
    fc.asyncProperty(fc.array(content, { minLength: 1, maxLength: 40 }), async (values) => {
      const printed = await board.run(python("raw_paste")`for v in ${values}: print(v)\n`);
      const lines = printed.split("\r\n").slice(0, values.length);
      assertEquals(lines.map(parseBytesRepr), values);
    }),
    { numRuns: 20 },
  );
  const printed = await board.run(python("raw_paste")`print(${ALL_BYTES})`);
  assertEquals(parseBytesRepr(printed.trimEnd()), ALL_BYTES);
});

Deno.test("parseBytesRepr() throws when the text is not a whole repr", () => {
  for (
    const text of [
      "",
      "b",
      "b'",
      "'a'",
      "b'a\"",
      "b'a'b'",
      "b'\\'",
      "b'\\x0'",
      "b'\\x0G'",
      "b'\\q'",
    ]
      .concat("b'\n'", "b'ü'", " b'a'", "b'a' ")
  ) {
    assertThrows(() => parseBytesRepr(text), SyntaxError);
  }
});

Deno.test("literal() of a number is itself", () => {
  assertEquals(latin1(literal(42, "raw")), "42");
});
