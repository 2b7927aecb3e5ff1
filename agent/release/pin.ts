/**
 * Pinned server keys, in uOTA's form and in the usual one. Used by `connection.ts`. Pure.
 *
 * Two hashes of the same key are in use. ucertpin, and so uOTA, hashes the contents of the BIT
 * STRING `subjectPublicKey` (for RSA the DER of modulus and exponent, for EC the point). RFC 7469
 * and curl's `--pinnedpubkey` hash the whole SubjectPublicKeyInfo around it.
 */

import { createHash } from "node:crypto";
import { UotaError } from "../../errors/mod.ts";
import { quote } from "./quote.ts";

/** A pinned key. */
export interface Pin {
  /** Which of the two hashes it is. */
  readonly form: "uota" | "spki";
  /** 64 lower-case hex digits, or base64. */
  readonly hash: string;
}

/** The two hashes of a certificate's key, as they are written. */
export interface KeyHashes {
  /** 64 lower-case hex digits. */
  readonly uota: string;
  /** Base64, without the `sha256/` before it. */
  readonly spki: string;
}

/**
 * Reads a configured `pubkey_hash`: 64 hex digits are uOTA's; `sha256/BASE64`, curl's
 * `sha256//BASE64` and bare base64 are the SPKI's. Null where it is empty.
 *
 * @throws {UotaError} `config_invalid`
 */
export function parsePin(pubkeyHash: string): Pin | null {
  const text = pubkeyHash.trim();
  if (text === "") return null;
  if (/^[0-9a-f]{64}$/i.test(text)) return { form: "uota", hash: text.toLowerCase() };
  const base64 = /^(?:sha256\/\/?)?([a-z0-9+/]{43}=?)$/i.exec(text)?.[1];
  if (base64 !== undefined) return { form: "spki", hash: base64.padEnd(44, "=") };
  throw new UotaError(
    "config_invalid",
    `The pubkey_hash ${
      quote(text)
    } is no pin; it is either uOTA's 64 hex digits or sha256/BASE64 ` +
      `with the SHA-256 of the server's SubjectPublicKeyInfo`,
  );
}

/** Whether a certificate's key is the pinned one. */
export function matchesPin(pin: Pin, hashes: KeyHashes): boolean {
  return hashes[pin.form] === pin.hash;
}

/** The pin as it is written in a configuration. */
export function formatPin({ form, hash }: Pin): string {
  return form === "spki" ? `sha256/${hash}` : hash;
}

/**
 * Hashes the key of a certificate.
 *
 * @param certificate DER of an X.509 certificate (RFC 5280, 4.1).
 * @throws {UotaError} `tls` where it is none.
 */
export function keyHashes(certificate: Uint8Array): KeyHashes {
  const outer = elementAt(certificate, 0, SEQUENCE);
  const toBeSigned = elementAt(certificate, outer.contentAt, SEQUENCE);
  let at = toBeSigned.contentAt;
  if (certificate[at] === VERSION) at = elementAt(certificate, at, VERSION).end;
  // serialNumber, signature, issuer, validity, subject stand before subjectPublicKeyInfo.
  for (const tag of [INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE]) {
    at = elementAt(certificate, at, tag).end;
  }
  const spki = elementAt(certificate, at, SEQUENCE);
  const algorithm = elementAt(certificate, spki.contentAt, SEQUENCE);
  const key = elementAt(certificate, algorithm.end, BIT_STRING);
  // The first content byte of a BIT STRING counts the unused bits of the last.
  const keyBytes = certificate.subarray(key.contentAt + 1, key.end);
  return {
    uota: createHash("sha256").update(keyBytes).digest("hex"),
    spki: createHash("sha256").update(certificate.subarray(at, spki.end)).digest("base64"),
  };
}

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const SEQUENCE = 0x30;
/** `[0] EXPLICIT`, which version 1 certificates lack. */
const VERSION = 0xa0;

interface DerElement {
  readonly contentAt: number;
  readonly end: number;
}

/** The element at an offset, by the definite lengths of DER (X.690, 8.1.3). */
function elementAt(der: Uint8Array, at: number, tag: number): DerElement {
  const first = der[at + 1] ?? 0;
  const lengthBytes = first < 0x80 ? 0 : first & 0x7f;
  const contentAt = at + 2 + lengthBytes;
  const length = first < 0x80
    ? first
    : der.subarray(at + 2, contentAt).reduce((sum, byte) => sum * 256 + byte, 0);
  const end = contentAt + length;
  if (der[at] !== tag || first === 0x80 || lengthBytes > 4 || end > der.byteLength) {
    throw new UotaError("tls", "The server's certificate cannot be read, so its key not compared");
  }
  return { contentAt, end };
}
