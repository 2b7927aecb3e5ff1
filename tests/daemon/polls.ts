/** What a daemon has asked of a server. */
import type { LoggedRequest, Nginx } from "../server/nginx.ts";

/** How often the source was polled by now. */
export async function polls(server: Nginx): Promise<number> {
  return countPolls(await server.log());
}

/** Waits until the source was polled so many times more than by now, or than by a count of before. */
export async function morePolls(server: Nginx, count: number, since?: number): Promise<void> {
  const before = since ?? await polls(server);
  await server.logUntil((requests) => countPolls(requests) >= before + count);
}

function countPolls(requests: readonly LoggedRequest[]): number {
  return requests.filter(({ uri }) => uri === "/latest").length;
}
