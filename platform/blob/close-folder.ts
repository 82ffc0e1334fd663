import { chmod, stat } from "node:fs/promises";

/** Gives a folder this mode when strangers may look into it; its group may. One that is not ours stays as it is. */
export async function closeFolder(dir: string, mode: number): Promise<void> {
  const { mode: found } = await stat(dir);
  if ((found & 0o027 & ~mode) === 0) return;
  await chmod(dir, mode).catch((error) => {
    if (error.code !== "EPERM") throw error;
  });
}
