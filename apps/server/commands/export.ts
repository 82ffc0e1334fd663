import { refusal } from "#contracts/reasons.ts";
import { exportFolder } from "#platform/export/export-folder.ts";
import type { PersonData } from "#platform/export/gathered.ts";
import type { OwnData } from "#platform/export/own-data.ts";
import { readConfig } from "../config.ts";
import { openBlobs } from "../open-blobs.ts";
import type { Databases } from "../open-databases.ts";
import { progressBar } from "../progress-bar.ts";
import { modulesOf } from "../targets.ts";
import type { Command } from "./command.ts";
import { withDatabases } from "./with-databases.ts";

const pageSize = 500;

export const exportCommand: Command = {
  summary:
    "export NAME --to=FOLDER: everything of a person, to be read and taken along, with videos and pictures; while a server runs too",
  options: { to: { type: "string" } },
  positionals: true,
  async run({ to }, [name, ...more]) {
    if (name === undefined || more.length > 0 || typeof to !== "string" || to === "")
      throw refusal("ARGUMENT_INVALID", "Say: douya export NAME --to=FOLDER.");
    const { blobs } = await openBlobs(readConfig(), []);
    await withDatabases(async (databases) => {
      const data = await dataOf(databases, name);
      const progress = progressBar();
      const { files, media, missing } = await exportFolder(to, data, blobs, (done, total) =>
        progress("files", done, total),
      );
      const records = files.reduce((sum, file) => sum + file.records, 0);
      console.log(
        `${data.person.username}: ${records} records, ${media.files} videos and pictures (${Math.ceil(media.bytes / 1e6)} MB) in ${to}`,
      );
      if (missing === 0) return;
      process.exitCode = 1;
      console.log(`${missing} videos and pictures could not be read; see: douya blobs verify`);
    });
  },
};

/** What the modules keep of somebody, each in its own database. Error: USER_NOT_FOUND. */
async function dataOf(databases: Databases, username: string): Promise<PersonData> {
  const parts = modulesOf("all").flatMap(({ module: { name, ownData } }) =>
    // biome-ignore lint/suspicious/noExplicitAny: each module has tables of its own.
    ownData ? [{ db: databases.of(name).of<any>(name), own: ownData as OwnData<any> }] : [],
  );
  const { db, people } = parts.flatMap(({ db, own: { people } }) => (people ? [{ db, people }] : []))[0]!;
  const person = await people.find(db, username);
  if (!person) throw refusal("USER_NOT_FOUND", `There is nobody called ${username}.`);
  return {
    person,
    files: parts.flatMap(({ db, own }) =>
      Object.entries(own.files).map(([name, { about, page }]) => ({
        ...{ name, about },
        page: (after: string | undefined) => page(db, person.id, after, pageSize),
      })),
    ),
    async counts(postIds) {
      const counted = await Promise.all(parts.map(({ db, own }) => own.counts?.(db, postIds)));
      return new Map(
        postIds.map((id) => [id, Object.assign({}, ...counted.map((counts) => counts?.get(id)))]),
      );
    },
    named: (ids) => people.named(db, ids),
  };
}
