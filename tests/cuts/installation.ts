/**
 * The installations that are cut again and again. The usual one: 12 files in 3 directories, 2 of
 * them excluded, 3 deletes, one file replaced by a directory, and files of the board's own that no
 * plan names. Contents are such that every page and every chunk
 * differs.
 */
import { createHash } from "node:crypto";
import type { FileTree } from "../boards/mod.ts";
import { archive } from "../agent/release/tar_writer.ts";

/** The release before the old one, for boards that the gateway has installed that on itself. */
export const FIRST_VERSION = "0.9.0";
export const OLD_VERSION = "1.0.0";
export const NEW_VERSION = "1.1.0";
export const ARCHIVE_NAME = "firmware.tar.gz";

/** The gateway's own additions, for `[defaults]`. */
export const GATEWAY_EXCLUDES: readonly string[] = ["lib/calibration.py"];

type Files = Readonly<Record<string, string>>;

/** What the release's main.py does. */
export type Program = "ends" | "runs" | "raises" | "resets";

/** Files before and after, and what no update may touch. */
export interface Installation {
  /** What is on the board before. */
  readonly old: FileTree;
  /** The board with the release. */
  readonly new: FileTree;
  /** Paths that no update may touch. */
  readonly untouched: ReadonlySet<string>;
  /** What a web server has to serve, by name: the release, and the old one as a release. */
  readonly published: Readonly<Record<"new" | "old", ReadonlyMap<string, Uint8Array<ArrayBuffer>>>>;
}

const MAIN = (version: string) => `print("release ${version}")\n`;

const PROGRAMS: Readonly<Record<Program, string>> = {
  ends: "",
  runs: "import time\nwhile True:\n    time.sleep_ms(20)\n",
  raises: "raise ValueError('not on this board')\n",
  // It works for a moment first, as programs do: where not even that is, no host gets in between two
  // resets of a chip whose USB comes up with it.
  resets: "import machine, time\ntry:\n    time.sleep_ms(200)\n    raise ValueError()\n" +
    "except Exception:\n    machine.reset()\n",
};

const OLD_FILES: Files = {
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
};

/** Of the board itself. */
const OWN_FILES: Files = {
  "data/log.txt": filler("log", 2000),
  "notes.txt": "nobody names this\n",
};

/** The release: 12 files, in three directories and beside them. */
const NEW_FILES: Files = {
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

/** The usual installation. */
export function usualInstallation(program: Program): Installation {
  return installationOf({ oldFiles: OLD_FILES, newFiles: NEW_FILES, own: OWN_FILES, program });
}

/**
 * A board whose commit was cut after some of its operations, and whose file system has damaged the
 * journal since: it is of two releases, and only a whole one mends it.
 */
export function damagedInstallation(): Installation {
  const usual = usualInstallation("ends");
  const half: FileTree = new Map([
    ...usual.old,
    ...treeOf({ "lib/net.py": NEW_FILES["lib/net.py"] ?? "", "lib/util.py": "half of it\n" }),
    ...treeOf({
      ".uota/journal": "uota-gateway 1 is damaged\n",
      ".uota/old/1": OLD_FILES["lib/net.py"] ?? "",
      ".uota/new/2": NEW_FILES["main.py"] ?? "",
    }),
  ]);
  return { ...usual, old: half };
}

function installationOf({ oldFiles, newFiles, own, program }: {
  readonly oldFiles: Files;
  readonly newFiles: Files;
  readonly own: Files;
  readonly program: Program;
}): Installation {
  const isRemoved = (path: string) =>
    REMOVED.some((gone) => path === gone || path.startsWith(`${gone}/`));
  const released = { ...newFiles, "main.py": `${MAIN(NEW_VERSION)}${PROGRAMS[program]}` };
  const old = treeOf({ ...oldFiles, ...own });
  const stays = Object.entries({ ...oldFiles, ...own }).filter(([path]) => !isRemoved(path));
  const put = Object.entries(released).filter(([path]) => !KEPT.has(path));
  return {
    old,
    new: treeOf(Object.fromEntries([...stays, ...put])),
    untouched: untouchedPaths(old, released),
    published: { new: published(released), old: published(oldFiles) },
  };
}

/** As the board was before the old release; the gateway has not installed this. */
export function firstTree({ old }: Installation): FileTree {
  return new Map([...old, ...treeOf({ "version": `${FIRST_VERSION}\n` })]);
}

function untouchedPaths(old: FileTree, released: Files): Set<string> {
  const named = [...old.keys()].filter((path) => !REMOVED.includes(path.slice(1)));
  return new Set(
    named.filter((path) =>
      KEPT.has(path.slice(1)) || (!(path.slice(1) in released) && !isBelowRemoved(path))
    ),
  );
}

function isBelowRemoved(path: string): boolean {
  return REMOVED.some((gone) => `${path}/`.startsWith(`/${gone}/`));
}

function published(files: Files): ReadonlyMap<string, Uint8Array<ArrayBuffer>> {
  const bytes = archive(...Object.entries(files).map(([name, content]) => ({ name, content })));
  const sha256 = createHash("sha256").update(bytes).digest("hex");
  const version = files["version"]?.trim();
  const notice = new TextEncoder().encode(`${version};${ARCHIVE_NAME};0;${sha256}`);
  return new Map([["latest", notice], [ARCHIVE_NAME, bytes]]);
}

function treeOf(files: Files): FileTree {
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
