/**
 * The one error of this project. A leaf: every room may import it, it imports nothing.
 * What follows from each code is in two tables: `agent/exit_code.ts` for the run,
 * `agent/board/outcome_of_error.ts` for a board.
 */

/** Every way in which something can fail, as the JSON output and the messages name it. */
export const ERROR_CODES = [
  // the port and the board
  "port_missing",
  "port_busy",
  "port_denied",
  "port_lost",
  "no_response",
  "not_micropython",
  "protocol",
  "board_error",
  "board_memory",
  "board_lost",
  "app_failed",
  "not_ready",
  "app_restarts",
  "interrupted",
  "no_previous",
  "not_attached",
  "ambiguous_board",
  "uid_missing",
  "no_space",
  "no_directories",
  "no_version",
  "version_order",
  "verification_failed",
  "excluded_conflict",
  "unfinished_transaction",
  "foreign_transaction",
  "timed_out",
  "too_slow",
  // the server and the release
  "server_unreachable",
  "server_error",
  "request_refused",
  "not_found",
  "too_large",
  "tls",
  "pin_mismatch",
  "notice_invalid",
  "hash_required",
  "hash_mismatch",
  "archive_invalid",
  "archive_unsafe",
  "release_invalid",
  // the gateway's machine
  "state_unavailable",
  // the daemon
  "daemon_denied",
  "daemon_busy",
  "daemon_gone",
  // the person
  "usage",
  "config_invalid",
  "unknown_board",
  "cancelled",
  "internal",
] as const;

/** One of {@linkcode ERROR_CODES}. */
export type ErrorCode = typeof ERROR_CODES[number];

/** A failure with a code for programs and a message for people. */
export class UotaError extends Error {
  /** Tells it from other errors in a stack trace. */
  override readonly name = "UotaError";
  /** What failed, for programs. */
  readonly code: ErrorCode;

  /** `message` says what was being done, to what, what happened, and what a person can do. */
  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
