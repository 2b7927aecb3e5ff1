/**
 * A server that misbehaves: it speaks on the bare TCP connection, so that it can send what no web
 * server would, and stop in the middle.
 */

/** How one connection is answered, once the request's head is there. */
export type Misbehave = (
  request: string,
  connection: Deno.Conn,
) => Promise<"close" | "hold">;

/** A running server; closes all its connections when disposed of. */
export interface FaultyServer extends AsyncDisposable {
  /** Base URL. */
  readonly url: string;
  /** Heads of the requests so far. */
  readonly requests: readonly string[];
}

/** Starts a server on a free port. */
export function startFaultyServer(misbehave: Misbehave): FaultyServer {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const requests: string[] = [];
  const connections = new Set<Deno.Conn>();
  const serveOne = async (connection: Deno.Conn) => {
    try {
      const request = await readHead(connection);
      if (request === "") return;
      requests.push(request);
      if (await misbehave(request, connection) === "hold") await untilClosed(connection);
    } catch (error) {
      // The client turned away, or the server is being disposed of.
      if (!isDisconnect(error)) throw error;
    } finally {
      if (connections.delete(connection)) connection.close();
    }
  };
  const serving = (async () => {
    const open: Promise<void>[] = [];
    for await (const connection of listener) {
      connections.add(connection);
      open.push(serveOne(connection));
    }
    await Promise.all(open);
  })();
  return {
    url: `http://127.0.0.1:${listener.addr.port}/`,
    requests,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const connection of connections) connection.close();
      connections.clear();
      await serving;
    },
  };
}

/** Answers every request with the same bytes and hangs up. */
export function answerWith(answer: string | Uint8Array): Misbehave {
  return async (_request, connection) => {
    await send(connection, answer);
    return "close";
  };
}

/** Sends all of it. */
export async function send(connection: Deno.Conn, content: string | Uint8Array): Promise<void> {
  let rest = typeof content === "string" ? new TextEncoder().encode(content) : content;
  while (rest.byteLength > 0) rest = rest.subarray(await connection.write(rest));
}

async function readHead(connection: Deno.Conn): Promise<string> {
  let head = "";
  const buffer = new Uint8Array(4096);
  while (!head.includes("\r\n\r\n")) {
    const count = await connection.read(buffer);
    if (count === null) return "";
    head += new TextDecoder().decode(buffer.subarray(0, count));
  }
  return head;
}

async function untilClosed(connection: Deno.Conn): Promise<void> {
  while (await connection.read(new Uint8Array(64)) !== null);
}

function isDisconnect(error: unknown): boolean {
  return [
    Deno.errors.BadResource,
    Deno.errors.BrokenPipe,
    Deno.errors.ConnectionReset,
    Deno.errors.ConnectionAborted,
    Deno.errors.Interrupted,
  ].some((kind) => error instanceof kind);
}
