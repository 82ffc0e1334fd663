import { createHash, createHmac, hkdfSync } from "node:crypto";
import { buffer } from "node:stream/consumers";
import { refusal } from "../errors/reasons.ts";
import type { BackupTarget } from "./backup-target.ts";
import type { WalStart } from "./base-backup.ts";
import type { Part } from "./parts.ts";
import { sealedName } from "./sealed-stream.ts";

/** What this version writes and reads. */
const format = 1;
const maxBytes = 4 * 1024 * 1024;

/** What a backup consists of. It is written last: without it there is no backup. */
export interface Manifest {
  kind: "douya-backup";
  format: number;
  id: string;
  /** What tells the installation from others. */
  installation: string;
  /** Of Douya. */
  version: string;
  /** Which migrations its database has, by schema. */
  migrations: Record<string, string[]>;
  startedAt: string;
  /** Everything that was committed before is in it. */
  databaseAt: string;
  endedAt: string;
  /** Tells a wrong key; empty: nothing is encrypted. */
  keyCheck: string;
  /** The database's name in its server, and the one that knows all of it. */
  database: { name: string; role: string; isEmbedded: boolean; wal: WalStart };
  /** By name. */
  parts: Record<PartName, Part>;
  blobs: {
    count: number;
    bytes: number;
    /** Those that the installation itself did not have, or not as they should be. */
    lost: number;
  };
}

/**
 * `postgres`: a tar of the data folder. `wal`: what belongs to it. `blobs`: a line for each, its key and size. `files`: a
 * JSON object of small files of the data folder by name.
 */
export type PartName = "postgres" | "wal" | "blobs" | "files";

export const partPath = (id: string, name: PartName) => `backups/${id}/${name}.gz`;
const manifestPath = (id: string) => `backups/${id}/manifest.json`;
const proofPath = (id: string) => `backups/${id}/proof.json`;

export const keyCheckOf = (secret: string) =>
  secret === "" ? "" : sealedName(secret, "check", "key").slice(0, 32);

export async function writeManifest(
  target: BackupTarget,
  manifest: Omit<Manifest, "kind" | "format">,
  secret: string,
) {
  const whole: Manifest = { kind: "douya-backup", format, ...manifest };
  await putText(
    target,
    manifestPath(whole.id),
    JSON.stringify({ manifest: whole, sum: sumOf(whole, secret) }),
  );
}

/**
 * Errors: BACKUP_NOT_FOUND, BACKUP_FOREIGN, BACKUP_NEWER, BACKUP_KEY_MISSING, BACKUP_KEY_WRONG, BACKUP_DAMAGED, in this
 * order.
 */
export async function readManifest(target: BackupTarget, id: string, secret: string): Promise<Manifest> {
  const file = `${target.name}/${manifestPath(id)}`;
  const text = await getText(target, manifestPath(id));
  if (text === undefined) throw refusal("BACKUP_NOT_FOUND", { where: target.name, id });
  const damaged = (why: string) => refusal("BACKUP_DAMAGED", { file, why });
  let read: { manifest?: Manifest; sum?: string };
  try {
    read = JSON.parse(text);
  } catch {
    throw damaged("it is no JSON");
  }
  const { manifest, sum } = read ?? {};
  if (manifest?.kind !== "douya-backup") throw refusal("BACKUP_FOREIGN", { file });
  if (!Number.isInteger(manifest.format)) throw damaged("it has no format");
  if (manifest.format > format) throw newer(id, `its format is ${manifest.format}, and this is ${format}`);
  if (manifest.keyCheck !== "" && secret === "") throw refusal("BACKUP_KEY_MISSING", { id });
  const key = manifest.keyCheck === "" ? "" : secret;
  if (manifest.keyCheck !== keyCheckOf(key)) throw refusal("BACKUP_KEY_WRONG", { id });
  if (sum !== sumOf(manifest, key) || manifest.id !== id) throw damaged("it is not what was written");
  return manifest;
}

export const newer = (id: string, why: string) => refusal("BACKUP_NEWER", { id, why });

/** The ids of all that are complete, the oldest first. */
export async function listBackups(target: BackupTarget): Promise<string[]> {
  const ids: string[] = [];
  for await (const { path } of target.list("backups/")) {
    const id = /^backups\/([^/]+)\/manifest\.json$/.exec(path)?.[1];
    if (id) ids.push(id);
  }
  return ids.sort();
}

/** Whether and when a backup was restored for a trial. */
export interface Proof {
  id: string;
  at: string;
  version: string;
  isProven: boolean;
  /** What was found, a sentence each. */
  found: string[];
}

export const writeProof = (target: BackupTarget, proof: Proof) =>
  putText(target, proofPath(proof.id), JSON.stringify(proof));

export async function readProof(target: BackupTarget, id: string): Promise<Proof | undefined> {
  try {
    return JSON.parse((await getText(target, proofPath(id))) ?? "null") ?? undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Nobody without the key can make it, where there is one. */
function sumOf(manifest: Manifest, secret: string): string {
  const text = JSON.stringify(manifest);
  if (secret === "") return createHash("sha256").update(text).digest("hex");
  const key = Buffer.from(hkdfSync("sha256", secret, "", "douya backup manifest", 32));
  return createHmac("sha256", key).update(text).digest("hex");
}

async function putText(target: BackupTarget, path: string, text: string): Promise<void> {
  await target.put(
    path,
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
}

async function getText(target: BackupTarget, path: string): Promise<string | undefined> {
  const size = await target.size(path);
  if (size === undefined) return undefined;
  if (size > maxBytes) return "";
  return (await buffer(target.read(path))).toString();
}
