import { buffer } from "node:stream/consumers";
import { refusal } from "#contracts/reasons.ts";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import {
  listBackups,
  type Manifest,
  newer,
  type PartName,
  partPath,
  readManifest,
} from "#platform/backup/manifest.ts";
import { readPart } from "#platform/backup/parts.ts";
import { migrationsOf } from "../open-databases.ts";
import { modulesOf } from "../targets.ts";

/** The backup of this id, or the newest; one that this version can restore. Errors: those of readManifest. */
export async function findBackup(
  target: BackupTarget,
  id: string | undefined,
  secret: string,
): Promise<Manifest> {
  const chosen = id ?? (await listBackups(target)).at(-1);
  if (chosen === undefined) throw refusal("BACKUP_NOT_FOUND", { where: target.name, id: "backup" });
  const manifest = await readManifest(target, chosen, secret);
  const ours = new Map(migrationsOf(modulesOf("all")).map(({ name, migrations }) => [name, migrations]));
  for (const [schema, names] of Object.entries(manifest.migrations)) {
    const known = ours.get(schema) ?? {};
    const unknown = names.filter((name) => !(name in known) && !name.endsWith("+"));
    if (unknown.length > 0)
      throw newer(chosen, `its database has ${schema} ${unknown.join(", ")}, and this version has not`);
  }
  return manifest;
}

/** Error: BACKUP_DAMAGED, at its end at the latest. */
export function readPartOf(
  target: BackupTarget,
  { id, parts, keyCheck }: Manifest,
  name: PartName,
  secret: string,
): AsyncGenerator<Buffer> {
  return readPart(target, partPath(id, name), parts[name], keyCheck === "" ? "" : secret);
}

/** Error: BACKUP_DAMAGED, at its end at the latest. */
export async function* readBlobList(
  target: BackupTarget,
  manifest: Manifest,
  secret: string,
): AsyncGenerator<{ key: string; sizeBytes: number }> {
  let rest = "";
  for await (const bytes of readPartOf(target, manifest, "blobs", secret)) {
    const lines = (rest + bytes.toString("latin1")).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [key = "", size] = line.split(" ");
      yield { key, sizeBytes: Number(size) };
    }
  }
}

/** The small files of the data folder by name. */
export async function readSavedFiles(
  target: BackupTarget,
  manifest: Manifest,
  secret: string,
): Promise<Record<string, string>> {
  return JSON.parse((await buffer(readPartOf(target, manifest, "files", secret))).toString());
}
