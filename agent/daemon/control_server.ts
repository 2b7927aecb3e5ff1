/**
 * The control socket: lets whoever may connect ask the {@linkcode Gateway} behind it.
 *
 * INVARIANTS
 * - A request that is malformed, oversized or slow gets an answer or is cut off, within a bound, and
 *   never disturbs another or a running job.
 * - A client that goes away cancels its call and nothing else.
 * - What a job does never waits for a client.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Socket } from "node:net";
import deno from "../../deno.json" with { type: "json" };
import { messageOf, UotaError } from "../../errors/mod.ts";
import type { RunOptions } from "../attempts.ts";
import type { Gateway } from "../gateway.ts";
import { type ArchiveCache, type KeptArchive, MAX_ARCHIVE_BYTES } from "../release/mod.ts";
import { ControlConnections } from "./control_connections.ts";
import {
  boardsRequestSchema,
  keptArchiveSchema,
  type LastEvent,
  PATHS,
  PROTOCOL,
  rollbackRequestSchema,
  updateRequestSchema,
} from "./control_protocol.ts";
import { answerJson, bodyOf, checked, queryOf, readJson, Refusal } from "./control_requests.ts";
import { listenAt } from "./control_socket.ts";
import { EventStream } from "./event_stream.ts";

const MAX_HEADER_BYTES = 16 * 1024;
/** setTimeout takes no more. */
const NEVER_MS = 2 ** 31 - 1;
/** How long the rest of a request that is refused is read, for nothing. */
const DRAIN_MS = 2000;
/** How long a client may take to read the end of its answer when the daemon stops. */
const FAREWELL_MS = 1000;

export interface ControlOptions {
  /** Absolute, 107 bytes at most. */
  readonly path: string;
  /** Who may connect: those who may write. @default 0o660 */
  readonly mode?: number;
  /** The socket's group, by name or number. @default {the process's own} */
  readonly group?: string | null;
  /** Where archives that clients hand over are kept: the cache that the gateway itself uses. */
  readonly archives: () => ArchiveCache;
  readonly log: (line: string) => void;
  /** Aborted: running calls are cancelled, and new ones refused. */
  readonly signal: AbortSignal;
}

/** Listens until it is disposed of, which cancels the calls that still run and waits for their end. */
export interface ControlServer extends AsyncDisposable {
  readonly path: string;
}

/**
 * Serves `gateway` on a unix socket. Clients can connect once this has resolved.
 *
 * @throws {UotaError} `config_invalid` where the socket cannot be made, or a daemon has it already
 */
export async function serveControl(
  gateway: Gateway,
  options: ControlOptions,
): Promise<ControlServer> {
  const { path, mode = 0o660, group = null, signal } = options;
  const service = new ControlService(gateway, options);
  const server = createServer({
    maxHeaderSize: MAX_HEADER_BYTES,
    // Would look at its connections again and again, even where there are none.
    connectionsCheckingInterval: NEVER_MS,
    keepAlive: false,
  }, (request, response) => void service.answer(request, response));
  server.on("connection", (socket) => service.connections.add(socket, refuseSlow));
  server.on("clientError", refuseUnreadable);
  const stop = () => service.stop(signal.reason);
  signal.addEventListener("abort", stop);
  try {
    const socket = await listenAt(server, path, { mode, group });
    return {
      path,
      async [Symbol.asyncDispose]() {
        signal.removeEventListener("abort", stop);
        const closed = close(server);
        await socket[Symbol.asyncDispose]();
        await service.end();
        await closed;
      },
    };
  } catch (error) {
    signal.removeEventListener("abort", stop);
    await close(server);
    throw error;
  }
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => server.close(() => resolve()));
}

/** A client that is still sending when the connection closes would not get to read why. */
async function drain(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return;
  const { promise: drained, resolve } = Promise.withResolvers<void>();
  const bound = setTimeout(resolve, DRAIN_MS);
  request.once("close", resolve).once("end", resolve).resume();
  await drained;
  clearTimeout(bound);
}

/** What node:http cannot read. */
function refuseUnreadable(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code === "HPE_HEADER_OVERFLOW") {
    const message = `The headers have more than ${MAX_HEADER_BYTES} bytes`;
    return refuse(socket, "431 Request Header Fields Too Large", message);
  }
  refuse(socket, "400 Bad Request", "This is not HTTP/1.1");
}

function refuseSlow(socket: Socket): void {
  refuse(socket, "408 Request Timeout", "The request did not arrive in time");
}

