import { execFile } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import fs, {
  type FileHandle,
  mkdtemp,
  open,
  readdir,
  readFile,
  rm,
  stat,
  utimes,
  writeFile,
} from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { blobStoreContract } from "../testing/blob-store-contract.ts";
import { bundleScript } from "../testing/bundle-script.ts";
import { type BlobStore, blobKey } from "./blob-store.ts";
import { diskBlobStore } from "./disk-blob-store.ts";

let dir: string;
let store: BlobStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "douya-blobs-"));
  store = await diskBlobStore(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

describe("the contract", () =>
  blobStoreContract(async () => {
    const folder = await mkdtemp(join(tmpdir(), "douya-blobs-"));
    return {
      store: await diskBlobStore(folder),
      async files() {
        const entries = await readdir(folder, { recursive: true, withFileTypes: true });
        return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
      },
      close: () => rm(folder, { recursive: true, force: true }),
    };
  }));

const _sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
const maxBytes = 64 * 1024 * 1024;
/** All files in the folder, staged ones included. */
async function files(): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name);
}
const receive = (...chunks: Buffer[]) => store.receive(Readable.from(chunks), { maxBytes });
async function put(content: Buffer) {
  const staged = await receive(content);
  const key = blobKey("video", staged.sha256, "mp4");
  await store.commit(staged.name, key);
  return key;
}

describe("commit", () => {
  test("has the bytes on the disk before they have their name, and the name before it says so", async () => {
    const staged = await receive(randomBytes(1000));
    const key = blobKey("video", staged.sha256, "mp4");
    const from = await store.withFile({ staged: staged.name }, async (path) => path);
    const { sha256 } = staged;
    const to = join(dir, "video", sha256.slice(0, 2), sha256.slice(2, 4), `${sha256}.mp4`);
    const { ino } = await stat(from);
    const folder = await open(dir);
    const handles = Object.getPrototypeOf(folder) as FileHandle;
    await folder.close();
    const synced: { ino: number; named: boolean }[] = [];
    const { sync } = handles;
    const spy = vi.spyOn(handles, "sync").mockImplementation(async function (this: FileHandle) {
      synced.push({ ino: (await this.stat()).ino, named: existsSync(to) });
      await sync.call(this);
    });
    await store.commit(staged.name, key).finally(() => spy.mockRestore());
    expect(synced).toContainEqual({ ino, named: false });
    expect(synced).toContainEqual({ ino: (await stat(dirname(to))).ino, named: true });
  });
});

describe("receive", () => {
  test("a file is refused before it comes when there would be too little room left", async () => {
    const full = { kind: "unavailable", reason: "DISK_FULL", retryAfterMs: expect.any(Number) };
    const source = () => Readable.from([randomBytes(2000)]);
    const expecting = (expectedBytes: number) => store.receive(source(), { maxBytes, expectedBytes });
    await expect(expecting(Number.MAX_SAFE_INTEGER)).rejects.toMatchObject(full);
    expect((await expecting(2000)).sizeBytes).toBe(2000);
    // A file needs three times its size.
    await expect(expecting(Math.floor((await store.freeBytes()) * 0.4))).rejects.toMatchObject(full);
    // What comes may be less than was announced.
    const shorter = await expecting(3000);
    expect(await store.partialSize(shorter.name)).toBe(2000);
    await store.discard(shorter.name);
    store = await diskBlobStore(dir, { reserveBytes: Number.MAX_SAFE_INTEGER });
    await expect(store.receive(source(), { maxBytes })).rejects.toMatchObject(full);
    expect(await files()).toHaveLength(1);
  });

  test("announced bytes of uploads reserve room until the upload has ended", async () => {
    const source = new PassThrough();
    const free = await store.freeBytes();
    const most = Math.floor(free / 4);
    const first = store.receive(source, { maxBytes, expectedBytes: most });
    source.write(randomBytes(2000));
    // It has been let in: what it sees of others later does not matter to it.
    await expect
      .poll(async () => {
        const [name] = await files();
        return name ? (await stat(join(dir, "staging", name))).blocks : 0;
      })
      .toBeGreaterThan(0);
    const second = () => store.receive(Readable.from([randomBytes(2000)]), { maxBytes, expectedBytes: most });
    await expect(second()).rejects.toMatchObject({ reason: "DISK_FULL" });
    // In every process that shares the folder, and for those who only ask.
    const elsewhere = await diskBlobStore(dir);
    await expect(
      elsewhere.receive(Readable.from([randomBytes(2000)]), { maxBytes, expectedBytes: most }),
    ).rejects.toMatchObject({ reason: "DISK_FULL" });
    expect(await elsewhere.freeBytes()).toBeLessThan(free / 2);
    source.destroy(new Error("connection lost"));
    await expect(first).rejects.toMatchObject({ reason: "UPLOAD_INCOMPLETE" });
    expect((await second()).sizeBytes).toBe(2000);
  });

  test("a full disk is not the sender's fault, and leaves no file", async () => {
    const build = fileURLToPath(new URL("../../build/test", import.meta.url));
    const script = join(build, `receive-blob-${process.pid}.mjs`);
    await bundleScript(fileURLToPath(new URL("../testing/receive-blob.ts", import.meta.url)), script);
    // A limit on the size of files ends a write in the middle, as a full disk does.
    const limited = (blocks: number) =>
      promisify(execFile)("bash", [
        "-c",
        `ulimit -f ${blocks}; exec "$@"`,
        "",
        process.execPath,
        script,
        dir,
        "3000000",
      ]);
    const full = { kind: "unavailable", reason: "DISK_FULL" };
    for (const blocks of [1500, 0]) expect(JSON.parse((await limited(blocks)).stdout)).toMatchObject(full);
    expect(await files()).toEqual([]);
    expect(JSON.parse((await limited(3000)).stdout)).toEqual({ sizeBytes: 3_000_000 });
    await rm(script);
  });
});

