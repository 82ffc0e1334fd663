import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { PassThrough, type Readable } from "node:stream";
import { ZipFile } from "yazl";
import { type BlobStore, isBlobKey } from "../blob/blob-store.ts";
import { mediaDir } from "./export-media.ts";
import type { PersonData } from "./gathered.ts";
import { type Manifest, type OnFile, writeExport } from "./write-export.ts";

/**
 * The same as a ZIP, which `use` reads to its end. Videos and pictures go from their store into it; only texts are on the
 * local disk meanwhile.
 */
export async function exportZip<T>(
  data: PersonData,
  blobs: Pick<BlobStore, "size" | "read">,
  onFile: OnFile,
  use: (zip: Readable, manifest: Manifest) => Promise<T>,
): Promise<T> {
  const dir = await mkdtemp(join(tmpdir(), "douya-export-"));
  try {
    const taken = new Map<string, number>();
    const manifest = await writeExport(
      dir,
      data,
      {
        async best(keys) {
          for (const key of keys) {
            const size = taken.get(key) ?? (isBlobKey(key) ? await blobs.size(key) : undefined);
            if (size === undefined) continue;
            taken.set(key, size);
            return `${mediaDir}/${key}`;
          }
          return null;
        },
        settle: async () => ({
          files: taken.size,
          bytes: [...taken.values()].reduce((sum, size) => sum + size, 0),
        }),
      },
      onFile,
    );
    const zip = new ZipFile();
    const out = new PassThrough();
    zip.on("error", (error: Error) => out.destroy(error));
    zip.outputStream.on("error", (error: Error) => out.destroy(error));
    for (const path of [
      "index.html",
      ...manifest.files.flatMap(({ name, path }) => [path, `pages/${name}.html`]),
    ])
      zip.addFile(join(dir, path), path);
    for (const [key, size] of taken)
      zip.addReadStreamLazy(`${mediaDir}/${key}`, { compress: false, size }, (read) => {
        const content = blobs.read(key);
        content.once("error", (error) => out.destroy(error));
        read(null, content);
      });
    zip.addFile(join(dir, "manifest.json"), "manifest.json");
    zip.end();
    zip.outputStream.pipe(out);
    return await use(out, manifest);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
