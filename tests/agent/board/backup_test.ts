/** What the gateway keeps of boards whose files are replaced where they are, on a real disk. */
import { type Backup, BackupShelf } from "../../../agent/board/backup.ts";
import { UotaError } from "../../../errors/mod.ts";
import { sha256Hex } from "../../../serial/mod.ts";
import { assert, assertEquals } from "../../assert.ts";

const CONTENT = new TextEncoder().encode("print('old')\n");
const BACKUP: Backup = {
  form: 2,
  archiveSha256: "ab".repeat(32),
  version: "2.0",
  entries: [{
    ...{ kind: "file", path: "main.py", content: CONTENT.toBase64() },
    sha256: sha256Hex(CONTENT),
  }],
  puts: [{ path: "main.py", sha256: "cd".repeat(32) }],
};

async function withShelf(
  act: (shelf: BackupShelf, directory: string) => Promise<void>,
): Promise<void> {
  const directory = await Deno.makeTempDir({ prefix: "uota-shelf-" });
  try {
    await act(
      new BackupShelf(directory, (error) => new UotaError("internal", `${error}`)),
      directory,
    );
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

Deno.test("BackupShelf keeps a backup until it is removed, and several of one port", async () => {
  await withShelf(async (shelf, directory) => {
    const first = await shelf.save("port:/dev/ttyACM0", BACKUP);
    const second = await shelf.save("port:/dev/ttyACM0", { ...BACKUP, version: "3.0" });
    // Another agent process reads them.
    const other = new BackupShelf(directory, () => new UotaError("internal", ""));
    const versions = (await other.load("port:/dev/ttyACM0")).map(({ backup }) => backup.version);
    assertEquals(versions.toSorted(), ["2.0", "3.0"]);
    assertEquals(await other.load("port:/dev/ttyACM"), []);
    await shelf.remove(first.name);
    assertEquals((await shelf.load("port:/dev/ttyACM0")).map(({ name }) => name), [second.name]);
  });
});

Deno.test("BackupShelf.save() keeps a bounded number of one port", async () => {
  await withShelf(async (shelf) => {
    for (let index = 0; index < 20; index++) {
      await shelf.save("port:/dev/ttyACM0", { ...BACKUP, version: `${index}` });
    }
    assert((await shelf.load("port:/dev/ttyACM0")).length <= 8);
  });
});

Deno.test("BackupShelf.load() reads the first form, and nothing that is damaged or of a later one", async () => {
  await withShelf(async (shelf, directory) => {
    const { form: _form, puts: _puts, ...first } = BACKUP;
    const entries = [{ kind: "file", path: "main.py", content: CONTENT.toBase64() }];
    await Deno.mkdir(`${directory}/backups`);
    const write = (text: string) => Deno.writeTextFile(`${directory}/backups/aa01.json`, text);
    await write(JSON.stringify({ ...first, entries }));
    assertEquals((await shelf.load("aa01")).map(({ backup }) => backup.version), ["2.0"]);
    const text = JSON.stringify(BACKUP);
    await write(text);
    assertEquals((await shelf.load("aa01")).length, 1);
    // One letter of the content, which is still base64.
    await write(text.replace(CONTENT.toBase64(), CONTENT.toBase64().replace("c", "d")));
    assertEquals(await shelf.load("aa01"), []);
    await write(JSON.stringify({ ...BACKUP, form: 3 }));
    assertEquals(await shelf.load("aa01"), []);
  });
});
