/**
 * What the process tells its caller: one table from an error's code to an exit code, and one order
 * for when several hold. The numbers are sysexits.h's where it has one.
 */
import type { ErrorCode, UotaError } from "../errors/mod.ts";
import type { Outcome, ReasonCode } from "./board/outcome.ts";

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  serverUnreachable: 69,
  tryAgain: 75,
  releaseRefused: 77,
  configWrong: 78,
  /** 128 + SIGHUP. */
  hungUp: 129,
  /** 128 + SIGINT. */
  interrupted: 130,
  /** 128 + SIGQUIT. */
  quit: 131,
  /** 128 + SIGTERM. */
  terminated: 143,
} as const;

export type ExitCode = typeof EXIT[keyof typeof EXIT];

const EXIT_OF_ERROR: Readonly<Record<ErrorCode, ExitCode>> = {
  port_missing: EXIT.tryAgain,
  port_busy: EXIT.tryAgain,
  port_denied: EXIT.tryAgain,
  port_lost: EXIT.tryAgain,
  no_response: EXIT.tryAgain,
  not_attached: EXIT.tryAgain,
  timed_out: EXIT.tryAgain,
  too_slow: EXIT.tryAgain,
  board_lost: EXIT.tryAgain,
  // A full disk, say: no fault of the configuration, so systemd starts the daemon again.
  state_unavailable: EXIT.tryAgain,
  daemon_denied: EXIT.tryAgain,
  daemon_busy: EXIT.tryAgain,
  daemon_gone: EXIT.tryAgain,

  app_failed: EXIT.failed,
  not_ready: EXIT.failed,
  app_restarts: EXIT.failed,
  interrupted: EXIT.failed,
  no_previous: EXIT.failed,
  not_micropython: EXIT.failed,
  protocol: EXIT.failed,
  board_error: EXIT.failed,
  board_memory: EXIT.failed,
  ambiguous_board: EXIT.failed,
  uid_missing: EXIT.failed,
  no_space: EXIT.failed,
  no_directories: EXIT.failed,
  no_version: EXIT.failed,
  version_order: EXIT.failed,
  verification_failed: EXIT.failed,
  excluded_conflict: EXIT.failed,
  unfinished_transaction: EXIT.failed,
  foreign_transaction: EXIT.failed,
  internal: EXIT.failed,

  // The server, or who answers in its place, may be right again in a minute.
  server_unreachable: EXIT.serverUnreachable,
  server_error: EXIT.serverUnreachable,
  request_refused: EXIT.serverUnreachable,
  not_found: EXIT.serverUnreachable,
  tls: EXIT.serverUnreachable,

  // Trying again does not help: somebody has to publish something else.
  too_large: EXIT.releaseRefused,
  pin_mismatch: EXIT.releaseRefused,
  notice_invalid: EXIT.releaseRefused,
  hash_required: EXIT.releaseRefused,
  hash_mismatch: EXIT.releaseRefused,
  archive_invalid: EXIT.releaseRefused,
  archive_unsafe: EXIT.releaseRefused,
  release_invalid: EXIT.releaseRefused,

  usage: EXIT.usage,
  unknown_board: EXIT.usage,
  config_invalid: EXIT.configWrong,
  cancelled: EXIT.interrupted,
};

/** The first that holds is the process's. */
const PRECEDENCE: readonly ExitCode[] = [
  EXIT.configWrong,
  EXIT.releaseRefused,
  EXIT.serverUnreachable,
  EXIT.failed,
  EXIT.tryAgain,
];

/** The exit code of a run that ended in an error. */
export function exitCodeOfError(error: UotaError): ExitCode {
  return EXIT_OF_ERROR[error.code];
}

/** The exit code of a run that came to an end with each of its boards. */
export function exitCodeOfOutcomes(outcomes: readonly Outcome[]): ExitCode {
  const held = new Set(outcomes.map(exitCodeOfOutcome));
  return PRECEDENCE.find((code) => held.has(code)) ?? EXIT.ok;
}

function exitCodeOfOutcome({ outcome, reason }: Outcome): ExitCode {
  switch (outcome) {
    case "updated":
    case "current":
      return EXIT.ok;
    case "skipped":
      // The board is not on the release that is published for it, and nobody has chosen that.
      if (reason?.code === "known_bad") return EXIT.failed;
      return commonCause(reason?.code) ?? EXIT.ok;
    case "unreachable":
      return commonCause(reason?.code) ?? EXIT.tryAgain;
    case "failed":
    case "rolled_back":
      return commonCause(reason?.code) ?? EXIT.failed;
  }
}

/** A board with a source of its own can fail for what is no fault of the board. */
function commonCause(code: ReasonCode | undefined): ExitCode | null {
  if (code === undefined || !isErrorCode(code)) return null;
  const exit = EXIT_OF_ERROR[code];
  return exit === EXIT.releaseRefused || exit === EXIT.serverUnreachable ? exit : null;
}

function isErrorCode(code: ReasonCode): code is ErrorCode {
  return code in EXIT_OF_ERROR;
}
