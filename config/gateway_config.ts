/**
 * The configuration as the rest of the gateway sees it: complete, checked, with every default in
 * its place. Only `mod.ts` makes one, from a file; whoever holds one need not check it again.
 */

/** Where releases come from, and what a release must satisfy. */
export interface SourceConfig {
  /** Base URL, http or https, whose path ends in a slash; `latest` is looked for right below it. */
  readonly url: string;
  /** How often to ask for a new release, in milliseconds. */
  readonly pollIntervalMs: number;
  /** The server's public key: uOTA's hex form or `sha256/BASE64` of its SPKI; empty for none. */
  readonly pubkeyHash: string;
  /** Absolute path of a PEM file with the only authorities to trust; empty for the system's. */
  readonly caFile: string;
  /** Sent with every request to the source. May hold secrets: never print the values. */
  readonly headers: Readonly<Record<string, string>>;
  /** What a notice must bring so that its archive is accepted. */
  readonly require: "sha256" | "none";
}

/** A header's value that systemd hands over, and that is read when it is needed. */
export interface CredentialHeader {
  /** The name of the file in `$CREDENTIALS_DIRECTORY`. */
  readonly credential: string;
  /** What stands before the secret, such as `Bearer ` with its space. */
  readonly prefix: string;
}

/** A header's value as the file has it: the value itself, or where to read it. */
export type HeaderValue = string | CredentialHeader;

/** What concerns the gateway itself. */
export interface GatewaySection {
  /** Absolute path of the directory that holds the gateway's memory. */
  readonly stateDir: string;
  /** Absolute path of the socket on which a daemon is asked; null for none. */
  readonly controlSocket: string | null;
  /** Absolute globs of the ttys on which boards may hang. */
  readonly ports: readonly string[];
  /** How many boards are worked on side by side. */
  readonly jobs: number;
}

/** What may differ from board to board. */
export interface BoardSettings {
  /** Bits a second on the line. */
  readonly baud: number;
  /** Paths below the board's root that stay as they are; a directory covers all below it. */
  readonly exclude: readonly string[];
  /** Paths below the board's root to delete, in addition to the release's own list. */
  readonly delete: readonly string[];
  /** Whether the daemon updates the board by itself. */
  readonly auto: boolean;
  /** The version to stay on; empty for the newest. */
  readonly pin: string;
  /** How long to watch the program after the reset, in milliseconds; 0 for not at all. */
  readonly confirmMs: number;
  /** What a line of the program's output must contain within that time; empty for nothing. */
  readonly ready: string;
  /** The time of the watchdog that runs on the board, in milliseconds; null for none. */
  readonly watchdogMs: number | null;
  /** Whether the program resets the board or lets it sleep by design, so that this is no failure. */
  readonly restarts: boolean;
}

/** How a `[[board]]` entry recognises its board. */
export type BoardMatch =
  | {
    readonly kind: "uid";
    /** `machine.unique_id()` in lower-case hex. */
    readonly uid: string;
  }
  | {
    readonly kind: "port";
    /** Absolute path of the tty, or of a link to it. */
    readonly port: string;
  }
  | {
    readonly kind: "usb_serial";
    /** The serial number that the USB device reports. */
    readonly usbSerial: string;
  };

/** One `[[board]]` of the file. */
export interface BoardEntry {
  /** What people call the board; unique among the entries. */
  readonly name: string;
  /** The group it belongs to, for `group:NAME`; null for none. */
  readonly group: string | null;
  /** How the board is recognised; unique among the entries. */
  readonly match: BoardMatch;
  /** Another base URL for this board, with its trailing slash; null for the common source. */
  readonly url: string | null;
  /** The defaults with this entry's overrides. */
  readonly settings: BoardSettings;
}

/** The whole file. */
export interface GatewayConfig {
  /** `[source]` */
  readonly source: SourceConfig;
  /** `[gateway]` */
  readonly gateway: GatewaySection;
  /** `[defaults]`: what holds for a board without an entry. */
  readonly defaults: BoardSettings;
  /** `[[board]]`, in the file's order. */
  readonly boards: readonly BoardEntry[];
}

/**
 * The whole file with its credentials still to be read, by `resolveCredentials`. Enough for all that
 * asks no server. Every {@linkcode GatewayConfig} is one.
 */
export interface UnresolvedConfig extends Omit<GatewayConfig, "source"> {
  /** `[source]` */
  readonly source: Omit<SourceConfig, "headers"> & {
    /** May hold secrets: never print the values. */
    readonly headers: Readonly<Record<string, HeaderValue>>;
  };
}
