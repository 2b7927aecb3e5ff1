/** Firmware of boards and releases: files by name, archives of them, notices about those. */
import { createHash } from "node:crypto";
import type { WasmBoard } from "../boards/mod.ts";
import { archive } from "../agent/release/tar_writer.ts";

/** Relative path and content. */
export type Files = Readonly<Record<string, string | Uint8Array>>;

/** The content of a board's flash: the files by their absolute paths. */
export function onBoard(files: Files): Map<string, Uint8Array<ArrayBuffer>> {
  return new Map(Object.entries(files).map(([path, content]) => [`/${path}`, bytesOf(content)]));
}

/** An archive as no person would make it, but as good and without a process. */
export function packed(files: Files): Uint8Array<ArrayBuffer> {
  return archive(...Object.entries(files).map(([name, content]) => ({ name, content })));
}

/** An archive made as uOTA's README says, by tar in the project's directory. */
export async function packedByTar(files: Files): Promise<Uint8Array<ArrayBuffer>> {
  const directory = await Deno.makeTempDir({ prefix: "uota-project-" });
  try {
    for (const [path, content] of Object.entries(files)) {
      const file = `${directory}/project/${path}`;
      await Deno.mkdir(file.slice(0, file.lastIndexOf("/")), { recursive: true });
      await Deno.writeFile(file, bytesOf(content));
    }
    const { code, stderr } = await new Deno.Command("sh", {
      args: ["-c", "tar -czf ../firmware.tar.gz *"],
      cwd: `${directory}/project`,
    }).output();
    if (code !== 0) throw new Error(new TextDecoder().decode(stderr));
    return await Deno.readFile(`${directory}/firmware.tar.gz`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

export interface NoticeOptions {
  /** @default 0 */
  readonly freeKb?: number;
}

/** What a server publishes: the archive, and the notice that fits it. */
export function published(
  version: string,
  content: Uint8Array,
  options: NoticeOptions = {},
): { readonly latest: string; readonly "firmware.tar.gz": Uint8Array } {
  return {
    latest: `${version};firmware.tar.gz;${options.freeKb ?? 0};${sha256(content)}\n`,
    "firmware.tar.gz": content,
  };
}

/** Lower-case hex. */
export function sha256(content: string | Uint8Array): string {
  return createHash("sha256").update(content).digest("hex");
}

/** A tree as `path size hash`, so that differences can be read. */
export function digests(tree: ReadonlyMap<string, Uint8Array>): readonly string[] {
  return [...tree].map(([path, content]) =>
    path.endsWith("/") ? path : `${path} ${content.byteLength} ${sha256(content).slice(0, 16)}`
  ).sort();
}

function bytesOf(content: string | Uint8Array): Uint8Array<ArrayBuffer> {
  return typeof content === "string" ? new TextEncoder().encode(content) : content.slice();
}

/** A program that runs on, and can be interrupted at any time. */
export const PROGRAM = "import time\nwhile True:\n    time.sleep_ms(20)\n";

/** A firmware that runs on, with a program of its own for each version. */
export function firmware(version: string, more: Files = {}): Files {
  return { "main.py": `# ${version}\n${PROGRAM}`, "version": version, ...more };
}

/** Files that differ, and whose content hardly compresses: some seconds of work for a board. */
export function dataFiles(count: number, sizeBytes: number): Files {
  return Object.fromEntries(
    Array.from({ length: count }, (_, index) => {
      const content = new Uint8Array(sizeBytes)
        .map((_, at) => (at * 31 + index * 7) ^ (at >> 5));
      return [`data_${index}.bin`, content];
    }),
  );
}

/** The version in the board's file. */
export async function versionOn(board: WasmBoard): Promise<string> {
  return versionIn(await board.files());
}

/** The version in files or a tree of a board. */
export function versionIn(files: ReadonlyMap<string, Uint8Array>): string {
  return new TextDecoder().decode(files.get("/version"));
}
