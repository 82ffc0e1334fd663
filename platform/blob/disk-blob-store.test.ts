import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { existsSync } from "node:fs";
import {
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
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DomainError } from "../errors/domain-error.ts";
import { bundleScript } from "../testing/bundle-script.ts";
import { type BlobStore, blobKey, isBlobKey } from "./blob-store.ts";
import { diskBlobStore } from "./disk-blob-store.ts";

let dir: string;
let store: BlobStore;
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), "douya-blobs-"));
  store = await diskBlobStore(dir);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
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
    const [from, to] = await Promise.all([
      store.withFile({ staged: staged.name }, async (path) => path),
      store.withFile({ key }, async (path) => path),
    ]);
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
  test.each([
    ["one byte", [1]],
    ["less than is inspected", [10, 20]],
    ["blocks and a rest", [700, 700, 1024 * 1024, 3 * 1024 * 1024, 5]],
    ["very many small pieces", Array.from({ length: 5000 }, () => 999)],
  ])("measures and keeps %s", async (_name, sizes) => {
    const chunks = sizes.map((size) => randomBytes(size));
    const content = Buffer.concat(chunks);
    const staged = await receive(...chunks);
    expect(staged).toMatchObject({ sha256: sha256(content), sizeBytes: content.length });
    const kept = await store.withFile({ staged: staged.name }, (path) => readFile(path));
    expect(kept.equals(content)).toBe(true);
  });

  test("shows the first bytes once, before the rest has come", async () => {
    const source = new PassThrough();
    const seen: Buffer[] = [];
    const receiving = store.receive(source, { maxBytes, inspect: (first) => seen.push(first) });
    source.write(randomBytes(1000));
    await expect.poll(() => source.readableLength, { interval: 1 }).toBe(0);
    await new Promise((resolve) => setImmediate(resolve));
    expect(seen).toEqual([]);
    source.write(randomBytes(24));
    await expect.poll(() => seen.length, { interval: 1 }).toBe(1);
    expect(seen[0]).toHaveLength(1024);
    source.end(randomBytes(5_000_000));
    expect((await receiving).sizeBytes).toBe(5_001_024);
    expect(seen).toHaveLength(1);
  });

  test("shows all there is of a short file", async () => {
    const seen: Buffer[] = [];
    const short = Readable.from([Buffer.from("ab"), Buffer.from("c")]);
    await store.receive(short, { maxBytes, inspect: (first) => seen.push(first) });
    expect(Buffer.concat(seen).toString()).toBe("abc");
  });

  test("what is refused by its first bytes leaves no file, and its source open for the answer", async () => {
    const source = new PassThrough();
    const refusal = new DomainError("invalid", "NOT_A_VIDEO", "This is not a video.");
    const receiving = store.receive(source, {
      maxBytes,
      inspect: () => {
        throw refusal;
      },
    });
    source.write(randomBytes(100_000));
    await expect(receiving).rejects.toBe(refusal);
    expect(source.destroyed).toBe(false);
    expect(await files()).toEqual([]);
    let rest = 0;
    source.on("data", (chunk) => {
      rest += chunk.length;
    });
    source.end(randomBytes(500_000));
    await once(source, "end");
    expect(rest).toBeGreaterThanOrEqual(500_000);
  });

  test("too large is refused as soon as it is seen, with no file and the source open", async () => {
    const source = new PassThrough();
    const receiving = store.receive(source, { maxBytes: 2 * 1024 * 1024 });
    source.write(randomBytes(2 * 1024 * 1024));
    source.write("x");
    await expect(receiving).rejects.toMatchObject({
      kind: "too-large",
      reason: "BODY_TOO_LARGE",
      message: "The file is larger than the 2 MB allowed here.",
    });
    expect(source.destroyed).toBe(false);
    expect(await files()).toEqual([]);
  });

  test("just as large as allowed is taken", async () => {
    expect((await store.receive(Readable.from([Buffer.alloc(99)]), { maxBytes: 99 })).sizeBytes).toBe(99);
  });

  test.each([
    ["no bytes", Readable.from([])],
    ["empty pieces", Readable.from([Buffer.alloc(0), Buffer.alloc(0)])],
  ])("a file of %s is refused", async (_name, source) => {
    await expect(store.receive(source, { maxBytes })).rejects.toMatchObject({
      kind: "invalid",
      reason: "EMPTY_FILE",
    });
    expect(await files()).toEqual([]);
  });

  test.each([
    ["fails", (source: PassThrough) => source.destroy(new Error("connection lost"))],
    ["is cut off", (source: PassThrough) => source.destroy()],
  ])("a source that %s in the middle leaves no file", async (_name, breakOff) => {
    const source = new PassThrough();
    const receiving = store.receive(source, { maxBytes });
    source.write(randomBytes(3 * 1024 * 1024));
    await expect.poll(files).toHaveLength(1);
    breakOff(source);
    await expect(receiving).rejects.toMatchObject({ kind: "invalid", reason: "UPLOAD_INCOMPLETE" });
    expect(await files()).toEqual([]);
  });

  test("a source that fails before it is read leaves no file", async () => {
    const source = new PassThrough();
    const receiving = store.receive(source, { maxBytes });
    source.destroy(new Error("connection lost"));
    await expect(receiving).rejects.toMatchObject({ kind: "invalid", reason: "UPLOAD_INCOMPLETE" });
    expect(await files()).toEqual([]);
  });

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
    await expect.poll(files).toHaveLength(1);
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
  test("makes a staged file a blob, and the staged one is gone", async () => {
    const content = randomBytes(300_000);
    const key = await put(content);
    expect(key).toBe(`video/${sha256(content)}.mp4`);
    expect(await store.size(key)).toBe(300_000);
    expect((await buffer(store.read(key))).equals(content)).toBe(true);
    expect(await store.withFile({ key }, async (path) => (await stat(path)).size)).toBe(300_000);
    expect(await files()).toHaveLength(1);
  });

  test("the same content twice is one file, and the first one stays", async () => {
    const content = randomBytes(1000);
    const key = await put(content);
    const inode = () => store.withFile({ key }, async (path) => (await stat(path)).ino);
    const before = await inode();
    await put(content);
    expect(await inode()).toBe(before);
    expect(await files()).toHaveLength(1);
  });

  test("the same content many times at once", async () => {
    const content = randomBytes(1000);
    const keys = await Promise.all(Array.from({ length: 20 }, () => put(content)));
    expect(new Set(keys).size).toBe(1);
    expect(await files()).toHaveLength(1);
  });

  test("a file that was never staged cannot be committed", async () => {
    const key = blobKey("video", sha256(Buffer.from("a")), "mp4");
    await expect(store.commit("0e2a4d5e-0000-4000-8000-000000000000", key)).rejects.toThrow("ENOENT");
    expect(await store.size(key)).toBeUndefined();
  });
});

