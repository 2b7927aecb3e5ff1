/** How the recovery of a board ends badly, in words. Used by `recover.ts` only. */
import { type ErrorCode, UotaError } from "../errors/mod.ts";
import type { Reason } from "./board/outcome.ts";

/** The reasons for which a release is rejected that are errors by themselves. */
const FAILURES: Readonly<Record<string, ErrorCode>> = {
  app_failed: "app_failed",
  app_restarts: "app_restarts",
  not_ready: "not_ready",
};

/** The release fails, and stays. */
export function nothingToGoBackTo(reason: Reason | null): UotaError {
  const why = reason?.message ?? "It fails";
  return new UotaError(
    FAILURES[reason?.code ?? ""] ?? "app_failed",
    `${why}\nThere is nothing to go back to on the board, since the record of an update was damaged ` +
      "or removed there: the release stays. Go back with uota rollback, or publish one that works",
  );
}

/** The board reported `cause` on its way back. */
export function couldNotGoBack(port: string, cause: UotaError | null): UotaError {
  const why = cause?.message ?? "it did not say why";
  return new UotaError(
    "unfinished_transaction",
    `The board on ${port} could not go back to its old release: ${why}. All that is needed is still ` +
      "on it, and the next visit tries again; update --force, or another release, is installed as a " +
      "whole",
    { cause },
  );
}

/** After its reset the board is on `version`, which is not what was put into place. */
export function notKeptOnFlash(port: string, version: string | null): UotaError {
  return new UotaError(
    "verification_failed",
    `The board on ${port} said that the release was in place, but after its reset it is on ` +
      `${
        version ?? "no version"
      }: its flash did not keep what was written, or its program changes ` +
      "the file version. Check the program, then the board's flash",
  );
}

/** The transaction on the board has a format that this version does not know. */
export function ofLaterVersion(port: string): UotaError {
  return new UotaError(
    "foreign_transaction",
    `The board on ${port} is in the middle of an update that a later version of uota has begun, so ` +
      "it was left as it is. Install that version on this gateway, or install a whole release over " +
      "it with update --force",
  );
}

/** Waiting for evidence is over. */
export function lostTooOften(tries: number): Reason {
  return {
    code: "board_lost",
    message: `The board was lost in ${tries} visits while the program of this release was being ` +
      "watched, so it went back to the old one. Its power supply or cable may be the cause; try the " +
      "release again with --force",
  };
}
