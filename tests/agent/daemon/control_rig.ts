/** A gateway behind its control socket, both in this process, and a client of it. */
import { connectControl } from "../../../agent/daemon/control_client.ts";
import { type ControlOptions, serveControl } from "../../../agent/daemon/control_server.ts";
import type { Gateway } from "../../../agent/gateway.ts";
import { LocalGateway } from "../../../agent/local_gateway.ts";
import { ArchiveCache } from "../../../agent/release/mod.ts";
import type { GatewayConfig } from "../../../config/mod.ts";
import { assert } from "../../assert.ts";

export interface ControlRig extends AsyncDisposable {
  readonly path: string;
  /** The daemon's root. */
  readonly root: AbortController;
  readonly client: Gateway;
  /** What the server had to say. */
  readonly logged: readonly string[];
}

/** Serves `gateway`, by default the one that runs with `config`, on the socket of `config`. */
export async function startControl(
  config: GatewayConfig,
  gateway: Gateway = new LocalGateway(config),
  options: Partial<ControlOptions> = {},
): Promise<ControlRig> {
  const root = new AbortController();
  const logged: string[] = [];
  const server = await serveControl(gateway, {
    path: socketOf(config),
    archives: () => new ArchiveCache(config.gateway.stateDir, () => new Date()),
    log: (line) => logged.push(line),
    signal: root.signal,
    ...options,
  });
  return {
    path: server.path,
    root,
    client: await clientOf(server.path),
    logged,
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  };
}

export function socketOf(config: GatewayConfig): string {
  assert(config.gateway.controlSocket !== null);
  return config.gateway.controlSocket;
}

/** A client of the daemon that must be there. */
export async function clientOf(path: string): Promise<Gateway> {
  const client = await connectControl(path, never());
  assert(client !== null, "no daemon listens");
  return client;
}

export function never(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}

/** Sends bytes as they are and reads to the end of the answer. */
export async function talk(path: string, ...parts: readonly string[]): Promise<string> {
  using connection = await Deno.connect({ transport: "unix", path });
  const sending = (async () => {
    const encoder = new TextEncoder();
    for (const part of parts) {
      for (let rest = encoder.encode(part); rest.byteLength > 0;) {
        rest = rest.subarray(await connection.write(rest));
      }
    }
  })();
  // A server that has heard enough closes while there is more to send.
  const sent = sending.catch(() => {});
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of connection.readable.values({ preventCancel: true })) {
      text += decoder.decode(chunk, { stream: true });
    }
  } catch (error) {
    // What was read before the connection was reset counts.
    if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  await sent;
  return text;
}

/** A request as text, with the length of its body. */
export function requestText(
  line: string,
  { headers = {}, body = "" }: {
    readonly headers?: Readonly<Record<string, string>>;
    readonly body?: string;
  } = {},
): string {
  const all = {
    host: "daemon",
    "content-length": String(new TextEncoder().encode(body).byteLength),
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `${line} HTTP/1.1\r\n${lines.join("")}\r\n${body}`;
}
