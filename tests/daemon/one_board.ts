/** What a test of the daemon begins with: a published release, a board, and a configuration of both. */
import { startWasmBoard, type WasmBoard } from "../boards/mod.ts";
import { type Nginx, startNginx } from "../server/nginx.ts";
import { type Files, onBoard, packed, published } from "../update/firmware.ts";
import { type Gateway, type GatewayOptions, makeGateway } from "../update/gateway.ts";

export interface OneBoard extends AsyncDisposable {
  readonly server: Nginx;
  readonly board: WasmBoard;
  readonly gateway: Gateway;
}

export interface OneBoardOptions {
  /** What the server publishes, under its own version. */
  readonly release: Files;
  /** What is on the board. */
  readonly installed: Files;
  /** More of the configuration, by the uid of the board where that is needed. */
  readonly configure?: (uid: string) => Omit<GatewayOptions, "url" | "ports">;
}

export async function startOneBoard(options: OneBoardOptions): Promise<OneBoard> {
  const { release, installed, configure = () => ({}) } = options;
  await using stack = new AsyncDisposableStack();
  const server = stack.use(await startNginx({ tls: false }));
  await server.publish({ ...published(String(release["version"]), packed(release)) });
  const board = stack.use(await startWasmBoard({ files: onBoard(installed) }));
  const gateway = stack.use(
    await makeGateway({ ...configure(board.uid), url: server.url, ports: [board.port] }),
  );
  const all = stack.move();
  return { server, board, gateway, [Symbol.asyncDispose]: () => all.disposeAsync() };
}
