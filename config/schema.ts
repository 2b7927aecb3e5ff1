/**
 * The shape of `gateway.toml`: sections, keys, types, defaults. What a value may be is in
 * `values.ts`, what must hold between values in `consistency.ts`. Only `mod.ts` uses this.
 */
import { z } from "zod";
import * as values from "./values.ts";

function text(rule?: values.Rule<string>) {
  return checked(z.string(), rule);
}

function number(rule: values.Rule<number>) {
  return checked(z.number(), rule);
}

/** Empty means that there is none; anything else must satisfy the rule. */
function optionalText(rule: values.Rule<string>) {
  return text((value) => value === "" ? null : rule(value)).optional();
}

function checked<Value, Schema extends z.ZodType<Value>>(
  schema: Schema,
  rule: values.Rule<Value> = () => null,
) {
  return schema.superRefine((value, context) => {
    const problem = rule(value);
    if (problem !== null) context.addIssue({ code: "custom", message: problem });
  });
}

const boardPaths = z.array(text(values.boardPathProblem));

/** The keys that `[defaults]` and `[[board]]` share. */
const settings = {
  baud: number(values.baudProblem).optional(),
  exclude: boardPaths.optional(),
  delete: boardPaths.optional(),
  auto: z.boolean().optional(),
  pin: text(values.pinProblem).optional(),
  confirm: text(values.confirmProblem).optional(),
  ready: text().optional(),
  watchdog: optionalText(values.watchdogProblem),
  restarts: z.boolean().optional(),
};

/** A header whose value systemd hands over. */
const credentialHeader = z.strictObject({
  credential: text(values.credentialProblem),
  prefix: text(values.headerValueProblem).optional(),
});

const headerValue = z.union([text(values.headerValueProblem), credentialHeader]);

const source = z.strictObject({
  url: text(values.urlProblem),
  poll_interval: text(values.pollIntervalProblem).optional(),
  pubkey_hash: text(values.pubkeyHashProblem).optional(),
  ca_file: text().optional(),
  headers: z.record(z.string(), headerValue).superRefine((headers, context) => {
    for (const name of Object.keys(headers)) {
      const problem = values.headerNameProblem(name);
      if (problem !== null) {
        context.addIssue({ code: "custom", message: problem, path: [name] });
      }
    }
  }).optional(),
  require: z.enum(["sha256", "signature", "none"]).optional(),
  public_keys: z.array(text()).optional(),
});

const gateway = z.strictObject({
  state_dir: text((value) => value === "" ? "is empty, leave it out for the default" : null)
    .optional(),
  control_socket: optionalText(values.socketPathProblem),
  ports: z.array(text(values.portGlobProblem)).min(1, "is empty, so no board could be found")
    .optional(),
  jobs: number(values.jobsProblem).optional(),
});

const match = z.strictObject({
  uid: text(values.uidProblem).optional(),
  port: text(values.portPathProblem).optional(),
  usb_serial: text(values.usbSerialProblem).optional(),
}).refine((match) => Object.keys(match).length === 1, {
  message: 'must have one of uid, port and usb_serial, as in { uid = "e6614103e7" }',
  // A mistyped key is reported as such; that none is left then follows from it.
  when: ({ issues }) => issues.length === 0,
});

const board = z.strictObject({
  name: text(values.boardNameProblem),
  group: optionalText(values.groupNameProblem),
  match,
  url: optionalText(values.urlProblem),
  ...settings,
});

const defaults = z.strictObject(settings);

/** A whole file. Keys that are left out stay out: `mod.ts` puts the defaults in. */
export const fileSchema = z.strictObject({
  source,
  gateway: gateway.optional(),
  defaults: defaults.optional(),
  board: z.array(board).optional(),
});

/** What a file says once its shape is known to be right. */
export type FileContent = z.output<typeof fileSchema>;

/** The settings as one section of a file says them. */
export type FileSettings = z.output<typeof defaults>;

/** The keys of each section, by the name that messages give it. */
export const KEYS_BY_SECTION: ReadonlyMap<string, readonly string[]> = new Map([
  ["", Object.keys(fileSchema.shape)],
  ["source", Object.keys(source.shape)],
  ["source.headers", Object.keys(credentialHeader.shape)],
  ["gateway", Object.keys(gateway.shape)],
  ["defaults", Object.keys(defaults.shape)],
  ["board", Object.keys(board.shape)],
  ["board.match", Object.keys(match.shape)],
]);
