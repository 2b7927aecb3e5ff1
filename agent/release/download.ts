/**
 * Downloads a file of a source. Used by `obtain.ts`.
 *
 * INVARIANTS
 * - A body comes back only whole, within its size limit, and from a 200.
 * - Every hop of a redirect goes through {@linkcode openConnection}, with the pin and without ever
 *   leaving TLS once it was there. The source's headers go to its own origin only.
 * - The bytes are those that were sent: no content encoding is undone, since servers label a
 *   `.tar.gz` as gzip-encoded and its hash is that of the compressed file.
 * - Every wait has a bound (`deadline.ts`).
 *
 * Over node:http on a socket of our own rather than `fetch`, which shows no certificates.
 */

import { once } from "node:events";
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import { type IncomingMessage, request } from "node:http";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { openConnection, readAuthorities } from "./connection.ts";
import { Deadline } from "./deadline.ts";
import { parsePin } from "./pin.ts";
import { quote } from "./quote.ts";
import { retryAfterMs, RetryLaterError } from "./retry_later.ts";
import { baseUrl, type SourceOptions, urlAt } from "./source.ts";

/** What a server says of a file's state, to be sent back when it is asked for again. */
export interface Validators {
  /** The ETag header (RFC 9110, 8.8.3), as sent. */
  readonly etag: string | null;
  /** The Last-Modified header (RFC 9110, 8.8.2), as sent. */
  readonly lastModified: string | null;
}

/** What to download and how much of it at most. */
export interface DownloadOptions {
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** From an earlier download; makes `not_modified` possible. */
  readonly validators?: Validators | undefined;
}

/** The answer to a download. */
export type Download =
  | {
    readonly status: "fetched";
    readonly body: Uint8Array<ArrayBuffer>;
    /** Of the body, 64 lower-case hex digits. */
    readonly sha256: string;
    readonly validators: Validators;
  }
  | { readonly status: "not_modified" };

const MAX_REDIRECTS = 5;
const REDIRECTS = [301, 302, 303, 307, 308];

/**
 * Downloads `name` from below the source's base URL.
 *
 * @throws {UotaError} `server_unreachable`, `server_error`, `request_refused`, `not_found`,
 * `too_large`, `tls`, `pin_mismatch`, `config_invalid`, `cancelled`.
 * @throws {RetryLaterError} `server_error`, where the server says when to ask again
 */
export async function download(
  source: SourceOptions,
  name: string,
  options: DownloadOptions,
): Promise<Download> {
  const pin = parsePin(source.pubkeyHash);
  let url = urlAt(source.url, name);
  using deadline = new Deadline(url.host, { signal: options.signal, timeouts: source.timeouts });
  const authorities = await readAuthorities(source.caFile);
  const seen = new Set<string>();
  for (;;) {
    seen.add(url.href);
    deadline.expectConnection();
    const socket = await openConnection(url, { pin, authorities, signal: deadline.signal });
    try {
      const headers = requestHeaders(source, { url, validators: options.validators });
      const outgoing = request({
        createConnection: () => socket,
        // Deno and Node take the path from here, the rest from the socket.
        path: `${url.pathname}${url.search}`,
        headers: Object.fromEntries(headers),
      });
      outgoing.on("error", () => {});
      deadline.expectData();
      outgoing.end();
      // 'response' has exactly one argument, by node:http.
      const [response] = await once(outgoing, "response", { signal: deadline.signal }) as [
        IncomingMessage,
      ];
      const target = redirectTarget(response, { from: url, seen });
      if (target === null) return await answer(response, { url, deadline, ...options });
      url = target;
    } catch (error) {
      deadline.signal.throwIfAborted();
      if (error instanceof UotaError) throw error;
      throw new UotaError(
        "server_error",
        `The server broke off its answer for ${shown(url)}: ${messageOf(error)}`,
        { cause: error },
      );
    } finally {
      socket.destroy();
    }
  }
}

/** A URL for messages: without a password, and without a query, which may hold a signature. */
function shown(url: URL): string {
  return `${url.origin}${url.pathname}${url.search === "" ? "" : "?…"}`;
}

function requestHeaders(
  source: SourceOptions,
  { url, validators }: { readonly url: URL; readonly validators: Validators | undefined },
): Headers {
  const headers = new Headers();
  const base = baseUrl(source.url);
  if (url.origin === base.origin) {
    if (base.username !== "" || base.password !== "") {
      const login = `${decodeURIComponent(base.username)}:${decodeURIComponent(base.password)}`;
      headers.set("authorization", `Basic ${Buffer.from(login).toString("base64")}`);
    }
    for (const [name, value] of Object.entries(source.headers)) {
      try {
        headers.set(name, value);
      } catch (cause) {
        // The value may be a secret and stays out of the message.
        throw new UotaError("config_invalid", `The source's header ${quote(name)} is invalid`, {
          cause,
        });
      }
    }
  }
  if (!headers.has("user-agent")) headers.set("user-agent", "uota-gateway");
  if (!headers.has("host")) headers.set("host", url.host);
  if (validators?.etag) headers.set("if-none-match", validators.etag);
  if (validators?.lastModified) headers.set("if-modified-since", validators.lastModified);
  headers.set("accept-encoding", "identity");
  headers.set("connection", "close");
  return headers;
}

