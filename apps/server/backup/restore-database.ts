import { mkdir, open, readdir, rename, rm, truncate } from "node:fs/promises";
import { join } from "node:path";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { bytesOf, type WalStart } from "#platform/backup/base-backup.ts";
import type { Manifest } from "#platform/backup/manifest.ts";
import { unpackTar } from "#platform/backup/read-tar.ts";
import type { Progress } from "#platform/module/module.ts";
import { adoptFolder } from "#platform/postgres/adopted-folder.ts";
import { readPartOf } from "./read-backup.ts";

const megabyte = 1024 * 1024;
/** Of the server that was backed up. */
const left = /^(\.s\.PGSQL\..*|postmaster\.(pid|opts))$/;

/**
 * Makes the folder `dir` the data folder of PostgreSQL as it was; it appears when it is complete. Error: BACKUP_DAMAGED.
 */
export async function restoreDatabase(
  target: BackupTarget,
  manifest: Manifest,
  dir: string,
  { secret, show }: { secret: string; show: Progress },
): Promise<void> {
  const draft = `${dir}.restoring`;
  await rm(draft, { recursive: true, force: true });
  await mkdir(draft, { mode: 0o700 });
  try {
    const total = manifest.parts.postgres.rawBytes + manifest.parts.wal.rawBytes;
    let done = 0;
    const shown = async function* (bytes: AsyncIterable<Buffer>) {
      for await (const some of bytes) {
        done += some.length;
        show("database", Math.ceil(done / megabyte), Math.ceil(total / megabyte));
        yield some;
      }
    };
    await unpackTar(shown(readPartOf(target, manifest, "postgres", secret)), draft);
    for (const name of await readdir(draft)) if (left.test(name)) await rm(join(draft, name));
    const wal = shown(readPartOf(target, manifest, "wal", secret));
    await unpackWal(wal, manifest.database.wal, join(draft, "pg_wal"));
    if (!manifest.database.isEmbedded) await adoptFolder(draft, manifest.database.name);
    await rename(draft, dir);
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Cuts it into files as PostgreSQL does, the last of which ends with nothing. */
async function unpackWal(
  bytes: AsyncIterable<Buffer>,
  { timeline, position, segmentBytes }: WalStart,
  dir: string,
): Promise<void> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  let segment = bytesOf(position) / BigInt(segmentBytes);
  let written = 0;
  let file = await open(join(dir, walName(timeline, segment, segmentBytes)), "w", 0o600);
  try {
    for await (const some of bytes)
      for (let rest = some; rest.length > 0; ) {
        if (written === segmentBytes) {
          await file.close();
          file = await open(join(dir, walName(timeline, ++segment, segmentBytes)), "w", 0o600);
          written = 0;
        }
        const part = rest.subarray(0, segmentBytes - written);
        await file.writeFile(part);
        written += part.length;
        rest = rest.subarray(part.length);
      }
  } finally {
    await file.close();
  }
  await truncate(join(dir, walName(timeline, segment, segmentBytes)), segmentBytes);
}

/** 000000010000000000000003 */
function walName(timeline: number, segment: bigint, segmentBytes: number): string {
  const perId = 0x1_0000_0000n / BigInt(segmentBytes);
  return [BigInt(timeline), segment / perId, segment % perId]
    .map((part) => part.toString(16).toUpperCase().padStart(8, "0"))
    .join("");
}