function refuse(socket: Socket, status: string, message: string): void {
  if (!socket.writable) return void socket.destroy();
  const body = `${JSON.stringify({ error: { code: "usage", message } })}\n`;
  socket.end(
    `HTTP/1.1 ${status}\r\ncontent-type: application/json\r\nconnection: close\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
    () => socket.destroy(),
  );
}

type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => Promise<void>;

class ControlService {
  readonly connections = new ControlConnections();
  readonly #gateway: Gateway;
  readonly #options: ControlOptions;
  readonly #calls = new Set<AbortController>();
  readonly #answers = new Set<Promise<void>>();
  readonly #routes: ReadonlyMap<string, { readonly method: string; readonly handle: Handler }>;
  #stopped: UotaError | null = null;

  constructor(gateway: Gateway, options: ControlOptions) {
    this.#gateway = gateway;
    this.#options = options;
    this.#routes = new Map([
      [PATHS.about, { method: "GET", handle: this.#about }],
      [PATHS.update, { method: "POST", handle: this.#update }],
      [PATHS.rollback, { method: "POST", handle: this.#rollback }],
      [PATHS.boards, { method: "POST", handle: this.#boards }],
      [PATHS.status, { method: "GET", handle: this.#status }],
      [PATHS.history, { method: "GET", handle: this.#history }],
      [PATHS.archives, { method: "PUT", handle: this.#keepArchive }],
    ]);
    if (options.signal.aborted) this.stop(options.signal.reason);
  }

  /** Never rejects. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const answering = this.#answer(request, response).catch(async (error) => {
      await drain(request);
      if (response.headersSent || response.destroyed) return void response.destroy();
      const { status, code, message, headers } = error instanceof Refusal
        ? error
        : this.#unexpected(error);
      answerJson(response, { error: { code, message } }, { status, headers });
    });
    this.#answers.add(answering);
    await answering;
    this.#answers.delete(answering);
  }

  /** Cancels what runs and refuses what comes. */
  stop(reason: unknown): void {
    this.#stopped ??= new UotaError(
      "daemon_gone",
      `The daemon was stopped: ${messageOf(reason)}; boards that it was working on are whole, ` +
        "try again",
    );
    for (const call of this.#calls) call.abort(this.#stopped);
  }

  /** Waits for what runs to end, and a little for clients to hear of it. */
  async end(): Promise<void> {
    this.stop("its control socket was closed");
    this.connections.destroyIncomplete();
    while (this.#answers.size > 0) await Promise.all(this.#answers);
    const farewell = setTimeout(() => this.connections.destroyAll(), FAREWELL_MS);
    await this.connections.allClosed();
    clearTimeout(farewell);
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.shouldKeepAlive = false;
    this.connections.begin(request.socket);
    const url = URL.parse(request.url ?? "", "http://daemon");
    const route = url && this.#routes.get(url.pathname);
    if (!url || !route) {
      throw new Refusal(404, `There is no ${url?.pathname ?? request.url} here`);
    }
    if (request.method !== route.method) {
      throw new Refusal(405, `${url.pathname} takes ${route.method}, not ${request.method}`, {
        headers: { allow: route.method },
      });
    }
    if (this.#stopped) throw new Refusal(503, this.#stopped.message, this.#stopped);
    await route.handle(request, response, url);
  }

  readonly #about: Handler = (_request, response, url) => {
    queryOf(url, []);
    answerJson(response, { version: deno.version, pid: Deno.pid, protocol: PROTOCOL });
    return Promise.resolve();
  };

  readonly #update: Handler = async (request, response, url) => {
    queryOf(url, []);
    const asked = await readJson(request, updateRequestSchema);
    await this.#call(request, response, (options) => this.#gateway.update(asked, options));
  };

  readonly #rollback: Handler = async (request, response, url) => {
    queryOf(url, []);
    const asked = await readJson(request, rollbackRequestSchema);
    await this.#call(request, response, (options) => this.#gateway.rollback(asked, options));
  };

  readonly #boards: Handler = async (request, response, url) => {
    queryOf(url, []);
    await readJson(request, boardsRequestSchema);
    await this.#call(request, response, (options) => this.#gateway.boards(options));
  };

  readonly #status: Handler = async (request, response, url) => {
    queryOf(url, []);
    await this.#call(request, response, (options) => this.#gateway.status(options));
  };

  readonly #history: Handler = async (request, response, url) => {
    const selectors = queryOf(url, ["board"]).getAll("board");
    await this.#call(request, response, (options) => this.#gateway.history(selectors, options));
  };

  readonly #keepArchive: Handler = async (request, response, url) => {
    const name = queryOf(url, ["name"]).get("name") ?? "";
    // Before a byte is taken: what the archive's name may be.
    checked({ name, sha256: "0".repeat(64) }, keptArchiveSchema);
    using _slot = this.connections.upload(request.socket);
    try {
      const sha256 = await this.#options.archives().receive(bodyOf(request, MAX_ARCHIVE_BYTES));
      answerJson(response, { name, sha256 } satisfies KeptArchive);
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const message =
        `The daemon cannot keep the archive: ${messageOf(error)}; look at the room and ` +
        "the rights in gateway.state_dir";
      throw new Refusal(507, message, { code: "config_invalid" });
    }
  };

  /** Calls the gateway and streams what it tells, for as long as the client is there. */
  async #call(
    request: IncomingMessage,
    response: ServerResponse,
    work: (options: RunOptions) => Promise<unknown>,
  ): Promise<void> {
    using _slot = this.connections.serve(request.socket);
    const call = new AbortController();
    const clientWent = () => call.abort(new UotaError("cancelled", "The client went away"));
    if (response.destroyed) clientWent();
    response.once("close", clientWent);
    this.#calls.add(call);
    try {
      const events = new EventStream(response);
      events.end(
        await this.#lastEvent(() =>
          work({
            signal: call.signal,
            onProgress: (event) => events.progress(event),
            log: (line) => events.log(line),
          })
        ),
      );
    } finally {
      this.#calls.delete(call);
      response.off("close", clientWent);
      this.connections.end(request.socket);
    }
  }

  async #lastEvent(work: () => Promise<unknown>): Promise<LastEvent> {
    try {
      return { event: "result", result: await work() };
    } catch (error) {
      const { code, message } = error instanceof UotaError ? error : this.#unexpected(error);
      return { event: "error", error: { code, message } };
    }
  }

  #unexpected(error: unknown): Refusal {
    const message = `A defect in uota: ${messageOf(error)}`;
    this.#options.log(message);
    return new Refusal(500, message, { code: "internal" });
  }
}
