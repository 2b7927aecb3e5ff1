/** What the store tells of boards and attempts: shapes and their checks, for whoever passes them on. */
import { z } from "zod";

const nullableText = z.string().nullable();

export const boardStatusSchema = z.object({
  name: z.string(),
  uid: nullableText,
  port: nullableText,
  version: nullableText,
  outcome: nullableText,
  reason_code: nullableText,
  reason_message: nullableText,
  at: nullableText,
  seen_at: z.string(),
});

/** An attempt as its own row has it. */
export const attemptRow = z.object({
  id: z.number(),
  name: z.string(),
  uid: nullableText,
  port: nullableText,
  outcome: nullableText,
  from_version: nullableText,
  to_version: nullableText,
  offered_version: nullableText,
  reason_code: nullableText,
  reason_message: nullableText,
  strategy: nullableText,
  written: z.number(),
  unchanged: z.number(),
  deleted: z.number(),
  excluded: z.number(),
  bytes_on_wire: z.number(),
  seconds: z.number(),
  started_at: z.string(),
  ended_at: nullableText,
});

export const stepRow = z.object({ at: z.string(), step: z.string() });

export const cleanUpRow = z.object({ path: z.string(), fate: z.string() });

export const attemptRecordSchema = z.object({
  ...attemptRow.shape,
  steps: z.array(stepRow).readonly(),
  cleanUp: z.array(cleanUpRow).readonly(),
});

/** What the store knows of one board; times are ISO 8601. */
export type BoardStatus = z.output<typeof boardStatusSchema>;

/** A past attempt with its steps and what became of its clean-up list. */
export type AttemptRecord = z.output<typeof attemptRecordSchema>;