test("a tool's file is adopted by what is in it", async () => {
  const draft = await store.stagingPath("jpg");
  expect(draft.path.endsWith(".jpg")).toBe(true);
  const content = randomBytes(2_500_000);
  await writeFile(draft.path, content);
  expect(await store.adopt(draft.name)).toEqual({
    name: draft.name,
    sha256: sha256(content),
    sizeBytes: 2_500_000,
  });
  await store.discard(draft.name);
  await store.discard(draft.name);
  expect(await files()).toEqual([]);
});

test("a file for which nobody waits any more is not measured to its end", async () => {
  const staged = await receive(randomBytes(3_000_000));
  const gone = new AbortController();
  gone.abort(new DomainError("unavailable", "CALLER_GONE", "The caller has hung up."));
  await expect(store.adopt(staged.name, gone.signal)).rejects.toBe(gone.signal.reason);
  expect((await store.adopt(staged.name)).sizeBytes).toBe(3_000_000);
});

test("ranges have both ends in them", async () => {
  const key = await put(Buffer.from("0123456789"));
  const range = async (start: number, end: number) =>
    (await buffer(store.read(key, { start, end }))).toString();
  expect(await range(0, 0)).toBe("0");
  expect(await range(3, 5)).toBe("345");
  expect(await range(8, 100)).toBe("89");
});

