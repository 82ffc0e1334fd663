import { randomBytes, randomUUID } from "node:crypto";
import { link, mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "../errors/reasons.ts";
import { type BlobKey, type BlobStore, isBlobKey, isStagedName } from "./blob-store.ts";
import { diskBlobStore, syncFile } from "./disk-blob-store.ts";

/** In the folder of each disk, with its id: a folder without it is the place of a disk that is away. */
const markName = "douya-disk";
/** Within this time a disk that is there says so. */
const answerMs = 2_000;

interface Disk {
  dir: string;
  id: string;
  /** Once it was there. */
  store?: BlobStore;
  /** The question that it has not answered yet. */
  asked?: Promise<string | undefined>;
  /** Too late already with that answer. */
  hangs?: boolean;
}

export interface SeveralDisks extends BlobStore {
  /** The folders whose disks are away. */
  away(): Promise<string[]>;
}

/**
 * Blobs on several disks. A new file goes to the one with the most room, and its name while it is staged begins with the
 * id of that disk; a blob is looked for on each of them. What may be on a disk that is away is refused with
 * BLOB_DISK_AWAY. `knownFile` remembers which disks there were, so that a new folder is not taken for an old disk's.
 */
export async function severalDisks(
  dirs: readonly string[],
  knownFile: string,
  options: { reserveBytes?: number } = {},
): Promise<SeveralDisks> {
  const disks = await findDisks(dirs, knownFile);

  /**
   * One that hangs is asked one question in all: each holds a thread of the few that this process has for all files. Until
   * it answers nobody waits for it again.
   */
  async function askForMark(disk: Disk): Promise<string | undefined> {
    if (disk.hangs) return undefined;
    disk.asked ??= markOf(disk.dir).finally(() => {
      disk.asked = undefined;
      disk.hangs = false;
    });
    const { asked } = disk;
    const late = new AbortController();
    try {
      const tooLate = delay(answerMs, undefined, { signal: late.signal }).then(() => {
        disk.hangs = disk.asked === asked;
        return undefined;
      });
      tooLate.catch(() => {});
      return await Promise.race([asked, tooLate]);
    } finally {
      late.abort();
    }
  }

  /** Undefined while the disk is away. */
  async function open(disk: Disk): Promise<BlobStore | undefined> {
    if ((await askForMark(disk)) !== disk.id) return undefined;
    const nameOf = () => disk.id + randomUUID().slice(disk.id.length);
    disk.store ??= await diskBlobStore(disk.dir, { ...options, nameOf });
    return disk.store;
  }
  async function present(): Promise<BlobStore[]> {
    return (await Promise.all(disks.map(open))).filter((store) => store !== undefined);
  }
  async function away(): Promise<string[]> {
    const stores = await Promise.all(disks.map(open));
    return disks.filter((_, at) => !stores[at]).map(({ dir }) => dir);
  }
  await present();

  async function mostRoom(): Promise<BlobStore> {
    const stores = await present();
    const free = await Promise.all(stores.map((store) => store.freeBytes()));
    const most = stores[free.indexOf(Math.max(...free))];
    if (!most) throw refusal("BLOB_DISK_AWAY");
    return most;
  }

  /** Where a staged file is. */
  async function diskOf(name: string): Promise<BlobStore> {
    if (!isStagedName(name)) throw refusal("BLOB_KEY_INVALID");
    const disk = disks.find(({ id }) => name.startsWith(id)) ?? disks[0]!;
    const store = await open(disk);
    if (!store) throw refusal("BLOB_DISK_AWAY");
    return store;
  }

  /** Where a blob is, as far as its disk is there; a file system that fails is none. */
  async function find(key: BlobKey): Promise<{ store: BlobStore; sizeBytes: number } | undefined> {
    if (!isBlobKey(key)) throw refusal("BLOB_KEY_INVALID");
    let failure: unknown;
    for (const disk of disks)
      try {
        // Whatever its folder has, unless it hangs.
        const store = (await open(disk)) ?? (disk.hangs ? undefined : disk.store);
        const sizeBytes = await store?.size(key);
        if (sizeBytes !== undefined) return { store: store!, sizeBytes };
      } catch (error) {
        failure ??= error;
      }
    if (failure && (await away()).length === 0) throw failure;
    return undefined;
  }
  /** The same; of what is not found it is sure. Error: BLOB_DISK_AWAY. */
  async function findSurely(key: BlobKey) {
    const found = await find(key);
    // A disk that has come back was not asked yet, if it was away from the start.
    if (!found && (await away()).length > 0) throw refusal("BLOB_DISK_AWAY");
    return found ?? (await find(key));
  }

  async function* bytesOf(key: BlobKey, range: { start: number; end: number } | undefined) {
    const found = await findSurely(key);
    yield* (found?.store ?? (await mostRoom())).read(key, range);
  }

  return {
    away,
    receive: async (source, options) => {
      // It may fail while disks are asked; the first read reports that.
      source.on("error", () => {});
      return (await mostRoom()).receive(source, options);
    },
    stagingPath: async (extension) => (await mostRoom()).stagingPath(extension),
    adopt: async (name, signal) => (await diskOf(name)).adopt(name, signal),
    partialName: async () => (await mostRoom()).partialName(),
    partialSize: async (name) => (await diskOf(name)).partialSize(name),
    async append(name, source, options) {
      source.on("error", () => {});
      return (await diskOf(name)).append(name, source, options);
    },
    async discard(name) {
      const disk = disks.find(({ id }) => name.startsWith(id)) ?? disks[0]!;
      // On a disk that is away it is swept when it is back.
      await (await open(disk))?.discard(name);
    },
    async commit(name, key, sizeBytes) {
      const store = await diskOf(name);
      const found = await find(key);
      if (found && found.store !== store) return store.discard(name);
      return store.commit(name, key, sizeBytes);
    },
    async remove(key) {
      if (!isBlobKey(key)) throw refusal("BLOB_KEY_INVALID");
      // While a disk was away, the same content may have come to another one: it is gone when it is removed from each.
      for (const store of await present()) await store.remove(key);
      if ((await away()).length > 0) throw refusal("BLOB_DISK_AWAY");
    },
    size: async (key) => (await findSurely(key))?.sizeBytes,
    read(key, range) {
      if (!isBlobKey(key)) throw refusal("BLOB_KEY_INVALID");
      return Readable.from(bytesOf(key, range), { objectMode: false });
    },
    async freeBytes() {
      const free = await Promise.all((await present()).map((store) => store.freeBytes()));
      return free.reduce((sum, bytes) => sum + bytes, 0);
    },
    async withFile(source, use, signal) {
      if ("staged" in source) return (await diskOf(source.staged)).withFile(source, use, signal);
      const found = await findSurely(source.key);
      return (found?.store ?? (await mostRoom())).withFile(source, use, signal);
    },
    async sweepStaged(olderThanMs, partialOlderThanMs) {
      let swept = 0;
      for (const store of await present()) swept += await store.sweepStaged(olderThanMs, partialOlderThanMs);
      return swept;
    },
  };
}

/** The ids of disks; one that was never seen gets its mark. */
async function findDisks(dirs: readonly string[], knownFile: string): Promise<Disk[]> {
  const known = parseKnown(await readFile(knownFile, "utf8").catch(absent("{}")), knownFile);
  const before = JSON.stringify(known);
  for (const dir of dirs) known[dir] ??= (await markOf(dir)) ?? (await mark(dir));
  if (JSON.stringify(known) !== before) {
    const draft = `${knownFile}.${randomUUID()}`;
    await writeFile(draft, JSON.stringify(known), { flush: true });
    await rename(draft, knownFile);
    await syncFile(dirname(knownFile));
  }
  return dirs.map((dir) => ({ dir, id: known[dir]! }));
}

async function mark(dir: string): Promise<string> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  const draft = join(dir, `${markName}.${randomUUID()}`);
  await writeFile(draft, randomBytes(4).toString("hex"), { flush: true });
  // Another process may do the same at the same time.
  await link(draft, join(dir, markName)).catch((error) => {
    if (error.code !== "EEXIST") throw error;
  });
  await rm(draft);
  // A mark that a power cut takes would make this a disk that is away.
  await syncFile(dir);
  const id = await markOf(dir);
  if (!id) throw refusal("BLOB_DISK_MARK_DAMAGED", { file: join(dir, markName) });
  return id;
}

function parseKnown(text: string, file: string): Record<string, string> {
  try {
    return JSON.parse(text);
  } catch {
    throw refusal("BLOB_DISK_MARK_DAMAGED", { file });
  }
}

/** Whatever the reason, a disk whose mark cannot be read is away. */
async function markOf(dir: string): Promise<string | undefined> {
  const text = await readFile(join(dir, markName), "utf8").catch(() => "");
  return /^[0-9a-f]{8}$/.test(text) ? text : undefined;
}

const absent =
  <T>(instead: T) =>
  (error: NodeJS.ErrnoException): T => {
    if (error.code === "ENOENT") return instead;
    throw error;
  };
