/**
 * The gateway in a daemon, behind its control socket.
 *
 * INVARIANTS
 * - Cancelling gives the call up at once: the daemon sees the connection go, and brings what is past
 *   its commit point to an end by itself.
 */
import { basename } from "node:path";
import type { z } from "zod";
import { UotaError } from "../../errors/mod.ts";
import type { RunOptions } from "../attempts.ts";
import type { Outcome } from "../board/outcome.ts";
import type { AttemptRecord, BoardStatus } from "../fleet/records.ts";
import type { AskOptions, Gateway } from "../gateway.ts";
import { type KeptArchive, readArchive } from "../release/mod.ts";
import type { RollbackRequest } from "../rollback.ts";
import type { AttachedBoard } from "../survey.ts";
import type { UpdateReport, UpdateRequest } from "../update.ts";
import {
  callForDocument,
  callForEvents,
  checkedAnswer,
  type ControlCall,
  gone,
  whyNotConnected,
} from "./control_call.ts";
import {
  aboutSchema,
  attachedBoardsSchema,
  historySchema,
  keptArchiveSchema,
  outcomesSchema,
  PATHS,
  PROTOCOL,
  type SentUpdateRequest,
  statusSchema,
  updateReportSchema,
} from "./control_protocol.ts";
import { groupName } from "./groups.ts";

export interface ConnectOptions {
  readonly signal: AbortSignal;
}

const ABOUT_TIMEOUT_MS = 10_000;

/**
 * The daemon that listens at `path`; null where none does, and the boards can be worked on from here.
 *
 * @throws {UotaError} `daemon_denied` where this user may not ask it, `daemon_gone` where it does not
 *   answer, `protocol` where it is of a version that cannot be talked to
 */
export async function connectControl(
  path: string,
  { signal }: ConnectOptions,
): Promise<Gateway | null> {
  const bound = AbortSignal.timeout(ABOUT_TIMEOUT_MS);
  try {
    const { pid, protocol, version } = await callForDocument({
      socketPath: path,
      method: "GET",
      path: PATHS.about,
      signal: AbortSignal.any([signal, bound]),
    }, aboutSchema);
    if (protocol !== PROTOCOL) {
      throw new UotaError(
        "protocol",
        `The daemon (uota ${version}, pid ${pid}) speaks version ${protocol} of the control ` +
          `protocol, and this program ${PROTOCOL}: restart it with: systemctl restart uota-gateway`,
      );
    }
    return new ControlClient(path);
  } catch (error) {
    signal.throwIfAborted();
    if (bound.aborted) {
      throw new UotaError(
        "daemon_gone",
        `The daemon at ${path} does not answer within ${ABOUT_TIMEOUT_MS / 1000} s; see ` +
          "systemctl status uota-gateway",
      );
    }
    const why = whyNotConnected(error);
    // The last is a socket that a killed daemon left behind.
    if (why !== null && ["ENOENT", "ENOTDIR", "ECONNREFUSED"].includes(why)) return null;
    throw why === "EACCES" ? await denied(path) : error;
  }
}

async function denied(path: string): Promise<UotaError> {
  const gid = await Deno.stat(path).then(({ gid }) => gid, () => null);
  const group = gid === null || gid === 0 ? "uota" : await groupName(gid);
  return new UotaError(
    "daemon_denied",
    `This user may not ask the daemon at ${path}, which is for the group ${group}: join it with ` +
      `sudo usermod -aG ${group} "$USER" and log in again, or run the command with sudo`,
  );
}

class ControlClient implements Gateway {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  async update(request: UpdateRequest, options: RunOptions): Promise<UpdateReport> {
    const archive = typeof request.archive === "string"
      ? await this.#handOver(request.archive, options.signal)
      : request.archive;
    const sent: SentUpdateRequest = { ...request, archive };
    return await this.#work(PATHS.update, { sent, schema: updateReportSchema, ...options });
  }

  async rollback(request: RollbackRequest, options: RunOptions): Promise<readonly Outcome[]> {
    return await this.#work(PATHS.rollback, { sent: request, schema: outcomesSchema, ...options });
  }

  async boards(options: RunOptions): Promise<readonly AttachedBoard[]> {
    return await this.#work(PATHS.boards, { sent: {}, schema: attachedBoardsSchema, ...options });
  }

  async status(options: AskOptions): Promise<readonly BoardStatus[]> {
    const call = { method: "GET", path: PATHS.status } as const;
    return await this.#result(call, { schema: statusSchema, ...options });
  }

  async history(
    selectors: readonly string[],
    options: AskOptions,
  ): Promise<readonly AttemptRecord[]> {
    const query = new URLSearchParams(selectors.map((selector) => ["board", selector]));
    const call = { method: "GET", path: `${PATHS.history}?${query}` } as const;
    return await this.#result(call, { schema: historySchema, ...options });
  }

  /** The daemon's user may not be able to read the file. */
  async #handOver(file: string, signal: AbortSignal): Promise<KeptArchive> {
    const content = await readArchive(file, { signal });
    const query = new URLSearchParams({ name: basename(file) });
    return await callForDocument({
      socketPath: this.#path,
      method: "PUT",
      path: `${PATHS.archives}?${query}`,
      body: { type: "application/octet-stream", content },
      signal,
    }, keptArchiveSchema);
  }

  /** What touches boards. */
  async #work<Schema extends z.ZodType>(
    path: string,
    { sent, ...options }: RunOptions & { readonly sent: unknown; readonly schema: Schema },
  ): Promise<z.output<Schema>> {
    const body = { type: "application/json", content: JSON.stringify(sent) };
    try {
      return await this.#result({ method: "POST", path, body }, options);
    } catch (error) {
      if (options.signal.aborted) {
        options.log?.(
          "The daemon was told to stop. A board that is past its commit point it brings to an end " +
            "by itself: see uota history",
        );
      }
      throw error;
    }
  }

  async #result<Schema extends z.ZodType>(
    call: Pick<ControlCall, "method" | "path" | "body">,
    { schema, signal, log, onProgress }: RunOptions & { readonly schema: Schema },
  ): Promise<z.output<Schema>> {
    for await (const event of callForEvents({ ...call, socketPath: this.#path, signal })) {
      switch (event.event) {
        case "progress":
          onProgress?.(event.progress);
          break;
        case "log":
          log?.(event.line);
          break;
        case "result":
          return checkedAnswer(event.result, schema);
        case "error":
          throw new UotaError(event.error.code, event.error.message);
      }
    }
    throw gone(this.#path);
  }
}
