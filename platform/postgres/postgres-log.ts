import { copyFile, stat, truncate } from "node:fs/promises";

/**
 * Keeps the server's log within `maxBytes`: a longer one moves to `<path>.1`, replacing the one before. It is emptied
 * in place because the server, which appends, keeps it open.
 */
export async function boundLog(path: string, maxBytes: number): Promise<void> {
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  );
  if (size <= maxBytes) return;
  await copyFile(path, `${path}.1`);
  await truncate(path);
}
