/**
 * What a long-running agent reports: one line an event on stderr, or one structured entry in the
 * journal where stderr goes there. Used by the daemon.
 *
 * INVARIANTS
 * - An event is one line of some KB at most, without escape sequences or characters that turn or
 *   break it, whatever boards and servers put into it.
 * - URLs lose user names, passwords and queries in every field. Whoever makes an event never puts a
 *   header into it.
 * - An event that journald does not take goes to stderr.
 */
import type { Environment } from "../../config/mod.ts";
import type { Outcome, OutcomeKind } from "../board/outcome.ts";
import { isJournalStream, Journal } from "../daemon/systemd.ts";
import { MESSAGE_ID_OF_OUTCOME } from "./message_ids.ts";
import type { Terminal } from "./terminal.ts";
import { outcomeLine } from "./text.ts";
import { withoutUrlSecrets } from "./url_secrets.ts";
import { shownLines } from "./words.ts";

/** How much it matters, in the words of syslog(3). */
export type Priority = "err" | "warning" | "notice" | "info" | "debug";

export interface DaemonEvent {
  readonly priority: Priority;
  /** All that a person needs: the journal shows nothing else by itself. */
  readonly message: string;
  /** The board's name; an outcome's own by default. */
  readonly board?: string;
  /** The release's version; an outcome's own by default. */
  readonly release?: string;
  readonly outcome?: Outcome;
  /** One of {@linkcode MESSAGE_ID}; an outcome's own by default. */
  readonly messageId?: string;
}

export interface EventLog extends Disposable {
  write(event: DaemonEvent): void;
}

export interface EventLogOptions {
  readonly env: Environment;
  readonly terminal: Terminal;
  /** Whether `debug` is written. */
  readonly verbose: boolean;
  /** Where journald listens. @default "/run/systemd/journal/socket" */
  readonly journalSocket?: string;
}

const PRIORITY_NUMBER: Readonly<Record<Priority, number>> = {
  err: 3,
  warning: 4,
  notice: 5,
  info: 6,
  debug: 7,
};

const PRIORITY_OF_OUTCOME: Readonly<Record<OutcomeKind, Priority>> = {
  updated: "notice",
  rolled_back: "err",
  failed: "err",
  unreachable: "warning",
  current: "info",
  skipped: "info",
};

/** The event that an attempt on a board ended. */
export function outcomeEvent(outcome: Outcome): DaemonEvent {
  return {
    priority: PRIORITY_OF_OUTCOME[outcome.outcome],
    message: outcomeLine(outcome, false),
    outcome,
  };
}

/** The log that fits where stderr goes. Dispose of it to close its socket. */
export function openEventLog(options: EventLogOptions): EventLog {
  const { env, terminal, verbose, journalSocket } = options;
  const journal = Journal.connect(
    env,
    journalSocket === undefined ? {} : { socketPath: journalSocket },
  );
  // A service's stderr is the journal's even where its socket is out of reach, as in a chroot.
  const isPrefixed = isJournalStream(env);
  return {
    write(event) {
      if (event.priority === "debug" && !verbose) return;
      const fields = entryOf(event);
      if (journal?.send(fields)) return;
      const prefix = isPrefixed ? `<${PRIORITY_NUMBER[event.priority]}>` : "";
      terminal.err(`${prefix}${fields.get("MESSAGE")}\n`);
    },
    [Symbol.dispose]() {
      journal?.[Symbol.dispose]();
    },
  };
}

/** The event as systemd.journal-fields(7) has it. */
function entryOf(event: DaemonEvent): Map<string, string> {
  const { outcome } = event;
  const optional = {
    MESSAGE_ID: event.messageId ?? (outcome && MESSAGE_ID_OF_OUTCOME[outcome.outcome]),
    BOARD: event.board ?? outcome?.name,
    BOARD_UID: outcome?.uid,
    PORT: outcome?.port,
    RELEASE: event.release ?? outcome?.offered,
    OUTCOME: outcome?.outcome,
    REASON: outcome?.reason?.code,
  };
  const entry = new Map([
    ["PRIORITY", String(PRIORITY_NUMBER[event.priority])],
    ["SYSLOG_IDENTIFIER", "uota"],
    ["MESSAGE", oneLine(event.message)],
  ]);
  for (const [name, value] of Object.entries(optional)) {
    if (value) entry.set(name, oneLine(value));
  }
  return entry;
}

/** Secrets go before a long text is cut, which would leave half of one, and when all is one line. */
function oneLine(text: string): string {
  const lines = shownLines(withoutUrlSecrets(text)).map((line) => line.trim());
  return withoutUrlSecrets(lines.join(" "));
}
