import { rename, rm, stat } from "node:fs/promises";
import { join, resolve } from "node:path";
import type { BlobStore } from "../blob/blob-store.ts";
import { refusal } from "../errors/reasons.ts";
import { exportMedia } from "./export-media.ts";
import type { PersonData } from "./gathered.ts";
import { type Manifest, type OnFile, writeExport } from "./write-export.ts";

/**
 * Writes everything of a person into a folder that does not exist. It is made beside it and gets its name when it is
 * whole; what was copied before an interruption is taken over by the next try. Error: EXPORT_FOLDER_EXISTS.
 */
export async function exportFolder(
  to: string,
  data: PersonData,
  blobs: BlobStore,
  onFile: OnFile,
): Promise<Manifest> {
  const target = resolve(to);
  if (await stat(target).catch(() => undefined)) throw refusal("EXPORT_FOLDER_EXISTS", { folder: target });
  // Of one person only: nothing of another's is ever taken over.
  const dir = `${target}.${data.person.id}.partial`;
  for (const part of ["data", "pages", "manifest.json"])
    await rm(join(dir, part), { recursive: true, force: true });
  const manifest = await writeExport(dir, data, exportMedia(dir, blobs), onFile);
  await rename(dir, target);
  return manifest;
}
