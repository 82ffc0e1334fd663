import { chmod, stat } from "node:fs/promises";

/**
 * Sets this mode on a folder that strangers may look into; its group may. A folder of another owner stays as it is.
 */
export async function closeFolder(dir: string, mode: number): Promise<void> {
  const { mode: found } = await stat(dir);
  if ((found & 0o027 & ~mode) === 0) return;
  await chmod(dir, mode).catch((error) => {
    if (error.code !== "EPERM") throw error;
  });
}
