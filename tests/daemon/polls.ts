/** What a daemon has asked of a server. */
import type { Nginx } from "../server/nginx.ts";

/** How often the source was polled by now. Each look at the log is a request of its own. */
export async function polls(server: Nginx): Promise<number> {
  return (await server.log()).filter(({ uri }) => uri === "/latest").length;
}

/** Waits until the source was polled so many times more than by now, or than by a count of before. */
export async function morePolls(server: Nginx, count: number, since?: number): Promise<void> {
  const before = since ?? await polls(server);
  while (await polls(server) < before + count) {
    // Each look at the log is a request of its own, so this waits for the server.
  }
}
