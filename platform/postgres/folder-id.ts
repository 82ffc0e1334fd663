import { stat } from "node:fs/promises";

/** A folder itself, whichever path leads to it: a copy is another one, a moved or mounted one the same. */
export type FolderId = string;

/** Undefined when there is none, or none that we may look at. */
export async function folderId(path: string): Promise<FolderId | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && `${found.dev}:${found.ino}`;
}
