/**
 * `MESSAGE_ID=` of the journal: what happened, for `journalctl MESSAGE_ID=…` and for programs that
 * wait for it. Constants, once given out never changed (sd-id128(3)); the manual page lists them.
 */
import type { OutcomeKind } from "../board/outcome.ts";

export const MESSAGE_ID = {
  boardUpdated: "244c8c0ccc3242289c09fcea2aff961c",
  boardRolledBack: "4b24e8470a5549cf838a128337868e92",
  boardFailed: "a250b5b2690f44bdbf3c600872871361",
  boardUnreachable: "067b3b35a5c149e292f5a2ccc26ec014",
  releaseRefused: "d47f0896635b4971b664b577ce121237",
  serverUnreachable: "af1280f7cbf94c3c860e8a808c5c5e0d",
  serverBack: "d0b519a0e35b45efb27b93f0a690d4c0",
  configurationRejected: "87bf18665b04429094d3bb9517a8177a",
} as const;

/** Those of an outcome; null where nothing happened to the board. */
export const MESSAGE_ID_OF_OUTCOME: Readonly<Record<OutcomeKind, string | null>> = {
  updated: MESSAGE_ID.boardUpdated,
  rolled_back: MESSAGE_ID.boardRolledBack,
  failed: MESSAGE_ID.boardFailed,
  unreachable: MESSAGE_ID.boardUnreachable,
  current: null,
  skipped: null,
};
