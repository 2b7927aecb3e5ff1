/**
 * The one installation that is cut again and again: 12 files in 3 directories, 2 of them excluded,
 * 3 deletes, one file replaced by a directory, and files of the board's own that no plan names.
 * Contents are such that every page and every chunk differs.
 */
import { createHash } from "node:crypto";
import type { FileTree } from "../boards/mod.ts";
import type { ReleaseKind } from "./cut.ts";
import { archive } from "../agent/release/tar_writer.ts";

export const OLD_VERSION = "1.0.0";
export const NEW_VERSION = "1.1.0";
export const ARCHIVE_NAME = "firmware.tar.gz";

/** The gateway's own additions, for `[defaults]`. */
export const GATEWAY_EXCLUDES: readonly string[] = ["lib/calibration.py"];

const MAIN = (version: string) => `print("release ${version}")\n`;

/** What is on the board before. */
const OLD_FILES: Readonly<Record<string, string>> = {
  "boot.py": "# nothing to prepare\n",
  "main.py": MAIN(OLD_VERSION),
  "version": `${OLD_VERSION}\n`,
  "uota.cfg": `{"url": "http://localhost/", "excluded_files": ["secrets.py"]}\n`,
  "secrets.py": "PASSWORD = 'of this board'\n",
  "drivers": "a file where the release has a directory\n",
  "legacy.py": filler("legacy", 300),
  "lib/calibration.py": "OFFSET = 7\n",
  "lib/net.py": filler("old net", 1500),
  "lib/same.py": filler("same", 900),
  "lib/unused.py": filler("unused", 200),
  "old/a.py": filler("old a", 400),
  "old/deep/b.py": filler("old b", 100),
  "data/log.txt": filler("log", 2000),
  "notes.txt": "nobody names this\n",
};

/** What a program has that does not work. */
const FAULT = "raise ValueError('not on this board')\n";

/** The release: 12 files, in three directories and beside them. */
const RELEASE_FILES: Readonly<Record<string, string>> = {
  "boot.py": "# nothing to prepare, in the new way\n",
  "drivers/__init__.py": "",
  "drivers/sensor.py": filler("sensor", 1200),
  "lib/calibration.py": "OFFSET = 0\n",
  "lib/net.py": filler("new net", 5300),
  "lib/same.py": filler("same", 900),
  "lib/util.py": filler("util", 260),
  "main.py": MAIN(NEW_VERSION),
  "secrets.py": "PASSWORD = 'fill in'\n",
  "uota.cfg":
    `{"excluded_files": ["secrets.py"], "delete": ["legacy.py", "old", "lib/unused.py"]}\n`,
  "version": `${NEW_VERSION}\n`,
  "web/index.html": filler("page", 700),
};

const KEPT = new Set(["secrets.py", "lib/calibration.py"]);
const REMOVED = ["legacy.py", "old", "lib/unused.py", "drivers"];

/** The board before. */
export function oldTree(): FileTree {
  return treeOf(OLD_FILES);
}

function releaseFiles(release: ReleaseKind): Readonly<Record<string, string>> {
  if (release === "healthy") return RELEASE_FILES;
  return { ...RELEASE_FILES, "main.py": `${MAIN(NEW_VERSION)}${FAULT}` };
}

/** The board with the release. */
export function newTree(release: ReleaseKind = "healthy"): FileTree {
  const isRemoved = (path: string) =>
    REMOVED.some((gone) => path === gone || path.startsWith(`${gone}/`));
  const own = Object.entries(OLD_FILES).filter(([path]) => !isRemoved(path));
  const put = Object.entries(releaseFiles(release)).filter(([path]) => !KEPT.has(path));
  return treeOf(Object.fromEntries([...own, ...put]));
}

/** Paths that no update may touch. */
export function untouchedPaths(): Set<string> {
  const named = [...oldTree().keys()].filter((path) => !REMOVED.includes(path.slice(1)));
  return new Set(
    named.filter((path) =>
      KEPT.has(path.slice(1)) || (!(path.slice(1) in RELEASE_FILES) && !isBelowRemoved(path))
    ),
  );
}

function isBelowRemoved(path: string): boolean {
  return REMOVED.some((gone) => `${path}/`.startsWith(`/${gone}/`));
}

/** What a web server has to serve, by name. */
export function publishedFiles(
  release: ReleaseKind,
): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const bytes = archive(
    ...Object.entries(releaseFiles(release)).map(([name, content]) => ({ name, content })),
  );
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const notice = new TextEncoder().encode(`${NEW_VERSION};${ARCHIVE_NAME};0;${sha256}`);
  return new Map([["latest", notice], [ARCHIVE_NAME, bytes]]);
}

function treeOf(files: Readonly<Record<string, string>>): FileTree {
  const encoder = new TextEncoder();
  const tree: FileTree = new Map();
  for (const [path, text] of Object.entries(files)) {
    for (let cut = path.indexOf("/"); cut !== -1; cut = path.indexOf("/", cut + 1)) {
      tree.set(`/${path.slice(0, cut)}/`, new Uint8Array());
    }
    tree.set(`/${path}`, encoder.encode(text));
  }
  return tree;
}

/** Python source of `sizeBytes` bytes, no two lines alike, and valid. */
function filler(name: string, sizeBytes: number): string {
  let text = "";
  for (let line = 0; text.length < sizeBytes; line++) {
    text += `# ${name} ${line}: ${(line * 2_654_435_761 % 2 ** 32).toString(36)}\n`;
  }
  return `${text.slice(0, sizeBytes - 1)}\n`;
}
