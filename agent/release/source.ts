/**
 * A source: where releases come from and what they must satisfy. The shape that the configuration
 * is turned into; `obtain.ts` uses it.
 */

import { UotaError } from "../../errors/mod.ts";
import { quote } from "./quote.ts";

/** Bounds on every wait for a server, in milliseconds. */
export interface Timeouts {
  /** Name look-up, connecting and the TLS handshake. @default 15000 */
  readonly connectMs?: number;
  /** The longest silence while waiting for the answer or between two pieces of it. @default 30000 */
  readonly idleMs?: number;
  /** The whole download, redirects included. @default 900000 */
  readonly totalMs?: number;
}

/** Bounds on what a server may send. */
export interface Limits {
  /** The archive as downloaded. @default 33554432 (32 MiB) */
  readonly archiveBytes?: number;
  /** The unpacked files and the tar around them. @default 67108864 (64 MiB) */
  readonly unpackedBytes?: number;
  /** Files in the archive. @default 2000 */
  readonly files?: number;
}

/** Where releases come from and the rules that they must satisfy. */
export interface SourceOptions {
  /**
   * The base URL, the directory that holds `latest`; a missing trailing slash is added, as uOTA
   * does. A query string is kept and sent with every request (signed URLs of object stores). A
   * user name and password in it become an Authorization header.
   */
  readonly url: string;
  /**
   * The server's pinned key: uOTA's 64 hex digits, or `sha256/BASE64` of the
   * SubjectPublicKeyInfo. Empty: no pin.
   */
  readonly pubkeyHash: string;
  /**
   * A PEM file with the certificate authorities to trust *instead of* the system's, as curl's
   * `--cacert`. Empty: the system's.
   */
  readonly caFile: string;
  /** Sent with every request to the source's own origin, e.g. Authorization. */
  readonly headers: Readonly<Record<string, string>>;
  /** `sha256`: a notice without a hash is refused. A hash that is there is always checked. */
  readonly require: "sha256" | "none";
  /** Where the defaults do not fit. */
  readonly timeouts?: Timeouts;
  /** Where the defaults do not fit. */
  readonly limits?: Limits;
}

/**
 * The URL of `name` (`latest`, or a notice's archive) at a source.
 *
 * uOTA joins the two as text, so escapes that are in the name already stay; what may not stand in
 * a URL is escaped.
 *
 * @throws {UotaError} `config_invalid` where the base is no http(s) URL.
 */
export function urlAt(base: string, name: string): URL {
  const url = baseUrl(base);
  const encoded = name.split("/").map((segment) =>
    segment.replace(/%(?![0-9a-f]{2})|[^%]+/gi, encodeURIComponent)
  ).join("/");
  url.pathname = url.pathname + encoded;
  return url;
}

/**
 * The base URL with its trailing slash and without a fragment.
 *
 * @throws {UotaError} `config_invalid`
 */
export function baseUrl(base: string): URL {
  const url = URL.canParse(base) ? new URL(base) : null;
  if (url === null || (url.protocol !== "http:" && url.protocol !== "https:")) {
    throw new UotaError(
      "config_invalid",
      `The source's url ${quote(base)} is no http or https address; ` +
        `it looks like https://example.com/downloads/`,
    );
  }
  url.hash = "";
  if (!url.pathname.endsWith("/")) url.pathname += "/";
  return url;
}
