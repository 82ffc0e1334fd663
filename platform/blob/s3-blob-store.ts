import { createHash, randomUUID } from "node:crypto";
import { createWriteStream } from "node:fs";
import { type FileHandle, open, rm, utimes } from "node:fs/promises";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { missing, partBytes, type S3Client, S3Refusal } from "../s3/s3-client.ts";
import {
  type AppendOptions,
  type BlobKey,
  type BlobStore,
  isBlobKey,
  isStagedName,
  roomPerFile,
} from "./blob-store.ts";
import { diskBlobStore, inspectBytes, touchEveryMs } from "./disk-blob-store.ts";

/** Parts of any file that this process has in memory at once. */
const partsAtOnce = 8;
/** Files that are copied to the local disk at once. */
const copiesAtOnce = 4;
/** Of one file. */
const partsOfFile = 4;
const linkSeconds = 900;
/** The extension of files that their senders put in the bucket themselves. */
const direct = "put";
/** So many parts at most, of more than `partBytes` if need be. */
const mostParts = 1000;
/** S3 copies 5 GB at once, but takes its time. */
const largestCopyBytes = 1024 ** 3;
/** An upload in parts that is so old belongs to nobody any more. */
const longestUnfinishedMs = 24 * 3_600_000;

/**
 * Blobs as objects of a bucket, under their keys. What is worked on is in `dir`, a folder of this process or shared by
 * several: files that come whole, and those of tools. Files that come in pieces are in the bucket from the start, as
 * `staging/<name>/<number>` of `partBytes` each, so that any process goes on with them.
 */
