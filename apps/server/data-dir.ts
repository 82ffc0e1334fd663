import { mkdir, readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { closeFolder } from "#platform/blob/close-folder.ts";
import { folderError } from "#platform/postgres/postgres-errors.ts";
import { canLendAccess } from "#platform/postgres/run-as.ts";

/** Makes the data folder, in which nobody else may read. Errors: FOLDER_UNUSABLE and its kind. */
export async function makeDataDir(dir: string): Promise<void> {
  try {
    await makeFolders(dir);
    await writeFile(join(dir, ".writable"), "");
    if (await isOwn(dir))
      await closeFolder(dir, process.getuid?.() === 0 && !(await canLendAccess()) ? 0o711 : 0o700);
  } catch (error) {
    throw folderError(error, dir, dir);
  }
}

/**
 * Whether a data folder contains only our data: root may name one that the whole machine needs, such as /proc or /.
 */
async function isOwn(dir: string): Promise<boolean> {
  const names = await readdir(dir);
  return names.includes("blobs") || names.every((name) => name === ".writable");
}

/** Not mkdir's `recursive`: it never returns below /proc, which exists and accepts no folder. */
async function makeFolders(dir: string): Promise<void> {
  const make = () =>
    mkdir(dir).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  await make().catch(async (error) => {
    if (error.code !== "ENOENT" || dirname(dir) === dir) throw error;
    await makeFolders(dirname(dir));
    await make();
  });
}
