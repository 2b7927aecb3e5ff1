/**
 * One request to the daemon: HTTP over its control socket, with an answer that is a document or a
 * stream of events. The one place where what goes wrong with the connection becomes a
 * {@linkcode UotaError}.
 */
import { Buffer } from "node:buffer";
import { type IncomingMessage, request as httpRequest } from "node:http";
import type { z } from "zod";
import { messageOf, UotaError } from "../../errors/mod.ts";
import {
  type ControlEvent,
  controlEventSchema,
  KEEP_ALIVE_MS,
  problemsOf,
  refusalSchema,
} from "./control_protocol.ts";

/** What is asked, and of whom. */
export interface ControlCall {
  /** Of the socket. */
  readonly socketPath: string;
  readonly method: "GET" | "POST" | "PUT";
  /** With its query. */
  readonly path: string;
  readonly body?: { readonly type: string; readonly content: string | Uint8Array };
  /** Aborted: the call is given up, and its reason thrown. */
  readonly signal: AbortSignal;
}

/** A daemon that says nothing for as long as this hangs; it says something every few seconds. */
const SILENCE_MS = 6 * KEEP_ALIVE_MS;
/** More than the longest history has. */
const MAX_LINE_LENGTH = 64 * 1024 * 1024;

/** The answer's document. @throws {UotaError} what was refused, `protocol`, `daemon_gone` */
export async function callForDocument<Schema extends z.ZodType>(
  call: ControlCall,
  schema: Schema,
): Promise<z.output<Schema>> {
  let text = "";
  for await (const part of partsOf(call)) text += part;
  return understood(text, schema);
}

/** The answer's events, one by one. @throws {UotaError} what was refused, `protocol`, `daemon_gone` */
export async function* callForEvents(call: ControlCall): AsyncGenerator<ControlEvent> {
  let line = "";
  for await (const part of partsOf(call)) {
    const [rest = "", ...next] = part.split("\n");
    line += rest;
    if (line.length > MAX_LINE_LENGTH) throw misunderstood("a line without end");
    for (const following of next) {
      if (line !== "") yield understood(line, controlEventSchema);
      line = following;
    }
  }
}

/** Parses and checks what the daemon says. */
export function understood<Schema extends z.ZodType>(
  text: string,
  schema: Schema,
): z.output<Schema> {
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch (error) {
    throw misunderstood(messageOf(error));
  }
  return checkedAnswer(content, schema);
}

/** @throws {UotaError} `protocol` */
export function checkedAnswer<Schema extends z.ZodType>(
  content: unknown,
  schema: Schema,
): z.output<Schema> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw misunderstood(problemsOf(parsed.error));
}

function misunderstood(what: string): UotaError {
  return new UotaError(
    "protocol",
    `The daemon's answer is not understood: ${what}; it may be of another version than this ` +
      "program, restart it with: systemctl restart uota-gateway",
  );
}

/** The text of the answer as it comes, where it is no refusal. */
async function* partsOf(call: ControlCall): AsyncGenerator<string> {
  const { signal } = call;
  signal.throwIfAborted();
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const response = await send(call, AbortSignal.any([signal, silence.signal]));
    response.setEncoding("utf8");
    const isRefusal = (response.statusCode ?? 0) >= 400;
    let refusal = "";
    for await (const part of response) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      // With setEncoding, parts are strings.
      if (isRefusal) refusal += part as string;
      else yield part as string;
    }
    if (!isRefusal) return;
    const { error: { code, message } } = understood(refusal, refusalSchema);
    throw new UotaError(code, message);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UotaError) throw error;
    if (silence.signal.aborted) throw silent(call.socketPath);
    throw gone(call.socketPath, error);
  } finally {
    clearTimeout(timer);
  }
}

function send(call: ControlCall, signal: AbortSignal): Promise<IncomingMessage> {
  const { socketPath, method, path, body } = call;
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, signal, agent: false });
    request.on("response", resolve);
    // Also when the answer breaks off, which its reader learns by itself.
    request.on("error", reject);
    if (body === undefined) return void request.end();
    request.setHeader("content-type", body.type);
    const content = Buffer.from(body.content);
    request.setHeader("content-length", content.byteLength);
    request.end(content);
  });
}

/** Why connect(2) failed, so that nobody was asked, as in `ECONNREFUSED`; null where it did not. */
export function whyNotConnected(error: unknown): string | null {
  const cause = error instanceof UotaError ? error.cause : null;
  if (!(cause instanceof Error) || !("syscall" in cause) || !("code" in cause)) return null;
  return cause.syscall === "connect" ? String(cause.code) : null;
}

/** The daemon ended in the middle of a call, or before it. */
export function gone(socketPath: string, cause?: unknown): UotaError {
  return new UotaError(
    "daemon_gone",
    `The daemon at ${socketPath} went away in the middle of the request: the boards are whole, and ` +
      "what was begun on them is settled at their next visit; see uota history and " +
      "systemctl status uota-gateway, then try again",
    { cause },
  );
}

function silent(socketPath: string): UotaError {
  return new UotaError(
    "daemon_gone",
    `The daemon at ${socketPath} has said nothing for ${SILENCE_MS / 1000} s, it hangs; see ` +
      "systemctl status uota-gateway, and restart it with: systemctl restart uota-gateway",
  );
}
