import fc from "fast-check";
import { closeFdNow, ioctlBufferNow, TCGETS2, TCSETS2 } from "../../serial/libc.ts";
import { openPseudoTerminal } from "../../serial/libc.ts";
import { decodeTermios, encodeRawTermios, TERMIOS2_BYTES } from "../../serial/termios.ts";
import { openTty } from "../../serial/tty.ts";
import { assertEquals } from "../assert.ts";
import { Line } from "./line.ts";

const ODD_BAUDS = [1200, 31_250, 74_880, 115_200, 250_000, 921_600, 12_000_000] as const;

function raw(baud: number): ReturnType<typeof decodeTermios> {
  return {
    inputBaud: baud,
    outputBaud: baud,
    echo: false,
    canonical: false,
    hangUpOnClose: false,
  };
}

Deno.test("encodeRawTermios() asks for raw mode without HUPCL at any baud rate", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 0xffff_ffff }), (baud) => {
    const bytes = encodeRawTermios(baud);
    assertEquals(bytes.byteLength, TERMIOS2_BYTES);
    assertEquals(decodeTermios(bytes), raw(baud));
  }));
});

Deno.test("decodeTermios() tells echo, line mode and HUPCL when they are set", () => {
  const bytes = encodeRawTermios(9600);
  const view = new DataView(bytes.buffer);
  view.setUint32(8, view.getUint32(8, true) | 0o2000, true);
  view.setUint32(12, 0o12, true);
  assertEquals(decodeTermios(bytes), {
    inputBaud: 9600,
    outputBaud: 9600,
    echo: true,
    canonical: true,
    hangUpOnClose: true,
  });
});

Deno.test("encodeRawTermios() is what a tty has when TCGETS2 reads it back", () => {
  const { masterFd } = openPseudoTerminal();
  try {
    for (const baud of ODD_BAUDS) {
      ioctlBufferNow(masterFd, TCSETS2, encodeRawTermios(baud));
      const back = new Uint8Array(TERMIOS2_BYTES);
      ioctlBufferNow(masterFd, TCGETS2, back);
      assertEquals(decodeTermios(back), raw(baud));
    }
  } finally {
    closeFdNow(masterFd);
  }
});

Deno.test("openTty() sets raw mode and the baud rate when the tty was in line mode", async () => {
  const { signal } = new AbortController();
  await using line = new Line();
  const facts = () => {
    // A pty's master answers with the settings of its other side.
    const bytes = new Uint8Array(TERMIOS2_BYTES);
    ioctlBufferNow(line.masterFd, TCGETS2, bytes);
    return decodeTermios(bytes);
  };
  assertEquals(facts().canonical, true);
  for (const baud of ODD_BAUDS) {
    await using _port = await openTty(line.path, { baud, signal });
    assertEquals(facts(), raw(baud));
  }
});
