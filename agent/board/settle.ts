/**
 * Settling what an earlier visit left behind, by this gateway or another, with or without its
 * memory: a transaction is carried forward or backward, an unconfirmed release is confirmed, a
 * replaced file is put back. The first thing that a visit does.
 */
import { UotaError } from "../../errors/mod.ts";
import type { BoardKey, Store } from "../fleet/store.ts";
import type { BackupShelf } from "./backup.ts";
import { commit, finish, rollBack } from "./commit.ts";
import { confirm } from "./confirm.ts";
import { putBack } from "./in_place.ts";
import { type Glance, glance } from "./inspect.ts";
import type { JournalHeader } from "./journal.ts";
import type { Reason } from "./outcome.ts";
import type { Visit } from "./visit.ts";

export interface SettleOptions {
  readonly signal: AbortSignal;
  readonly key: BoardKey;
  readonly store: Store;
  readonly backups: BackupShelf;
  readonly watchMs: number;
  readonly ready: string;
  readonly log: (line: string) => void;
}

export type Settled =
  | { readonly kind: "clean"; readonly seen: Glance }
  /** The release that was waiting for its confirmation did not get it; the old one is back. */
  | {
    readonly kind: "rolled_back";
    readonly seen: Glance;
    readonly release: JournalHeader;
    readonly reason: Reason;
  };

/** Brings the board to wholly one release. Afterwards no transaction is open on it. */
export async function settle(
  visit: Visit,
  seen: Glance,
  options: SettleOptions,
): Promise<Settled> {
  const { signal, key, store, backups, log } = options;
  const { path } = visit.port;
  const backup = await backups.load(key);
  if (backup) {
    log(`${path}: putting back the files that an interrupted update was replacing`);
    await putBack(visit.board, backup, { signal });
    await backups.remove(key);
    seen = await glance(visit.board, { signal });
  }
  if (seen.transaction?.state === "rollback") {
    log(`${path}: finishing an interrupted roll-back`);
    await rollBack(visit.board, { signal });
    await finish(visit.board, { signal });
    return { kind: "clean", seen: await glance(visit.board, { signal }) };
  }
  if (seen.transaction?.state === "journal") {
    log(`${path}: finishing an interrupted installation`);
    try {
      await commit(visit.board, { signal });
    } catch (error) {
      if (!(error instanceof UotaError) || error.code === "unfinished_transaction") throw error;
      const now = await glance(visit.board, { signal });
      if (now.transaction !== null) throw error;
      return { kind: "clean", seen: now };
    }
    seen = await glance(visit.board, { signal });
  }
  if (seen.transaction?.state !== "committed") return { kind: "clean", seen };

  const { header } = seen.transaction;
  const isConfirmed = header !== null && store.isConfirmed(key, header.archiveSha256);
  if (!isConfirmed && options.watchMs > 0) {
    log(`${path}: watching a release that nobody has confirmed yet`);
    const verdict = await confirm(visit, options);
    await visit.board.interrupt({ signal });
    if (verdict.kind === "failed") {
      await rollBack(visit.board, { signal });
      await finish(visit.board, { signal });
      return {
        kind: "rolled_back",
        seen: await glance(visit.board, { signal }),
        release: header ?? { archiveSha256: "", version: seen.version ?? "" },
        reason: { code: verdict.code, message: verdict.message },
      };
    }
  }
  await finish(visit.board, { signal });
  return { kind: "clean", seen: await glance(visit.board, { signal }) };
}