export async function s3BlobStore(
  s3: S3Client,
  dir: string,
  {
    handsOver = false,
    links = false,
    reserveBytes,
    copyBytes = largestCopyBytes,
    unfinishedMs = longestUnfinishedMs,
  }: {
    /** Whether other processes work on what this one has received. */
    handsOver?: boolean;
    /** Whether people may load from the S3. */
    links?: boolean;
    reserveBytes?: number;
    /** What is copied within the bucket at once. */
    copyBytes?: number;
    /** After so long what a sender has begun to put into the bucket goes. */
    unfinishedMs?: number;
  } = {},
): Promise<BlobStore> {
  const local = await diskBlobStore(dir, { ...(reserveBytes !== undefined && { reserveBytes }) });
  const inTurn = turns(partsAtOnce);
  const copyInTurn = turns(copiesAtOnce);
  /** The room on the local disk that copies, and what is made of them, have yet to take. */
  let promisedBytes = 0;
  /** Where a sender puts a file; what is worked on is a copy, which has no URL. */
  const directKey = (name: string) => `direct/${name}`;
  const isDirect = (name: string) => name.endsWith(`.${direct}`);
  const stagedKey = (name: string, part: number) => `staging/${name}/${String(part).padStart(6, "0")}`;
  const check = (key: BlobKey) => {
    if (!isBlobKey(key)) throw refusal("BLOB_KEY_INVALID");
  };
  /** Others may have files in the bucket too. */
  const isOurs = (key: string) => key.startsWith("direct/") || key.startsWith("staging/") || isBlobKey(key);
  const checkName = (name: string) => {
    if (!isStagedName(name)) throw refusal("BLOB_KEY_INVALID");
  };
  const isHere = async (name: string) => (await local.partialSize(name)) > 0;

  async function partsOf(name: string): Promise<{ key: string; sizeBytes: number }[]> {
    const parts = [];
    for await (const part of s3.list(`staging/${name}/`)) parts.push(part);
    return parts;
  }

  /** Does something with each part of a file, some at once; `read` has the bytes of the part. */
  async function withParts<T>(
    path: string,
    each: (part: number, read: () => Promise<Buffer>) => Promise<T>,
  ): Promise<T[]> {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      return await someAtOnce(Math.max(1, Math.ceil(size / partBytes)), (part) =>
        inTurn(() => each(part, () => readPart(file, part, size))),
      );
    } finally {
      await file.close();
    }
  }

  /** Puts a file in the place of a key in one act. */
  async function putFile(path: string, key: string, sizeBytes: number): Promise<void> {
    if (sizeBytes <= partBytes) {
      await withParts(path, async (_part, read) => s3.put(key, await read()));
      return;
    }
    await inParts(key, (uploadId) =>
      withParts(path, async (part, read) => s3.putPart(key, uploadId, part + 1, await read())),
    );
  }

  async function inParts(key: string, write: (uploadId: string) => Promise<string[]>): Promise<void> {
    const uploadId = await s3.begin(key);
    try {
      await s3.complete(key, uploadId, await write(uploadId));
    } catch (error) {
      await s3.abort(key, uploadId).catch(() => {});
      throw error;
    }
  }

  /** Lets other processes have a file that is here. */
  async function handOver(name: string): Promise<void> {
    await local.withFile({ staged: name }, (path) =>
      withParts(path, async (part, read) => s3.put(stagedKey(name, part), await read())),
    );
  }

  /** In one act, within the bucket. */
  async function copyFile(from: string, to: string, sizeBytes: number, signal?: AbortSignal): Promise<void> {
    if (sizeBytes <= copyBytes) return s3.copy(from, to);
    await inParts(to, (uploadId) =>
      someAtOnce(Math.ceil(sizeBytes / copyBytes), (at) => {
        signal?.throwIfAborted();
        const start = at * copyBytes;
        return s3.copyPart(to, uploadId, at + 1, from, {
          start,
          end: Math.min(start + copyBytes, sizeBytes) - 1,
        });
      }),
    );
  }

  async function discardStaged(name: string): Promise<void> {
    await local.discard(name);
    if (isDirect(name)) {
      for await (const { key, uploadId } of s3.unfinished(directKey(name))) await s3.abort(key, uploadId);
      await s3.remove(directKey(name));
    }
    for (const { key } of await partsOf(name)) await s3.remove(key);
  }

  async function* bytesOf(keys: string[]) {
    for (const key of keys) yield* s3.read(key);
  }

  /** Runs `use` on a copy in the local folder. */
  async function withCopy<T>(
    keys: string[],
    sizeBytes: number,
    use: (path: string) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const copy = await local.stagingPath("copy");
    // A sweep would take it for left behind.
    const touch = () => utimes(copy.path, new Date(), new Date()).catch(() => {});
    const touching = setInterval(touch, touchEveryMs).unref();
    let restBytes = sizeBytes * roomPerFile;
    promisedBytes += restBytes;
    try {
      if ((await local.freeBytes()) < promisedBytes) throw refusal("DISK_FULL");
      await copyInTurn(() =>
        pipeline(Readable.from(bytesOf(keys)), createWriteStream(copy.path, { mode: 0o600 }), {
          ...(signal && { signal }),
        }),
      );
      // It is not free any more.
      promisedBytes -= sizeBytes;
      restBytes -= sizeBytes;
      return await use(copy.path);
    } finally {
      promisedBytes -= restBytes;
      clearInterval(touching);
      await rm(copy.path, { force: true });
    }
  }

  async function sizeOf(key: BlobKey): Promise<number | undefined> {
    check(key);
    return s3.sizeOf(key);
  }

  return {
    async receive(source, options) {
      const staged = await local.receive(source, options);
      if (!handsOver) return staged;
      try {
        await handOver(staged.name);
        await local.discard(staged.name);
      } catch (error) {
        await local.discard(staged.name);
        throw error;
      }
      return staged;
    },
    stagingPath: local.stagingPath,
    async adopt(name, signal) {
      if (await isHere(name)) {
        const staged = await local.adopt(name, signal);
        // A commit takes little time then, whatever its caller holds meanwhile.
        if (staged.sizeBytes > partBytes) await handOver(name);
        return staged;
      }
      const hash = createHash("sha256");
      let sizeBytes = 0;
      const parts = await partsOf(name);
      if (parts.length === 0) throw missing(name);
      for await (const chunk of bytesOf(parts.map(({ key }) => key))) {
        signal?.throwIfAborted();
        hash.update(chunk);
        sizeBytes += chunk.length;
      }
      return { name, sha256: hash.digest("hex"), sizeBytes };
    },
    partialName: local.partialName,
    async partialSize(name) {
      checkName(name);
      if (await isHere(name)) return local.partialSize(name);
      return sizeOfParts(await partsOf(name));
    },
    async append(name, source, options) {
      source.on("error", () => {});
      checkName(name);
      // It began while blobs were on the disk.
      if (await isHere(name)) return local.append(name, source, options);
      const spool = await local.stagingPath("spool");
      try {
        const file = await open(spool.path, "wx+", 0o600);
        try {
          return await appendPiece(name, source, file, options);
        } finally {
          await file.close();
        }
      } finally {
        await local.discard(spool.name);
      }
    },
    direct: {
      origin: s3.publicOrigin,
      name: () => `${randomUUID()}.${direct}`,
      begin: (name) => s3.begin(directKey(name)),
      async parts(name, uploadId, { sizeBytes, lifetimeMs }) {
        const { bytes, count } = partsIn(sizeBytes);
        const urls = Array.from({ length: count }, (_, at) =>
          s3.presign(
            "PUT",
            directKey(name),
            Math.floor(lifetimeMs / 1000),
            { partNumber: String(at + 1), uploadId },
            Math.min(bytes, sizeBytes - at * bytes),
          ),
        );
        return { partBytes: bytes, urls: await Promise.all(urls) };
      },
      sent: async (name, uploadId) =>
        (await s3.parts(directKey(name), uploadId))?.map(({ number }) => number),
      async complete(name, uploadId, given, sizeBytes, signal) {
        checkName(name);
        const key = directKey(name);
        const { count } = partsIn(sizeBytes);
        if (given.length > 0 && given.length !== count) throw refusal("UPLOAD_PARTS_WRONG");
        if ((await partsOf(name)).length === 0) {
          const etags =
            given.length > 0 ? [...given] : (await s3.parts(key, uploadId))?.map(({ etag }) => etag);
          // Without any it is put together already.
          if (etags && etags.length !== count) throw refusal("UPLOAD_PARTS_WRONG");
          if (etags)
            await s3.complete(key, uploadId, etags).catch((error) => {
              throw isWrongPart(error) ? refusal("UPLOAD_PARTS_WRONG") : error;
            });
          const found = await s3.sizeOf(key);
          if (found === undefined) throw missing(name);
          if (found !== sizeBytes)
            throw refusal(
              "BODY_TOO_LARGE",
              `The file was announced with ${sizeBytes} bytes and has ${found}.`,
            );
          await copyFile(key, stagedKey(name, 0), sizeBytes, signal);
        }
        await s3.remove(key);
      },
    },
    discard: discardStaged,
    async commit(name, key, sizeBytes) {
      checkName(name);
      if ((await sizeOf(key)) !== undefined) return discardStaged(name);
      const parts = await partsOf(name);
      if (parts.length > 0 && sizeBytes !== undefined && sizeOfParts(parts) !== sizeBytes)
        throw missing(name);
      if (parts.length === 0)
        await local.withFile({ staged: name }, async (path) =>
          putFile(path, key, await local.partialSize(name)),
        );
      else if (parts.length === 1) await copyFile(parts[0]!.key, key, parts[0]!.sizeBytes);
      else
        await inParts(key, (uploadId) =>
          someAtOnce(parts.length, (at) => s3.copyPart(key, uploadId, at + 1, parts[at]!.key)),
        );
      await discardStaged(name);
    },
    async remove(key) {
      check(key);
      // It is asked for under a lock in the database.
      await s3.remove(key, { once: true });
    },
    size: sizeOf,
    read(key, range) {
      check(key);
      return s3.read(key, range);
    },
    ...(links && {
      async linkTo(
        key: BlobKey,
        { type, caching, disposition }: Parameters<NonNullable<BlobStore["linkTo"]>>[1],
      ) {
        check(key);
        return s3.presign("GET", key, linkSeconds, {
          "response-content-type": type,
          "response-cache-control": caching,
          ...(disposition && { "response-content-disposition": disposition }),
        });
      },
    }),
    // What S3 has; that of the local folder is asked for with each file that is copied there.
    freeBytes: async () => Number.MAX_SAFE_INTEGER,
    async withFile(source, use, signal) {
      if ("key" in source) {
        const sizeBytes = await sizeOf(source.key);
        if (sizeBytes === undefined) throw missing(source.key);
        return withCopy([source.key], sizeBytes, use, signal);
      }
      if (await isHere(source.staged)) return local.withFile(source, use);
      const parts = await partsOf(source.staged);
      if (parts.length === 0) throw missing(source.staged);
      return withCopy(
        parts.map(({ key }) => key),
        sizeOfParts(parts),
        use,
        signal,
      );
    },
    async sweepStaged(olderThanMs, partialOlderThanMs = olderThanMs) {
      let swept = await local.sweepStaged(olderThanMs, partialOlderThanMs);
      const isOld = (modifiedMs: number, keptMs: number) => Date.now() - modifiedMs >= keptMs;
      // A file is as young as its youngest part; those of one file follow one another.
      let name = "";
      let parts: { key: string; modifiedMs: number }[] = [];
      const sweepFile = async () => {
        const keptMs = name.endsWith(".part") || isDirect(name) ? partialOlderThanMs : olderThanMs;
        if (parts.length === 0 || !parts.every(({ modifiedMs }) => isOld(modifiedMs, keptMs))) return;
        for (const { key } of parts) await s3.remove(key);
        swept++;
      };
      for await (const part of s3.list("staging/")) {
        const its = part.key.split("/")[1]!;
        if (its !== name) {
          await sweepFile();
          [name, parts] = [its, []];
        }
        parts.push(part);
      }
      await sweepFile();
      for await (const { key, modifiedMs } of s3.list("direct/"))
        if (isOld(modifiedMs, unfinishedMs)) await s3.remove(key);
      for await (const { key, uploadId, begunMs } of s3.unfinished())
        if (isOurs(key) && isOld(begunMs, unfinishedMs)) await s3.abort(key, uploadId);
      return swept;
    },
  };

  /** Cuts a partial file to this size; returns what is left of the part in which it ends. */
  async function cutTo(name: string, sizeBytes: number): Promise<Buffer> {
    const [last, within] = [Math.floor(sizeBytes / partBytes), sizeBytes % partBytes];
    let rest: Buffer = Buffer.alloc(0);
    for (const { key, sizeBytes: found } of await partsOf(name)) {
      const part = Number(key.slice(key.lastIndexOf("/") + 1));
      if (part < last) continue;
      if (part > last || within === 0) {
        await s3.remove(key);
        continue;
      }
      rest = await collect(s3.read(key, { start: 0, end: within - 1 }));
      if (found > within) await s3.put(key, rest);
    }
    return rest;
  }

  /** `spool` has the part that is not full yet. */
  async function appendPiece(
    name: string,
    source: Readable,
    spool: FileHandle,
    { at, sizeBytes, inspect, checksum, isWriter = () => true }: AppendOptions,
  ): Promise<number> {
    const hash = checksum && createHash(checksum.algorithm);
    const cutBack = async () => {
      if (isWriter() && (await sizeOfParts(await partsOf(name))) > at) await cutTo(name, at);
    };
    if (!isWriter()) throw refusal("UPLOAD_INCOMPLETE");
    // What a killed process has left of a piece that was never compared goes too.
    let spooled = await spoolOf(await cutTo(name, at));
    let first = at < inspectBytes ? await spoolPart(spooled) : undefined;
    let position = at;
    let savedTo = at;

    async function spoolOf(rest: Buffer): Promise<number> {
      await spool.write(rest, 0, rest.length, 0);
      return rest.length;
    }
    async function spoolPart(bytes: number): Promise<Buffer> {
      const part = Buffer.alloc(bytes);
      await spool.read(part, 0, bytes, 0);
      return part;
    }
    async function save(): Promise<void> {
      if (position === savedTo) return;
      if (!isWriter()) throw refusal("UPLOAD_INCOMPLETE");
      const part = Math.floor((position - spooled) / partBytes);
      await inTurn(async () => s3.put(stagedKey(name, part), await spoolPart(spooled)));
      savedTo = position;
      if (spooled === partBytes) spooled = 0;
    }
    async function take(chunk: Buffer): Promise<void> {
      for (let from = 0; from < chunk.length; ) {
        const piece = chunk.subarray(from, from + partBytes - spooled);
        await spool.write(piece, 0, piece.length, spooled);
        hash?.update(piece);
        from += piece.length;
        spooled += piece.length;
        position += piece.length;
        if (first && inspect) {
          first = Buffer.concat([first, piece.subarray(0, inspectBytes)]);
          if (first.length >= Math.min(inspectBytes, sizeBytes)) {
            inspect(first.subarray(0, inspectBytes));
            first = undefined;
          }
        }
        if (spooled === partBytes) await save();
      }
    }

    let keeps = checksum === undefined;
    let broken: DomainError | undefined;
    const chunks: AsyncIterator<Buffer> = source.iterator({ destroyOnReturn: false });
    try {
      for (;;) {
        const step = await chunks.next().catch((error) => {
          broken = error instanceof DomainError ? error : refusal("UPLOAD_INCOMPLETE");
        });
        if (!step || step.done) break;
        if (position + step.value.length > sizeBytes) {
          keeps = false;
          throw refusal(
            "BODY_TOO_LARGE",
            `The file was announced with ${sizeBytes} bytes, and there come more.`,
          );
        }
        await take(step.value);
      }
      if (checksum && !broken && !hash!.digest().equals(checksum.digest)) throw refusal("CHECKSUM_MISMATCH");
      if (broken) throw broken;
      await save();
      return position;
    } catch (error) {
      await chunks.return?.();
      await (keeps ? save() : cutBack()).catch(() => {});
      throw error;
    }
  }
}

