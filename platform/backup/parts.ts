import { createHash } from "node:crypto";
import { pipeline, Readable } from "node:stream";
import { createGunzip, createGzip } from "node:zlib";
import { refusal } from "../errors/reasons.ts";
import type { BackupTarget } from "./backup-target.ts";
import { DamagedStream, openStream, sealedBytes, sealedName, sealStream } from "./sealed-stream.ts";

/** A file of one backup, compressed, and encrypted if there is a key. */
export interface Part {
  /** Of what is stored. */
  sha256: string;
  sizeBytes: number;
  /** Of what was put in. */
  rawBytes: number;
}

/** Fast: the disk, or the line to S3, shall be what it waits for. */
const level = 1;

/** `secret` is empty where nothing is encrypted. */
export async function writePart(
  target: BackupTarget,
  path: string,
  source: Readable,
  { secret, aboutBytes, onBytes }: { secret: string; aboutBytes?: number; onBytes?: (bytes: number) => void },
): Promise<Part> {
  let rawBytes = 0;
  const hash = createHash("sha256");
  // An error of the source becomes one of the compressed stream.
  const compressed = pipeline(source, counted, createGzip({ level }), () => {}) as AsyncIterable<Buffer> &
    Readable;
  const stored = secret === "" ? compressed : sealStream(secret, path, compressed);
  const sizeBytes = await target.put(path, hashed(stored), aboutBytes);
  return { sha256: hash.digest("hex"), sizeBytes, rawBytes };

  async function* counted(bytes: AsyncIterable<Buffer>) {
    for await (const some of bytes) {
      rawBytes += some.length;
      onBytes?.(rawBytes);
      yield some;
    }
  }
  async function* hashed(bytes: AsyncIterable<Buffer>) {
    for await (const some of bytes) {
      hash.update(some);
      yield some;
    }
  }
}

/** What was put in. Error: BACKUP_DAMAGED, at its end at the latest. */
export async function* readPart(
  target: BackupTarget,
  path: string,
  { sha256, sizeBytes }: Part,
  secret: string,
): AsyncGenerator<Buffer> {
  const hash = createHash("sha256");
  let read = 0;
  async function* compared(): AsyncGenerator<Buffer> {
    for await (const some of target.read(path) as AsyncIterable<Buffer>) {
      hash.update(some);
      read += some.length;
      yield some;
    }
    if (read !== sizeBytes || hash.digest("hex") !== sha256)
      throw new DamagedStream("it is not what was written");
  }
  const opened = secret === "" ? compared() : openStream(secret, path, compared());
  const whole = pipeline(Readable.from(opened), createGunzip(), () => {});
  try {
    yield* whole as AsyncIterable<Buffer>;
  } catch (error) {
    throw orDamaged(error, target, path);
  }
}

/** Where a blob is, which all backups of one key share. */
export function blobPath(sha256: string, secret: string): string {
  const name = secret === "" ? sha256 : sealedName(secret, "blob", sha256);
  return `blobs/${name.slice(0, 2)}/${name}`;
}

/** The size of a blob of so many bytes there. */
export const storedBlobBytes = (sizeBytes: number, secret: string) =>
  secret === "" ? sizeBytes : sealedBytes(sizeBytes);

/** Copies a blob into a target, if it is what its name says; else nothing is there, and the answer is false. */
export async function writeBlob(
  target: BackupTarget,
  sha256: string,
  source: AsyncIterable<Buffer>,
  { secret, sizeBytes }: { secret: string; sizeBytes: number },
): Promise<boolean> {
  const path = blobPath(sha256, secret);
  const hash = createHash("sha256");
  async function* compared(): AsyncGenerator<Buffer> {
    for await (const some of source) {
      hash.update(some);
      yield some;
    }
    if (hash.digest("hex") !== sha256) throw new DamagedStream("it is not what its name says");
  }
  try {
    await target.put(path, secret === "" ? compared() : sealStream(secret, path, compared()), sizeBytes);
    return true;
  } catch (error) {
    if (error instanceof DamagedStream) return false;
    throw error;
  }
}

/** Error: BACKUP_DAMAGED, at its end at the latest. */
export async function* readBlob(
  target: BackupTarget,
  sha256: string,
  secret: string,
): AsyncGenerator<Buffer> {
  const path = blobPath(sha256, secret);
  const hash = createHash("sha256");
  try {
    const stored = target.read(path) as AsyncIterable<Buffer>;
    for await (const some of secret === "" ? stored : openStream(secret, path, stored)) {
      hash.update(some);
      yield some;
    }
    if (hash.digest("hex") !== sha256) throw new DamagedStream("it is not what its name says");
  } catch (error) {
    throw orDamaged(error, target, path);
  }
}

function orDamaged(error: unknown, target: BackupTarget, path: string): unknown {
  const { code = "" } = error as NodeJS.ErrnoException;
  if (code === "ENOENT")
    return refusal("BACKUP_DAMAGED", { file: `${target.name}/${path}`, why: "it is missing" });
  if (error instanceof DamagedStream || code.startsWith("Z_"))
    return refusal("BACKUP_DAMAGED", { file: `${target.name}/${path}`, why: (error as Error).message });
  return error;
}
