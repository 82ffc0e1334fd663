import { createHash, randomUUID } from "node:crypto";
import { constants, createReadStream } from "node:fs";
import {
  type FileHandle,
  link,
  mkdir,
  open,
  opendir,
  rename,
  rm,
  stat,
  statfs,
  utimes,
} from "node:fs/promises";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";
import { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import {
  type AppendOptions,
  type BlobKey,
  type BlobStore,
  isBlobKey,
  isStagedName,
  type ReceiveOptions,
  roomPerFile,
  type Staged,
} from "./blob-store.ts";
import { closeFolder } from "./close-folder.ts";

/** How much of a file is looked at before it is stored. */
export const inspectBytes = 1024;
/** The extension of partial files. */
const partial = "part";
/** That of blobs under a second name, while a tool reads them. */
const lent = "lent";
/** What a tool reads, much more often than left ones are swept. */
export const touchEveryMs = 10 * 60_000;
/** Large writes: a 1 GB upload would otherwise be a hundred thousand small ones. */
const writeBytes = 1024 * 1024;
const syncBytes = 64 * 1024 * 1024;
/** Room that uploads leave for the database and for renditions of existing videos. */
const keptFreeBytes = 512 * 1024 * 1024;
const fullRetryMs = 60_000;

/** Blobs as files under `dir`, spread over folders by their first bytes; processes on one host may share it. */
export async function diskBlobStore(
  dir: string,
  /** `nameOf`: a new name of a staged file, of the form of a UUID. */
  { reserveBytes = keptFreeBytes, nameOf = randomUUID as () => string } = {},
): Promise<BlobStore> {
  const staging = join(dir, "staging");
  await mkdir(staging, { recursive: true, mode: 0o700 });
  await closeFolder(dir, 0o700);
  const stagedPath = (name: string) => {
    if (!isStagedName(name)) throw refusal("BLOB_KEY_INVALID");
    return join(staging, name);
  };
  /** A few at a time: a folder that nobody swept for long may have very many. */
  async function* stagedNames(): AsyncGenerator<string> {
    for await (const { name } of await opendir(staging, { bufferSize: 256 })) yield name;
  }
  /** Pieces on their way to this process: how much of each was announced, and has come. */
  const arriving = new Set<{ promisedBytes: number; writtenBytes: number }>();
  /**
   * What received files still need. One on its way is as long as was announced, and has blocks only for what has come: so
   * every process sees what is reserved, and it ends with the file.
   */
  async function reservedBytes(): Promise<number> {
    let reserved = 0;
    for await (const name of stagedNames()) {
      if (name.includes(".")) continue;
      const info = await stat(join(staging, name)).catch(() => undefined);
      const writtenBytes = (info?.blocks ?? 0) * 512;
      if (info && info.size > writtenBytes) reserved += info.size * roomPerFile - writtenBytes;
    }
    return reserved;
  }
  async function freeBytes(): Promise<number> {
    const reserved = await reservedBytes();
    const { bavail, bsize } = await statfs(staging);
    return bavail * bsize - reserveBytes - reserved;
  }
  /** Refuses when there is no room for all that was announced, which is first reserved, then looked for. */
  async function refuseWithoutRoom(): Promise<void> {
    let free = await freeBytes();
    for (const { promisedBytes, writtenBytes } of arriving)
      free -= promisedBytes * roomPerFile - writtenBytes;
    if (free < 0) throw diskFull();
  }
  const blobPath = (key: BlobKey) => {
    if (!isBlobKey(key)) throw refusal("BLOB_KEY_INVALID");
    const [namespace, name] = key.split("/") as [string, string];
    return join(dir, namespace, name.slice(0, 2), name.slice(2, 4), name);
  };

  return {
    async receive(source, options) {
      // The source may fail before it is read; the first read reports that. Without a listener the error would end
      // the process.
      source.on("error", () => {});
      const promisedBytes = options.expectedBytes ?? 0;
      const name = nameOf();
      try {
        const file = await open(stagedPath(name), "wx", 0o600);
        try {
          await file.truncate(promisedBytes).catch(unlessFull);
          await refuseWithoutRoom();
          const written = await writeHashed(source, file, options);
          if (written.sizeBytes < promisedBytes) await file.truncate(written.sizeBytes);
          return { name, ...written };
        } finally {
          await file.close();
        }
      } catch (error) {
        await rm(stagedPath(name), { force: true });
        throw error;
      }
    },
    async stagingPath(extension) {
      const name = `${nameOf()}.${extension}`;
      return { name, path: stagedPath(name) };
    },
    async adopt(name, signal) {
      const hash = createHash("sha256");
      let sizeBytes = 0;
      for await (const chunk of createReadStream(stagedPath(name), { highWaterMark: writeBytes })) {
        signal?.throwIfAborted();
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
      return { name, sha256: hash.digest("hex"), sizeBytes } satisfies Staged;
    },
    partialName: async () => `${nameOf()}.${partial}`,
    partialSize: async (name) => (await sizeOf(stagedPath(name))) ?? 0,
    async append(name, source, options) {
      source.on("error", () => {});
      const arrival = { promisedBytes: options.sizeBytes - options.at, writtenBytes: 0 };
      arriving.add(arrival);
      try {
        await refuseWithoutRoom();
        const file = await open(stagedPath(name), constants.O_RDWR | constants.O_CREAT, 0o600);
        try {
          if (options.at === 0) await syncFile(staging);
          return await appendPiece(source, file, options, arrival);
        } finally {
          await file.close();
        }
      } finally {
        arriving.delete(arrival);
      }
    },
    discard: async (name) => rm(stagedPath(name), { force: true }),
    async commit(name, key) {
      const target = blobPath(key);
      if ((await sizeOf(target)) !== undefined) return rm(stagedPath(name), { force: true });
      await syncFile(stagedPath(name));
      const made = await mkdir(dirname(target), { recursive: true });
      await rename(stagedPath(name), target);
      // The new name must survive a power cut, and so must the folders made for it.
      const top = made === undefined ? dirname(target) : dirname(made);
      for (let folder = dirname(target); folder !== dirname(top); folder = dirname(folder))
        await syncFile(folder);
    },
    remove: async (key) => rm(blobPath(key), { force: true }),
    size: async (key) => sizeOf(blobPath(key)),
    read: (key, range) => createReadStream(blobPath(key), { ...range, highWaterMark: 256 * 1024 }),
    freeBytes: async () => Math.max(0, await freeBytes()),
    async withFile(source, use) {
      if ("staged" in source) return use(stagedPath(source.staged));
      const blob = blobPath(source.key);
      const path = stagedPath(`${nameOf()}.${lent}`);
      // The blob may be removed or moved while a tool opens it again and again; and what tools put beside it is swept here.
      const isLinked = await link(blob, path).then(() => true, unlessNoLinks);
      if (!isLinked) return use(blob);
      const touching = setInterval(() => touchLent(path).catch(() => {}), touchEveryMs).unref();
      try {
        return await use(path);
      } finally {
        clearInterval(touching);
        await rm(path, { force: true });
      }
    },
    async sweepStaged(olderThanMs, partialOlderThanMs = olderThanMs) {
      let swept = 0;
      for await (const name of stagedNames()) {
        const info = await stat(join(staging, name)).catch(() => undefined);
        const keptMs = name.endsWith(`.${partial}`) ? partialOlderThanMs : olderThanMs;
        // The content of a blob is as old as it is; its second name changes the file itself.
        const sinceMs = name.endsWith(`.${lent}`) ? info?.ctimeMs : info?.mtimeMs;
        if (sinceMs === undefined || Date.now() - sinceMs < keptMs) continue;
        await rm(join(staging, name), { force: true });
        swept++;
      }
      return swept;
    },
  };
}

/** Changes the file, and not when its content was written. */
async function touchLent(path: string): Promise<void> {
  await utimes(path, new Date(), (await stat(path)).mtime);
}

/** Some file systems have no second names, and some files belong to another account. */
function unlessNoLinks(error: NodeJS.ErrnoException): false {
  if (["EPERM", "ENOTSUP", "ENOSYS", "EMLINK", "EXDEV"].includes(error.code ?? "")) return false;
  throw error;
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Writes what is in the system's memory of a file, or of a folder, to the disk. */
export async function syncFile(path: string): Promise<void> {
  const file = await open(path, "r");
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Hashes while writing, one large block at a time, so that memory holds at most two blocks. */
async function writeHashed(
  source: Readable,
  file: FileHandle,
  { maxBytes, inspect }: ReceiveOptions,
): Promise<{ sha256: string; sizeBytes: number }> {
  const hash = createHash("sha256");
  let sizeBytes = 0;
  let inspected = false;
  let block: Buffer[] = [];
  let blockBytes = 0;
  let writing: Promise<void> = Promise.resolve();
  let syncing = false;
  let syncedBytes = 0;
  /** Makes the disk write while more data arrives, so that little is left to sync at the end. */
  const syncAlong = () => {
    if (syncing || sizeBytes - syncedBytes < syncBytes) return;
    syncing = true;
    syncedBytes = sizeBytes;
    // The commit syncs again, and reports a failure of the disk.
    file.datasync().then(
      () => {
        syncing = false;
      },
      () => {},
    );
  };
  const flush = async () => {
    const chunks = block;
    const bytes = blockBytes;
    block = [];
    blockBytes = 0;
    if (!inspected) {
      inspected = true;
      inspect?.(Buffer.concat(chunks));
    }
    for (const chunk of chunks) hash.update(chunk);
    // The last block was written while this one was hashed.
    await writing;
    writing = writeAll(file, chunks, bytes);
    writing.catch(() => {});
    syncAlong();
  };
  // The source stays open after a refusal, so that the answer reaches the sender.
  const chunks: AsyncIterator<Buffer> = source.iterator({ destroyOnReturn: false });
  const next = () =>
    chunks.next().catch((error) => {
      throw brokenOff(error);
    });
  try {
    for (let step = await next(); !step.done; step = await next()) {
      sizeBytes += step.value.length;
      if (sizeBytes > maxBytes) throw tooLarge(maxBytes);
      block.push(step.value);
      blockBytes += step.value.length;
      if (blockBytes >= (inspected ? writeBytes : inspectBytes)) await flush();
    }
  } catch (error) {
    await chunks.return?.();
    throw error;
  }
  if (sizeBytes === 0) throw refusal("EMPTY_FILE", "The file is empty. Choose another one.");
  await flush();
  await writing;
  return { sha256: hash.digest("hex"), sizeBytes };
}

/** Writes a piece at its place. */
async function appendPiece(
  source: Readable,
  file: FileHandle,
  { at, sizeBytes, inspect, checksum, isWriter = () => true }: AppendOptions,
  arrival: { writtenBytes: number },
): Promise<number> {
  const hash = checksum && createHash(checksum.algorithm);
  let position = at;
  let inspected = at >= inspectBytes || inspect === undefined;
  let block: Buffer[] = [];
  let blockBytes = 0;
  const flush = async () => {
    const chunks = block;
    const bytes = blockBytes;
    if (bytes === 0) return;
    if (!isWriter()) throw refusal("UPLOAD_INCOMPLETE");
    block = [];
    blockBytes = 0;
    await writeAll(file, chunks, bytes, position);
    for (const chunk of chunks) hash?.update(chunk);
    position += bytes;
    if (inspected || position < Math.min(inspectBytes, sizeBytes)) return;
    inspected = true;
    const { buffer, bytesRead } = await file.read(Buffer.alloc(inspectBytes), 0, inspectBytes, 0);
    inspect?.(buffer.subarray(0, bytesRead));
  };
  const cutBack = async () => {
    if (isWriter() && (await file.stat()).size > at) await file.truncate(at);
  };
  // What a killed process has left of a piece that was never compared.
  await cutBack();
  let keeps = checksum === undefined;
  let broken: DomainError | undefined;
  const chunks: AsyncIterator<Buffer> = source.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const step = await chunks.next().catch((error) => {
        broken = brokenOff(error);
      });
      if (!step || step.done) break;
      if (position + blockBytes + step.value.length > sizeBytes) {
        keeps = false;
        throw tooLargeForAnnounced(sizeBytes);
      }
      arrival.writtenBytes += step.value.length;
      block.push(step.value);
      blockBytes += step.value.length;
      if (blockBytes >= (inspected ? writeBytes : inspectBytes)) await flush();
    }
    await flush();
    if (checksum && !broken && !hash!.digest().equals(checksum.digest)) throw refusal("CHECKSUM_MISMATCH");
    if (broken) throw broken;
  } catch (error) {
    await chunks.return?.();
    await (keeps ? file.datasync() : cutBack());
    throw error;
  }
  await file.datasync();
  return position;
}

/** A disk that fills up during a write takes a part of it without an error. */
async function writeAll(file: FileHandle, chunks: Buffer[], bytes: number, position?: number): Promise<void> {
  const written = await file.writev(chunks, position).catch(unlessFull);
  if (written.bytesWritten < bytes) throw diskFull();
}

function unlessFull(error: NodeJS.ErrnoException): never {
  if (["ENOSPC", "EDQUOT", "EFBIG"].includes(error.code ?? "")) throw diskFull();
  throw error;
}

/** Why a source ended before its end. */
const brokenOff = (error: unknown) => (error instanceof DomainError ? error : refusal("UPLOAD_INCOMPLETE"));

function diskFull(): DomainError {
  return refusal("DISK_FULL", "The server has no room for this file right now.", fullRetryMs);
}

function tooLargeForAnnounced(sizeBytes: number): DomainError {
  return refusal("BODY_TOO_LARGE", `The file was announced with ${sizeBytes} bytes, and there come more.`);
}

function tooLarge(maxBytes: number): DomainError {
  const megabytes = Math.floor(maxBytes / 1024 / 1024);
  return refusal("BODY_TOO_LARGE", { megabytes });
}
