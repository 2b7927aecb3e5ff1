/** What the gateway remembers between runs: the store, the archives, the backups of boards. */
import type { GatewayConfig } from "../config/mod.ts";
import type { UotaError } from "../errors/mod.ts";
import { BackupShelf } from "./board/backup.ts";
import { Store } from "./fleet/store.ts";
import { isFromSqlite, storeFailure } from "./fleet/store_failure.ts";
import { databasePath } from "./fleet/store_schema.ts";
import { ArchiveCache } from "./release/cache.ts";

/** The state directory, opened. */
export class Memory implements Disposable {
  readonly store: Store;
  readonly archives: ArchiveCache;
  readonly backups: BackupShelf;
  readonly #stateDir: string;

  private constructor(store: Store, stateDir: string, now: () => Date) {
    this.store = store;
    this.archives = new ArchiveCache(stateDir, now);
    this.backups = new BackupShelf(stateDir, (error) => this.#failure(error));
    this.#stateDir = stateDir;
  }

  /** @throws {UotaError} `config_invalid`, `state_unavailable` as `Store.open` */
  static open(stateDir: string, log: (line: string) => void): Memory {
    const now = () => new Date();
    return new Memory(Store.open(stateDir, { log, now }), stateDir, now);
  }

  /** What a failure of the store means; null for any other error. */
  failure(error: unknown): UotaError | null {
    return isFromSqlite(error) ? this.#failure(error) : null;
  }

  #failure(error: unknown): UotaError {
    return storeFailure(this.#stateDir, databasePath(this.#stateDir), error);
  }

  [Symbol.dispose](): void {
    this.store[Symbol.dispose]();
  }
}

/** The memory that the runs of this process share, which stays open, or one of the run's own. */
export function openMemory(
  { gateway }: Pick<GatewayConfig, "gateway">,
  options: {
    readonly shared?: { readonly memory: Memory } | undefined;
    readonly log?: ((line: string) => void) | undefined;
  },
): Disposable & { readonly memory: Memory } {
  const { shared, log = () => {} } = options;
  if (shared) return { memory: shared.memory, [Symbol.dispose]() {} };
  const memory = Memory.open(gateway.stateDir, log);
  return { memory, [Symbol.dispose]: () => memory[Symbol.dispose]() };
}
