/** The replies of the functions on the board, out of what it printed. */

/**
 * What `on_board/reply.py` framed, or null where a frame is damaged; whatever stands outside of a
 * frame is somebody else's print.
 */
export function framedReplies(output: string): string[] | null {
  const replies: string[] = [];
  for (const rest of output.split("\x1e").slice(1)) {
    const end = rest.indexOf("\x1f");
    const [line = "", check = ""] = rest.slice(0, Math.max(end, 0)).split("\x1d");
    const sum = new TextEncoder().encode(line).reduce((total, byte) => total + byte, 0);
    if (end < 0 || check !== (sum & 0xffff).toString(16)) return null;
    replies.push(line);
  }
  return replies;
}
