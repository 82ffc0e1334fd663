import { randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, open, readdir, rename, rm, rmdir, stat, statfs } from "node:fs/promises";
import { dirname, join } from "node:path";
import { isDiskFull } from "../errors/disk-full.ts";
import { refusal } from "../errors/reasons.ts";
import type { BackupTarget } from "./backup-target.ts";

/** What is being written. */
const unfinished = ".unfinished";

/** Backups in a folder, which only this account may read. */
export function folderTarget(dir: string): BackupTarget {
  async function* filesIn(path: string): AsyncGenerator<{ path: string; sizeBytes: number }> {
    const entries = await readdir(join(dir, path), { withFileTypes: true }).catch(unlessMissing);
    for (const entry of entries ?? []) {
      const inner = path === "" ? entry.name : `${path}/${entry.name}`;
      if (entry.isDirectory()) yield* filesIn(inner);
      else if (entry.isFile()) {
        const found = await stat(join(dir, inner)).catch(unlessMissing);
        if (found) yield { path: inner, sizeBytes: found.size };
      }
    }
  }
  return {
    name: dir,
    async put(path, source) {
      const target = join(dir, path);
      const draft = join(dir, `${path}.${randomUUID()}${unfinished}`);
      const made = await mkdir(dirname(target), { recursive: true, mode: 0o700 });
      let sizeBytes = 0;
      try {
        const file = await open(draft, "wx", 0o600);
        try {
          for await (const bytes of source) {
            await file.writeFile(bytes);
            sizeBytes += bytes.length;
          }
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(draft, target);
      } catch (error) {
        await rm(draft, { force: true });
        if (!isDiskFull(error)) throw error;
        throw refusal(
          "BACKUP_NO_ROOM",
          `The disk of ${dir} is full. Free some of it, or choose another place.`,
        );
      }
      // The new name must survive a power cut, and so must the folders made for it.
      const top = made === undefined ? dirname(target) : dirname(made);
      for (let folder = dirname(target); folder !== dirname(top); folder = dirname(folder))
        await sync(folder);
      return sizeBytes;
    },
    read: (path) => createReadStream(join(dir, path), { highWaterMark: 256 * 1024 }),
    size: async (path) => (await stat(join(dir, path)).catch(unlessMissing))?.size,
    async *list(prefix) {
      const folder = prefix.slice(0, Math.max(0, prefix.lastIndexOf("/")));
      for await (const found of filesIn(folder))
        if (found.path.startsWith(prefix) && !found.path.endsWith(unfinished)) yield found;
    },
    async remove(path) {
      await rm(join(dir, path), { force: true });
      // The folder of a backup goes with its last file.
      await rmdir(dirname(join(dir, path))).catch(() => {});
    },
    async removeUnfinished() {
      for await (const { path } of filesIn("")) if (path.endsWith(unfinished)) await rm(join(dir, path));
    },
    async freeBytes() {
      await mkdir(dir, { recursive: true, mode: 0o700 });
      const { bavail, bsize } = await statfs(dir);
      return bavail * bsize;
    },
  };
}

async function sync(folder: string): Promise<void> {
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function unlessMissing(error: NodeJS.ErrnoException): undefined {
  if (error.code !== "ENOENT") throw error;
}
