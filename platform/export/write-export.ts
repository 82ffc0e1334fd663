import { createHash } from "node:crypto";
import { type FileHandle, mkdir, open, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { inBoth, link, pageEnd, pageStart, recordPart } from "./export-page.ts";
import { gather, type PersonData } from "./gathered.ts";

const format = "douya-export";
const version = 1;

export interface Manifest {
  format: typeof format;
  version: typeof version;
  madeAt: string;
  person: PersonData["person"];
  files: { name: string; path: string; records: number; bytes: number; sha256: string }[];
  media: { files: number; bytes: number };
  /** Videos and pictures that records name and that could not be read. */
  missing: number;
}

export interface ExportedMedia {
  /** Where the first of these blobs that there is now is, from the folder on; null: there is none. */
  best(keys: readonly string[]): Promise<string | null>;
  /** At the end: what was taken. */
  settle(): Promise<{ files: number; bytes: number }>;
}

export type OnFile = (done: number, of: number) => void | Promise<void>;

/** Writes records and pages into an empty folder, and the manifest last. */
export async function writeExport(
  dir: string,
  data: PersonData,
  media: ExportedMedia,
  onFile: OnFile = () => {},
): Promise<Manifest> {
  for (const part of ["data", "pages"]) await mkdir(join(dir, part), { recursive: true, mode: 0o700 });
  const files: Manifest["files"] = [];
  let missing = 0;
  for (const file of data.files) {
    await onFile(files.length, data.files.length);
    const json = await openText(dir, `data/${file.name}.json`);
    const page = await openText(dir, `pages/${file.name}.html`);
    let records = 0;
    try {
      await json.write("[");
      await page.write(`${pageStart(inBoth(file.about))}<p>${link("../index.html", "↩")}</p>\n`);
      for await (const gathered of gather(data, file)) {
        const whole: Record<string, unknown>[] = [];
        for (const { record, media: wanted } of gathered) {
          const shown: { what: string; file: string | null; alt?: string }[] = [];
          for (const { keys, ...named } of wanted) shown.push({ ...named, file: await media.best(keys) });
          missing += shown.filter((one) => one.file === null).length;
          whole.push(shown.length > 0 ? { ...record, media: shown } : record);
        }
        await json.write(
          whole.map((record, i) => `${records + i > 0 ? "," : ""}\n${JSON.stringify(record)}`).join(""),
        );
        await page.write(whole.map((record) => recordPart(record, "../")).join(""));
        records += whole.length;
      }
      await json.write("\n]\n");
      await page.write(pageEnd);
    } finally {
      await page.close();
      await json.close();
    }
    files.push({ name: file.name, path: json.path, records, ...json.measured() });
  }
  const manifest: Manifest = {
    ...{ format, version, madeAt: new Date().toISOString(), person: data.person, files },
    media: await media.settle(),
    missing,
  };
  await writeFile(join(dir, "index.html"), indexPage(data, manifest));
  await writeFile(join(dir, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  await onFile(files.length, files.length);
  return manifest;
}

function indexPage(data: PersonData, { person, madeAt, files }: Manifest): string {
  const lines = data.files.map(({ name, about }) => {
    const { records, path } = files.find((file) => file.name === name)!;
    return `<li>${link(`pages/${name}.html`, inBoth(about))}: ${records} (${link(path, "JSON")})</li>`;
  });
  return `${pageStart(`豆芽 Douya: @${person.username}`)}<p>${madeAt}</p>\n<ul>\n${lines.join("\n")}\n</ul>\n${pageEnd}`;
}

/** A text that is written piece by piece, and measured. */
async function openText(dir: string, path: string) {
  const handle: FileHandle = await open(join(dir, path), "w", 0o600);
  const hash = createHash("sha256");
  let bytes = 0;
  return {
    path,
    async write(text: string) {
      const written = Buffer.from(text);
      hash.update(written);
      bytes += written.length;
      await handle.appendFile(written);
    },
    close: () => handle.close(),
    measured: () => ({ bytes, sha256: hash.digest("hex") }),
  };
}
