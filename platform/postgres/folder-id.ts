import { stat } from "node:fs/promises";

/** The identity of a folder, whichever path leads to it: a copy differs, a moved or mounted one is the same. */
export type FolderId = string;

/** Undefined if there is none, or none that we may look at. */
export async function folderId(path: string): Promise<FolderId | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
