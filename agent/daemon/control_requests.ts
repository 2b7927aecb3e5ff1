/** Reading requests from the control socket, and refusing those that are not as they must be. */
import { Buffer } from "node:buffer";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { z } from "zod";
import { type ErrorCode, messageOf } from "../../errors/mod.ts";
import { problemsOf } from "./control_protocol.ts";

const MAX_JSON_BYTES = 1024 * 1024;

/** A request that is answered with a status of 400 or more, before anything is done for it. */
export class Refusal extends Error {
  readonly status: number;
  readonly code: ErrorCode;
  readonly headers: Readonly<Record<string, string>>;

  constructor(
    status: number,
    message: string,
    { code = "usage", headers = {} }: {
      readonly code?: ErrorCode;
      readonly headers?: Readonly<Record<string, string>>;
    } = {},
  ) {
    super(message);
    this.status = status;
    this.code = code;
    this.headers = headers;
  }
}

/** The body as the schema has it. @throws {Refusal} 400, 413, 415 */
export async function readJson<Schema extends z.ZodType>(
  request: IncomingMessage,
  schema: Schema,
): Promise<z.output<Schema>> {
  const [type] = (request.headers["content-type"] ?? "").split(";");
  if (type?.trim().toLowerCase() !== "application/json") {
    throw new Refusal(415, "The request must have the content-type application/json");
  }
  const chunks: Uint8Array[] = [];
  for await (const chunk of bodyOf(request, MAX_JSON_BYTES)) chunks.push(chunk);
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(joined(chunks)));
  } catch (error) {
    throw new Refusal(400, `The request's body is not JSON: ${messageOf(error)}`);
  }
  return checked(content, schema);
}

/** @throws {Refusal} 400 */
export function checked<Schema extends z.ZodType>(
  content: unknown,
  schema: Schema,
): z.output<Schema> {
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data;
  throw new Refusal(400, `The request is not understood: ${problemsOf(parsed.error)}`);
}

/** A body of at most so many bytes. @throws {Refusal} 400, 413 */
export async function* bodyOf(
  request: IncomingMessage,
  maxBytes: number,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const tooLarge = () =>
    new Refusal(413, `The request's body must have ${maxBytes} bytes at most`, {
      code: "too_large",
    });
  if (Number(request.headers["content-length"] ?? 0) > maxBytes) throw tooLarge();
  let received = 0;
  try {
    // Whoever stops reading still has to answer, so the connection must outlive that.
    for await (const chunk of request.iterator({ destroyOnReturn: false })) {
      received += chunk.byteLength;
      if (received > maxBytes) throw tooLarge();
      yield chunk;
    }
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(400, `The request broke off: ${messageOf(error)}`);
  }
}

/** The query's parameters, of which only these may be there. @throws {Refusal} 400 */
export function queryOf(url: URL, names: readonly string[]): URLSearchParams {
  for (const name of url.searchParams.keys()) {
    if (!names.includes(name)) throw new Refusal(400, `The request has an unknown field, ${name}`);
  }
  return url.searchParams;
}

/** Answers with a document. */
export function answerJson(
  response: ServerResponse,
  content: unknown,
  { status = 200, headers = {} }: {
    readonly status?: number;
    readonly headers?: Readonly<Record<string, string>>;
  } = {},
): void {
  const body = Buffer.from(`${JSON.stringify(content)}\n`);
  response.writeHead(status, {
    "content-type": "application/json",
    "content-length": body.byteLength,
    ...headers,
  });
  response.end(body);
}

function joined(chunks: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(chunks.reduce((sum, { byteLength }) => sum + byteLength, 0));
  let at = 0;
  for (const chunk of chunks) {
    whole.set(chunk, at);
    at += chunk.byteLength;
  }
  return whole;
}
