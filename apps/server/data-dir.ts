import { mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { closeFolder } from "#platform/blob/close-folder.ts";
import { folderError } from "#platform/postgres/postgres-errors.ts";
import { canLendAccess } from "#platform/postgres/run-as.ts";

/** In a data folder into which a backup is being restored. */
const restoringFile = "restoring.json";

/** A restoration that has not ended. */
export interface Restoring {
  /** Of the backup. */
  id: string;
  pid: number;
}

/** Undefined if there is none. */
export async function readRestoring(dir: string): Promise<Restoring | undefined> {
  const text = await readFile(join(dir, restoringFile), "utf8").catch((error) => {
    if (error.code !== "ENOENT" && error.code !== "ENOTDIR") throw error;
  });
  return text === undefined ? undefined : JSON.parse(text);
}

/** From here on nobody but this process uses the folder. */
export async function beginRestoring(dir: string, id: string): Promise<void> {
  const draft = join(dir, `${restoringFile}.${process.pid}`);
  await writeFile(draft, JSON.stringify({ id, pid: process.pid } satisfies Restoring), { flush: true });
  await rename(draft, join(dir, restoringFile));
}

export const endRestoring = (dir: string) => rm(join(dir, restoringFile));

/**
 * Makes the data folder, in which nobody else may read. Errors: FOLDER_UNUSABLE and its kind, RESTORE_UNFINISHED.
 */
export async function makeDataDir(dir: string): Promise<void> {
  const restoring = await readRestoring(dir);
  if (restoring && restoring.pid !== process.pid) throw refusal("RESTORE_UNFINISHED", { dir });
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