test("a removed blob is gone, and removing it again does nothing", async () => {
  const key = await put(Buffer.from("content"));
  await store.remove(key);
  await store.remove(key);
  expect(await store.size(key)).toBeUndefined();
  await expect(buffer(store.read(key))).rejects.toThrow("ENOENT");
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
  const digest = (bytes: Buffer) => createHash("sha256").update(bytes).digest();
  const kept = (name: string) => store.withFile({ staged: name }, (path) => readFile(path));
  async function* breaksAfter(bytes: Buffer) {
    yield bytes;
    throw new Error("connection lost");
  }

  test("grows piece by piece, and keeps what came before a line broke", async () => {
    const name = store.partialName();
    expect(await store.partialSize(name)).toBe(0);
    expect(await store.append(name, of(0, 2000), { at: 0, sizeBytes: 5000 })).toBe(2000);
    const broken = Readable.from(breaksAfter(content.subarray(2000, 3000)));
    await expect(store.append(name, broken, { at: 2000, sizeBytes: 5000 })).rejects.toMatchObject({
      reason: "UPLOAD_INCOMPLETE",
    });
    expect(await store.partialSize(name)).toBe(3000);
    expect(await store.append(name, of(3000), { at: 3000, sizeBytes: 5000 })).toBe(5000);
    expect(await store.adopt(name)).toEqual({ name, sha256: sha256(content), sizeBytes: 5000 });
  });

  test.each([
    ["is another", () => Readable.from([randomBytes(500)]), "CHECKSUM_MISMATCH"],
    [
      "was never complete",
      () => Readable.from(breaksAfter(content.subarray(2000, 3000))),
      "UPLOAD_INCOMPLETE",
    ],
  ])("keeps nothing of a piece with a checksum that %s", async (_what, source, reason) => {
    const name = store.partialName();
    await store.append(name, of(0, 2000), { at: 0, sizeBytes: 5000 });
    const checksum = { algorithm: "sha256", digest: digest(content.subarray(2000)) };
    const options = { at: 2000, sizeBytes: 5000, checksum };
    await expect(store.append(name, source(), options)).rejects.toMatchObject({ reason });
    expect(await kept(name)).toEqual(content.subarray(0, 2000));
    expect(await store.append(name, of(2000), options)).toBe(5000);
  });

  test("loses what a killed process left of a piece that was never compared", async () => {
    const name = store.partialName();
    await store.append(name, Readable.from([randomBytes(4000)]), { at: 0, sizeBytes: 5000 });
    expect(await store.append(name, of(0, 1000), { at: 0, sizeBytes: 5000 })).toBe(1000);
    expect(await kept(name)).toEqual(content.subarray(0, 1000));
  });

  test("is neither changed nor cut by one who is no longer its writer", async () => {
    const name = store.partialName();
    await store.append(name, of(0, 3000), { at: 0, sizeBytes: 5000 });
    const late = { at: 1000, sizeBytes: 5000, isWriter: () => false };
    await expect(store.append(name, Readable.from([randomBytes(500)]), late)).rejects.toThrow();
    const checksum = { algorithm: "sha256", digest: digest(content) };
    await expect(store.append(name, of(0, 500), { ...late, checksum })).rejects.toThrow();
    expect(await kept(name)).toEqual(content.subarray(0, 3000));
  });

  test("takes no more than was announced, and is swept later than other staged files", async () => {
    const name = store.partialName();
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

describe("names that are none", () => {
  const hash = "a".repeat(64);
  const keys = [
    "",
    "..",
    hash,
    `video/${hash}`,
    `video/../${hash}.mp4`,
    `../video/${hash}.mp4`,
    `/video/${hash}.mp4`,
    `video//${hash}.mp4`,
    `video/${hash}.mp4/..`,
    `video/${hash}.mp4\n`,
    `video/${hash}.mp4\0`,
    `video/${hash}.`,
    `video/${hash}..`,
    `video/${hash.toUpperCase()}.mp4`,
    `video/${hash}.MP4`,
    `video\\${hash}.mp4`,
    `video/${"a".repeat(63)}.mp4`,
    `Video/${hash}.mp4`,
    "video/../../../../../../etc/passwd",
  ];
  test("a good key is one", () => expect(isBlobKey(`video/${hash}.mp4`)).toBe(true));

  test.each(keys)("key %j", async (key) => {
    const refused = expect.objectContaining({ kind: "invalid", reason: "BLOB_KEY_INVALID" });
    expect(isBlobKey(key)).toBe(false);
    const staged = await receive(Buffer.from("x"));
    await expect(store.commit(staged.name, key)).rejects.toEqual(refused);
    await expect(store.remove(key)).rejects.toEqual(refused);
    await expect(store.size(key)).rejects.toEqual(refused);
    await expect(store.withFile({ key }, async () => {})).rejects.toEqual(refused);
    expect(() => store.read(key)).toThrow(refused);
  });

  test.each([
    "",
    ".",
    "..",
    "../x",
    "a/b",
    "../staging",
    `video/${hash}.mp4`,
    "/etc/passwd",
    "a\0b",
  ])("staged %j", async (name) => {
    const refused = expect.objectContaining({ kind: "invalid", reason: "BLOB_KEY_INVALID" });
    await expect(store.discard(name)).rejects.toEqual(refused);
    await expect(store.adopt(name)).rejects.toEqual(refused);
    await expect(store.commit(name, `video/${hash}.mp4`)).rejects.toEqual(refused);
    await expect(store.withFile({ staged: name }, async () => {})).rejects.toEqual(refused);
  });
});