/** Where a redirect leads; null where the answer is none. */
function redirectTarget(
  response: IncomingMessage,
  { from, seen }: { readonly from: URL; readonly seen: ReadonlySet<string> },
): URL | null {
  if (!REDIRECTS.includes(response.statusCode ?? 0)) return null;
  const { location } = response.headers;
  const refuse = (why: string) => {
    return new UotaError("server_error", `The server redirects from ${shown(from)} ${why}`);
  };
  if (location === undefined || !URL.canParse(location, from.href)) {
    throw refuse("without saying where to");
  }
  const target = new URL(location, from);
  target.hash = "";
  if (target.protocol !== "https:" && target.protocol !== "http:") {
    throw refuse(`to ${quote(target.protocol)}, which is neither http nor https`);
  }
  if (from.protocol === "https:" && target.protocol === "http:") {
    throw refuse(`to ${shown(target)}, which gives up TLS; use an https address there`);
  }
  if (seen.has(target.href)) throw refuse(`in a circle, back to ${shown(target)}`);
  if (seen.size > MAX_REDIRECTS) throw refuse(`more than ${MAX_REDIRECTS} times`);
  return target;
}

interface AnswerOptions extends DownloadOptions {
  readonly url: URL;
  readonly deadline: Deadline;
}

async function answer(response: IncomingMessage, options: AnswerOptions): Promise<Download> {
  const { url, validators } = options;
  if (response.statusCode === 304 && validators !== undefined) return { status: "not_modified" };
  if (response.statusCode !== 200) throw statusError(response, url);
  const { body, sha256 } = await readBody(response, options);
  const { etag = null, "last-modified": lastModified = null } = response.headers;
  return { status: "fetched", body, sha256, validators: { etag, lastModified } };
}

/** Of the 4xx these pass by themselves, as a 5xx does: Request Timeout, Too Early, Too Many Requests. */
const PASSING = [408, 425, 429];
/** Only with these Retry-After says when the server will answer (RFC 9110, 15.6.4; RFC 6585, 4). */
const RETRY_LATER = [429, 503];

function statusError({ statusCode: status = 0, headers }: IncomingMessage, url: URL): UotaError {
  if (status === 404 || status === 410) {
    return new UotaError(
      "not_found",
      `The server has no ${shown(url)} (status ${status}); check the source's url, and that the ` +
        `file was published`,
    );
  }
  if (status === 401 || status === 403) {
    return new UotaError(
      "request_refused",
      `The server denies access to ${shown(url)} (status ${status}); check the source's headers`,
    );
  }
  const answered = `The server answered ${shown(url)} with status ${status}`;
  const passes = status >= 500 || PASSING.includes(status);
  if (status >= 400 && !passes) {
    return new UotaError(
      "request_refused",
      `${answered}; check the source's url and headers, or what the server logs of it`,
    );
  }
  const waitMs = RETRY_LATER.includes(status) ? retryAfterMs(headers, new Date()) : null;
  const message = answered + (passes ? "; try again later" : "");
  return waitMs === null
    ? new UotaError("server_error", message)
    : new RetryLaterError(message, waitMs);
}

async function readBody(
  response: IncomingMessage,
  { url, deadline, maxBytes }: AnswerOptions,
): Promise<{ readonly body: Uint8Array<ArrayBuffer>; readonly sha256: string }> {
  const tooLarge = (size: string) => {
    return new UotaError("too_large", `${shown(url)} has ${size}, the limit is ${maxBytes}`);
  };
  const announced = response.headers["content-length"];
  const expectedBytes = announced === undefined ? null : Number(announced);
  if (expectedBytes !== null && expectedBytes > maxBytes) throw tooLarge(`${expectedBytes} bytes`);
  const hash = createHash("sha256");
  const chunks: Uint8Array[] = [];
  let receivedBytes = 0;
  for await (const chunk of response as AsyncIterable<Uint8Array>) { // no encoding is set
    deadline.expectData();
    receivedBytes += chunk.byteLength;
    if (receivedBytes > maxBytes) throw tooLarge("more bytes than allowed");
    hash.update(chunk);
    chunks.push(chunk);
  }
  deadline.signal.throwIfAborted();
  // node:http throws for these by itself; a firmware is too dear to lean on that alone.
  if (!response.complete || (expectedBytes !== null && receivedBytes !== expectedBytes)) {
    throw new UotaError(
      "server_error",
      `The server broke off ${shown(url)} after ${receivedBytes} bytes` +
        (expectedBytes === null ? "" : ` of ${expectedBytes}`),
    );
  }
  const body = new Uint8Array(receivedBytes);
  let at = 0;
  for (const chunk of chunks) {
    body.set(chunk, at);
    at += chunk.byteLength;
  }
  return { body, sha256: hash.digest("hex") };
}
