/**
 * One connection to a release server, with or without TLS. Used by `download.ts`.
 *
 * INVARIANTS
 * - What comes back may be written to: over TLS, the certificate's chain, names and dates hold and
 *   its key is the pinned one. Nothing is written before.
 * - Every connection does the whole handshake: no session is resumed, no connection used again, so
 *   that there is always a certificate to look at.
 */

import { once } from "node:events";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";
import { messageOf, UotaError } from "../../errors/mod.ts";
import { formatPin, keyHashes, matchesPin, type Pin } from "./pin.ts";

/** What {@linkcode openConnection} demands of a server. */
export interface ConnectionOptions {
  readonly pin: Pin | null;
  /** Certificate authorities in PEM; null: those that Deno comes with. */
  readonly authorities: string | null;
  /** Its reason is thrown; the connection is destroyed when it fires, then or later. */
  readonly signal: AbortSignal;
}

/** Where distributions keep the authorities that an administrator can add to. */
const SYSTEM_AUTHORITIES = [
  "/etc/ssl/certs/ca-certificates.crt", // Debian, Arch
  "/etc/pki/tls/certs/ca-bundle.crt", // Fedora
  "/etc/ssl/ca-bundle.pem", // openSUSE
  "/etc/ssl/cert.pem", // Alpine
];

/**
 * Reads the authorities to trust: those of `caFile` alone where it is set, as curl's `--cacert`,
 * else the system's.
 *
 * @throws {UotaError} `config_invalid` where `caFile` cannot be read or holds no certificate.
 */
export async function readAuthorities(caFile: string): Promise<string | null> {
  if (caFile === "") {
    for (const file of SYSTEM_AUTHORITIES) {
      const content = await readIfThere(file);
      if (content !== null) return content;
    }
    return null;
  }
  let content: string;
  try {
    content = await Deno.readTextFile(caFile);
  } catch (cause) {
    throw new UotaError(
      "config_invalid",
      `The ca_file ${caFile} cannot be read: ${messageOf(cause)}`,
      { cause },
    );
  }
  if (content.includes("-----BEGIN CERTIFICATE-----")) return content;
  throw new UotaError(
    "config_invalid",
    `The ca_file ${caFile} holds no certificate in PEM (-----BEGIN CERTIFICATE-----)`,
  );
}

async function readIfThere(file: string): Promise<string | null> {
  try {
    return await Deno.readTextFile(file);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return null;
    throw error;
  }
}

/**
 * Connects to the host of an http or https URL.
 *
 * @throws {UotaError} `server_unreachable`, `tls`, `pin_mismatch`, `config_invalid` for a pin
 * without TLS, or the signal's reason.
 */
export async function openConnection(url: URL, options: ConnectionOptions): Promise<Socket> {
  const { pin, authorities, signal } = options;
  signal.throwIfAborted();
  const isTls = url.protocol === "https:";
  if (!isTls && pin !== null) {
    throw new UotaError(
      "config_invalid",
      `The source has a pubkey_hash, but ${url.origin} is not https, so there is no key to ` +
        `compare; use an https url, or take the pubkey_hash away`,
    );
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const port = Number(url.port || (isTls ? 443 : 80));
  const socket = isTls
    ? connectTls({
      host,
      port,
      // A certificate names an address without SNI (RFC 6066, 3).
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ALPNProtocols: ["http/1.1"],
      ...(authorities === null ? {} : { ca: authorities }),
    })
    : connectTcp({ host, port });
  const onAbort = () => socket.destroy();
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", onAbort));
  // Somebody listens at all times: an error without a listener would end the process.
  socket.on("error", () => {});
  try {
    await once(socket, isTls ? "secureConnect" : "connect", { signal });
    if (pin !== null) checkPin(socket as TLSSocket, { pin, url }); // a pin implies isTls, above
    return socket;
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error instanceof UotaError ? error : connectError(error, url);
  }
}

function checkPin(socket: TLSSocket, { pin, url }: { pin: Pin; url: URL }): void {
  const certificate = socket.getPeerCertificate().raw;
  if (certificate === undefined) {
    throw new UotaError("tls", `The server ${url.host} showed no certificate to compare with`);
  }
  const hashes = keyHashes(certificate);
  if (matchesPin(pin, hashes)) return;
  throw new UotaError(
    "pin_mismatch",
    `The key of ${url.host} is not the pinned one: pubkey_hash is ${formatPin(pin)}, the ` +
      `server's key is ${hashes.uota} in uOTA's form and sha256/${hashes.spki} as SPKI pin; ` +
      `if its key was changed on purpose, set pubkey_hash to one of these, else do not trust it`,
  );
}

/** What to do about a certificate, by the codes that node:tls gives. */
const CERTIFICATE_ADVICE: Readonly<Record<string, string>> = {
  CERT_HAS_EXPIRED:
    "has expired; renew it on the server, and check that this gateway's clock is right",
  CERT_NOT_YET_VALID: "is not valid yet; check that this gateway's clock is right",
  ERR_TLS_CERT_ALTNAME_INVALID:
    "was issued for another host; use a name in the source's url that the certificate has",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    "was issued by an authority that is not trusted; for a private authority, set ca_file",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    "was issued by an authority that is not trusted; for a private authority, set ca_file",
  SELF_SIGNED_CERT_IN_CHAIN:
    "was issued by an authority that is not trusted; for a private authority, set ca_file",
  DEPTH_ZERO_SELF_SIGNED_CERT:
    "is self-signed and not trusted; set ca_file to a copy of that certificate",
};

function connectError(error: unknown, url: URL): UotaError {
  const code = codeOf(error);
  const reason = messageOf(error);
  const advice = CERTIFICATE_ADVICE[code];
  if (advice !== undefined) {
    const details = code === "ERR_TLS_CERT_ALTNAME_INVALID" ? ` (${reason})` : "";
    return new UotaError("tls", `The certificate of ${url.host} ${advice}${details}`, {
      cause: error,
    });
  }
  if (code === "ERR_SSL_WRONG_VERSION_NUMBER") {
    return new UotaError("tls", `The server ${url.host} does not speak TLS; is it an http url?`, {
      cause: error,
    });
  }
  if (/^(?:CERT_|ERR_TLS_|ERR_SSL_|UNABLE_|ERR_OSSL)/.test(code) || /certificate/i.test(reason)) {
    return new UotaError("tls", `The TLS connection to ${url.host} failed: ${reason}`, {
      cause: error,
    });
  }
  return new UotaError("server_unreachable", `${unreachable(code, url)}: ${reason}`, {
    cause: error,
  });
}

function unreachable(code: string, url: URL): string {
  if (code === "ENOTFOUND" || code === "EAI_AGAIN") {
    return `The name ${url.hostname} could not be resolved; check the source's url, and the network`;
  }
  if (code === "ECONNREFUSED") {
    return `The server ${url.host} refused the connection; check that it runs, and the port`;
  }
  return `The server ${url.host} could not be reached; check the network`;
}

/** The code of a system or TLS error; empty where it has none. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error) || !("code" in error)) return "";
  return typeof error.code === "string" ? error.code : "";
}
