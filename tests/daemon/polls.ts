/** What a daemon has asked of a server. */
import type { Nginx } from "../server/nginx.ts";

/** How often the source was polled by now. Each look at the log is a request of its own. */
export async function polls(server: Nginx): Promise<number> {
  return (await server.log()).filter(({ uri }) => uri === "/latest").length;
}
