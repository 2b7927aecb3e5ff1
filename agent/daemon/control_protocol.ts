/**
 * What goes over the control socket: HTTP/1.1, a request a connection, JSON. Both sides check what
 * they get by these schemas.
 *
 *     GET  /v1/about                     {"version", "pid", "protocol"}
 *     POST /v1/update, /v1/rollback, /v1/boards       a stream of events
 *     GET  /v1/status, /v1/history?board=SELECTOR…    a stream of events
 *     PUT  /v1/archives?name=FILE        the archive's bytes; {"name", "sha256"}
 *
 * A stream is NDJSON: progress and log, then one result or error. An empty line says that the daemon
 * is still there. A request that is refused before it begins has a status of 400 or more and
 * `{"error": {"code", "message"}}`.
 *
 * INVARIANTS
 * - A schema and the type that it stands for cannot get apart: that does not compile.
 * - Requests with fields that nobody knows are refused; answers may have more than is known.
 */
import { z } from "zod";
import { MAX_JOBS } from "../../config/mod.ts";
import { ERROR_CODES } from "../../errors/mod.ts";
import type { ProgressEvent } from "../attempts.ts";
import { type Outcome, OUTCOME_KINDS, REASON_CODES, STRATEGIES } from "../board/outcome.ts";
import {
  type AttemptRecord,
  attemptRecordSchema,
  type BoardStatus,
  boardStatusSchema,
} from "../fleet/records.ts";
import type { KeptArchive } from "../release/mod.ts";
import type { RollbackRequest } from "../rollback.ts";
import type { AttachedBoard } from "../survey.ts";
import type { ReleaseSummary, UpdateReport, UpdateRequest } from "../update.ts";

/** Goes up whenever one side could misunderstand the other. */
export const PROTOCOL = 1;

export const NDJSON = "application/x-ndjson";

/** A daemon that is busy with a board for long says so little more seldom than this. */
export const KEEP_ALIVE_MS = 10_000;

/** Where each call of a {@linkcode Gateway} goes, and what else there is to ask. */
export const PATHS = {
  about: "/v1/about",
  update: "/v1/update",
  rollback: "/v1/rollback",
  boards: "/v1/boards",
  status: "/v1/status",
  history: "/v1/history",
  archives: "/v1/archives",
} as const;

/**
 * `schema`, whose output is the type, no more and no less. The check is on types alone, so that
 * whoever adds to one of the two is told about the other.
 */
function standsFor<Type>() {
  return <Schema extends z.ZodType<Type>>(
    schema: [Type] extends [z.output<Schema>] ? Schema : never,
  ): Schema => schema;
}

const nullableText = z.string().nullable();
const count = z.int().nonnegative();
const selectors = z.array(z.string()).readonly();
const jobs = z.int().min(1).max(MAX_JOBS).nullable();

export const aboutSchema = z.object({ version: z.string(), pid: z.int(), protocol: z.int() });

export const keptArchiveSchema = standsFor<KeptArchive>()(z.strictObject({
  // Only ever shown, but what is shown stays on its line.
  name: z.string().min(1).max(255).regex(/^[^/\p{Cc}]*$/u, "must be a file's name"),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "must be 64 lower-case hex digits"),
}));

/** The daemon may not be allowed to read the client's files, so a path does not go over. */
export type SentUpdateRequest = UpdateRequest & { readonly archive: KeptArchive | null };

export const updateRequestSchema = standsFor<SentUpdateRequest>()(z.strictObject({
  selectors,
  versionCheck: z.boolean(),
  force: z.boolean(),
  dryRun: z.boolean(),
  jobs,
  archive: keptArchiveSchema.nullable(),
}));

export const rollbackRequestSchema = standsFor<RollbackRequest>()(
  z.strictObject({ selectors, jobs }),
);

export const boardsRequestSchema = z.strictObject({});

const reason = z.object({ code: z.enum(REASON_CODES), message: z.string() });

const outcomeSchema = standsFor<Outcome>()(z.object({
  name: z.string(),
  uid: nullableText,
  port: nullableText,
  outcome: z.enum(OUTCOME_KINDS),
  from: nullableText,
  to: nullableText,
  // A command of the version before knows only two of them.
  offered: nullableText.default(null),
  reason: reason.nullable(),
  strategy: z.enum(STRATEGIES).nullable(),
  files: z.object({ written: count, unchanged: count, deleted: count, excluded: count }),
  bytesOnWire: count,
  seconds: z.number().nonnegative(),
}));

const releaseSummarySchema = standsFor<ReleaseSummary>()(z.object({
  version: z.string(),
  archive: z.string(),
  sha256: z.string(),
  verifiedBy: z.array(z.string()).readonly(),
}));

export const updateReportSchema = standsFor<UpdateReport>()(z.object({
  release: releaseSummarySchema.nullable(),
  boards: z.array(outcomeSchema).readonly(),
}));

export const outcomesSchema = z.array(outcomeSchema).readonly();

export const attachedBoardsSchema = standsFor<readonly AttachedBoard[]>()(
  z.array(z.object({
    name: z.string(),
    uid: nullableText,
    port: z.string(),
    group: nullableText,
    micropython: nullableText,
    machine: nullableText,
    version: nullableText,
    freeBytes: z.number().nullable(),
    reason: reason.nullable(),
  })).readonly(),
);

export const statusSchema = standsFor<readonly BoardStatus[]>()(
  z.array(boardStatusSchema).readonly(),
);

export const historySchema = standsFor<readonly AttemptRecord[]>()(
  z.array(attemptRecordSchema).readonly(),
);

const onBoard = { board: z.string(), port: z.string() };

const progressSchema = standsFor<ProgressEvent>()(z.discriminatedUnion("phase", [
  z.object({
    ...onBoard,
    phase: z.enum(["opening", "inspecting", "committing", "confirming", "rolling_back"]),
  }),
  z.object({ ...onBoard, phase: z.literal("staging"), doneBytes: count, totalBytes: count }),
  z.object({ ...onBoard, phase: z.literal("done"), outcome: outcomeSchema }),
]));

export const errorSchema = z.object({ code: z.enum(ERROR_CODES), message: z.string() });

/** The body of an answer with a status of 400 or more. */
export const refusalSchema = z.object({ error: errorSchema });

export const controlEventSchema = z.discriminatedUnion("event", [
  z.object({ event: z.literal("progress"), progress: progressSchema }),
  z.object({ event: z.literal("log"), line: z.string() }),
  // What it is depends on what was asked, so it is checked there.
  z.object({ event: z.literal("result"), result: z.unknown() }),
  z.object({ event: z.literal("error"), error: errorSchema }),
]);

/** A line of a stream. */
export type ControlEvent = z.output<typeof controlEventSchema>;

/** What can follow in a stream, and what ends it. */
export type LastEvent = Extract<ControlEvent, { readonly event: "result" | "error" }>;

/** What is wrong with a message, by the way to each part. */
export function problemsOf({ issues }: z.ZodError): string {
  return issues
    .map(({ path, message }) => path.length === 0 ? message : `${path.join(".")}: ${message}`)
    .join("; ");
}
