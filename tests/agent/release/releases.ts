/** Releases for tests of what comes after verification: the only way to one is verification. */
import { type Release, verifyArchive } from "../../../agent/release/verify.ts";
import { archive, type Entry } from "./tar_writer.ts";

/** Verifies an archive of these files, whose names may end in a slash for empty directories. */
export async function releaseOf(
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<Release> {
  const entries = Object.entries(files).map(([name, content]): Entry =>
    name.endsWith("/") ? { name, typeflag: "5" } : { name, content }
  );
  return await verifyArchive(archive(...entries), {
    notice: null,
    name: "firmware.tar.gz",
    require: "none",
    isPinned: false,
  });
}