/** The parts in which a sender puts a file of this size. */
function partsIn(sizeBytes: number): { bytes: number; count: number } {
  const megabyte = 1024 ** 2;
  const bytes = Math.max(partBytes, Math.ceil(sizeBytes / mostParts / megabyte) * megabyte);
  return { bytes, count: Math.ceil(sizeBytes / bytes) };
}

/** Whether it is the sender who has to mend something. */
function isWrongPart(error: { cause?: unknown }): boolean {
  const { cause } = error;
  return (
    cause instanceof S3Refusal &&
    ["InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"].includes(cause.code)
  );
}

async function readPart(file: FileHandle, part: number, sizeBytes: number): Promise<Buffer> {
  const from = part * partBytes;
  const bytes = Buffer.alloc(Math.min(partBytes, sizeBytes - from));
  await file.read(bytes, 0, bytes.length, from);
  return bytes;
}

async function collect(source: Readable): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of source) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function sizeOfParts(parts: readonly { sizeBytes: number }[]): number {
  return parts.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Some of `count` pieces of work at once; the results are in their order. */
async function someAtOnce<T>(count: number, work: (at: number) => Promise<T>): Promise<T[]> {
  const results: T[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const at = next++;
      results[at] = await work(at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(partsOfFile, count) }, worker));
  return results;
}

/** Runs so many pieces of work at once. */
function turns(most: number): <T>(work: () => Promise<T>) => Promise<T> {
  let running = 0;
  const waiting: (() => void)[] = [];
  return async (work) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve));
    else running++;
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else running--;
    }
  };
}
