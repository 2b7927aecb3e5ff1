/** Sources and releases for tests against servers. */

import { createHash } from "node:crypto";
import type { SourceOptions } from "../../../agent/release/source.ts";
import { archive } from "./tar_writer.ts";

/** A source without any of the options that a test does not name. */
export function source(url: string, options: Partial<SourceOptions> = {}): SourceOptions {
  return { url, pubkeyHash: "", caFile: "", headers: {}, require: "sha256", ...options };
}

/** An archive, and the notice that fits it. */
export function publication(
  version = "2.0.1",
  files: Readonly<Record<string, string>> = {},
): { readonly latest: string; readonly "fw.tar.gz": Uint8Array<ArrayBuffer> } {
  const bytes = archive(
    { name: "main.py", content: "print(1)\n" },
    { name: "version", content: `${version}\n` },
    ...Object.entries(files).map(([name, content]) => ({ name, content })),
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  return { "latest": `${version};fw.tar.gz;8;${sha256}\n`, "fw.tar.gz": bytes };
}

/** A signal that nobody aborts. */
export function never(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal };
}
