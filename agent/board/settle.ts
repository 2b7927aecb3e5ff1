/**
 * Settling what an earlier visit left behind, by this gateway or another, with or without its
 * memory: a transaction is carried forward or backward, an unconfirmed release is confirmed, a
 * replaced file is put back. The first thing that a visit does.
 *
 * A journal that is not as it was written is not carried anywhere: it is set aside, and the board
 * gets a whole release instead, planned anew from what is on it. That is right whatever the journal
 * had done by then, and needs nothing from it; that little was moved cannot be told without it,
 * since a file that the old release does not have leaves no trace in `old`.
 */
import { UotaError } from "../../errors/mod.ts";
import type { BoardKey, Store } from "../fleet/store.ts";
import type { BackupShelf } from "./backup.ts";
import { commit, finish, isReadable, rollBack, setAside } from "./commit.ts";
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
  }
  /** Its files may be of two releases, until one is installed; there is no way back. */
  | {
    readonly kind: "needs_repair";
    readonly seen: Glance;
    /** The release that is in place and did not get its confirmation. */
    readonly failed: { readonly release: JournalHeader | null; readonly reason: Reason } | null;
  };

/**
 * Brings the board to wholly one release, or says that it needs one. Afterwards no transaction is
 * open on it.
 */
export async function settle(
  visit: Visit,
  seen: Glance,
  options: SettleOptions,
): Promise<Settled> {
  const { key, backups, log, signal } = options;
  const { path } = visit.port;
  const backup = await backups.load(key);
  if (backup) {
    log(`${path}: putting back the files that an interrupted update was replacing`);
    await putBack(visit.board, backup, { signal });
    await backups.remove(key);
    seen = await glance(visit.board, { signal });
  }
  seen = await carryThrough(visit, seen, options);
  if (seen.transaction?.state === "committed") return await settleCommitted(visit, seen, options);
  return seen.needsRepair ? { kind: "needs_repair", seen, failed: null } : { kind: "clean", seen };
}

/** Forward or backward; afterwards it is committed, or there is no transaction. */
async function carryThrough(
  visit: Visit,
  seen: Glance,
  { signal, log }: SettleOptions,
): Promise<Glance> {
  const { path } = visit.port;
  const state = seen.transaction?.state ?? "committed";
  if (state === "committed") return seen;
  const changing = { signal, needsRepair: seen.needsRepair };
  if (!await isReadable(visit.board, state, { signal })) {
    log(`${path}: the journal of an interrupted update is damaged, so a whole release is needed`);
    await setAside(visit.board, state, changing);
  } else if (state === "rollback") {
    log(`${path}: finishing an interrupted roll-back`);
    await rollBack(visit.board, changing);
  } else {
    log(`${path}: finishing an interrupted installation`);
    try {
      await commit(visit.board, changing);
    } catch (error) {
      if (!(error instanceof UotaError) || error.code === "unfinished_transaction") throw error;
      const now = await glance(visit.board, { signal });
      if (now.transaction !== null) throw error;
      return now;
    }
  }
  return await glance(visit.board, { signal });
}

async function settleCommitted(
  visit: Visit,
  seen: Glance,
  options: SettleOptions,
): Promise<Settled> {
  const { key, store, log, signal } = options;
  const { path } = visit.port;
  // Of a repair, what was there before is nothing to go back to.
  if (seen.needsRepair) return await finished(visit, options);
  const header = seen.transaction?.header ?? null;
  const isConfirmed = header !== null && store.isConfirmed(key, header.archiveSha256);
  if (!isConfirmed && options.watchMs > 0) {
    log(`${path}: watching a release that nobody has confirmed yet`);
    const verdict = await confirm(visit, options);
    await visit.board.interrupt({ signal });
    if (verdict.kind === "failed") {
      const reason = { code: verdict.code, message: verdict.message };
      const changing = { signal, needsRepair: false };
      if (!await isReadable(visit.board, "committed", { signal })) {
        log(`${path}: it has failed, and the journal for going back from it is damaged`);
        await setAside(visit.board, "committed", changing);
        seen = await glance(visit.board, { signal });
        return { kind: "needs_repair", seen, failed: { release: header, reason } };
      }
      await rollBack(visit.board, changing);
      return {
        kind: "rolled_back",
        seen: await glance(visit.board, { signal }),
        release: header ?? { archiveSha256: "", version: seen.version ?? "" },
        reason,
      };
    }
  }
  return await finished(visit, options);
}

async function finished(visit: Visit, { signal }: SettleOptions): Promise<Settled> {
  await finish(visit.board, { signal });
  return { kind: "clean", seen: await glance(visit.board, { signal }) };
}