describe("commit", () => {
  test("the same content twice is one file, and the first one stays", async () => {
    const content = randomBytes(1000);
    const key = await put(content);
    const inode = () => store.withFile({ key }, async (path) => (await stat(path)).ino);
    const before = await inode();
    await put(content);
    expect(await inode()).toBe(before);
    expect(await files()).toHaveLength(1);
  });
});

test("a sweep reads the folder a few names at a time, and lets others work meanwhile", async () => {
  const count = 3000;
  const staging = join(dir, "staging");
  for (let i = 0; i < count; i++) await writeFile(join(staging, randomUUID()), "");
  const wholeFolders = vi.spyOn(fs, "readdir");
  syncBuiltinESMExports();
  let turns = 0;
  let sweeping = true;
  const turn = () => {
    turns++;
    if (sweeping) setImmediate(turn);
  };
  setImmediate(turn);
  try {
    expect(await store.sweepStaged(0)).toBe(count);
    await receive(randomBytes(10));
    expect(wholeFolders).not.toHaveBeenCalled();
    expect(turns).toBeGreaterThan(count);
  } finally {
    sweeping = false;
    wholeFolders.mockRestore();
    syncBuiltinESMExports();
  }
});

test("a blob that is lent to a tool stays there, removed and swept meanwhile, and nothing is left of it", async () => {
  const key = await put(Buffer.from("a blob"));
  const hourAgo = new Date(Date.now() - 3_600_000);
  await store.withFile({ key }, (path) => utimes(path, hourAgo, hourAgo));
  await store.withFile({ key }, async (path) => {
    await writeFile(`${path}.scratch`, "left by a tool that was killed");
    await store.remove(key);
    expect(await store.sweepStaged(60_000)).toBe(0);
    expect(await readFile(path, "utf8")).toBe("a blob");
  });
  expect(await store.size(key)).toBeUndefined();
  expect(await store.sweepStaged(0)).toBe(1);
  expect(await files()).toEqual([]);
  await expect(store.withFile({ key }, async () => {})).rejects.toMatchObject({ code: "ENOENT" });
});

test("the sweep removes files untouched for long, and nothing else", async () => {
  const key = await put(Buffer.from("a blob"));
  const [old, young] = [await receive(Buffer.from("old")), await receive(Buffer.from("young"))];
  const hourAgo = new Date(Date.now() - 3_600_000);
  await store.withFile({ staged: old.name }, (path) => utimes(path, hourAgo, hourAgo));
  await store.withFile({ key }, (path) => utimes(path, hourAgo, hourAgo));
  expect(await store.sweepStaged(60_000)).toBe(1);
  expect((await files()).sort()).toEqual([young.name, key.split("/")[1]].sort());
  expect(await store.sweepStaged(60_000)).toBe(0);
});

describe("a partial file", () => {
  const content = randomBytes(5000);
  const of = (from: number, to = content.length) => Readable.from([content.subarray(from, to)]);

  test("takes no more than was announced, and is swept later than other staged files", async () => {
    const name = await store.partialName();
    await expect(store.append(name, of(0), { at: 0, sizeBytes: 4999 })).rejects.toMatchObject({
      reason: "BODY_TOO_LARGE",
    });
    expect(await store.partialSize(name)).toBe(0);
    await store.append(name, of(0, 2000), { at: 0, sizeBytes: 5000 });
    const hourAgo = new Date(Date.now() - 3_600_000);
    await store.withFile({ staged: name }, (path) => utimes(path, hourAgo, hourAgo));
    expect(await store.sweepStaged(60_000, 7_200_000)).toBe(0);
    expect(await store.sweepStaged(60_000, 60_000)).toBe(1);
  });
});
