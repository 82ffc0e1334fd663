import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { listBackups, type Manifest, readManifest, readProof } from "#platform/backup/manifest.ts";
import { blobPath } from "#platform/backup/parts.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sha256Of } from "./copy-blobs.ts";
import { readBlobList } from "./read-backup.ts";

/** Removes what was begun and is no backup. */
export async function removeUnfinished(target: BackupTarget): Promise<void> {
  await target.removeUnfinished();
  const complete = new Set(await listBackups(target));
  for await (const { path } of target.list("backups/"))
    if (!complete.has(path.split("/")[1]!)) await target.remove(path);
}

interface Options {
  installation: string;
  keep: number;
  secret: string;
  say(line: string): void;
}

/** Keeps the newest backups, and of older ones the newest that is proven; then the files that none of them has go. */
export async function removeOldBackups(
  target: BackupTarget,
  { installation, keep, secret, say }: Options,
): Promise<void> {
  const ids = (await listBackups(target)).reverse();
  const kept = new Set(ids.slice(0, keep));
  const proven = await newestProven(target, ids);
  if (proven) kept.add(proven);
  const leaving = ids.filter((id) => !kept.has(id));
  if (leaving.length === 0) return;

  // All that stays is read before anything goes.
  const needed = new Set<string>();
  for (const id of kept) {
    const manifest = await readable(id);
    if (!manifest || manifest.installation !== installation) {
      say(`Nothing old is removed: what ${id} consists of cannot be read.`);
      return;
    }
    const own = manifest.keyCheck === "" ? "" : secret;
    for await (const { key } of readBlobList(target, manifest, own)) needed.add(blobPath(sha256Of(key), own));
  }
  for (const id of leaving) {
    // Without its manifest it is none, should this end here.
    await target.remove(`backups/${id}/manifest.json`);
    for await (const { path } of target.list(`backups/${id}/`)) await target.remove(path);
  }
  let files = 0;
  for await (const { path } of target.list("blobs/"))
    if (!needed.has(path)) {
      await target.remove(path);
      files++;
    }
  say(`${leaving.length} old backups and ${files} files that no other one has are removed.`);

  async function readable(id: string): Promise<Manifest | undefined> {
    return readManifest(target, id, secret).catch((error) => {
      if (error instanceof DomainError) return undefined;
      throw error;
    });
  }
}

async function newestProven(target: BackupTarget, newestFirst: string[]): Promise<string | undefined> {
  for (const id of newestFirst) if ((await readProof(target, id))?.isProven) return id;
  return undefined;
}
