import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, test } from "vitest";
import { checkS3 } from "../s3/check-s3.ts";
import { type S3Client, s3Client } from "../s3/s3-client.ts";
import { blobStoreContract } from "../testing/blob-store-contract.ts";
import { withS3 } from "../testing/private-ceph.ts";
import { type BlobStore, blobKey } from "./blob-store.ts";
import { bothBlobStores } from "./both-blob-stores.ts";
import { diskBlobStore } from "./disk-blob-store.ts";
import { s3BlobStore } from "./s3-blob-store.ts";

const ceph = withS3();

async function open(client: S3Client, options: { handsOver?: boolean } = {}) {
  const folder = await mkdtemp(join(tmpdir(), "douya-s3-"));
  return {
    store: await s3BlobStore(client, folder, options),
    async files() {
      const local = await readdir(join(folder, "staging"));
      const objects = [];
      for await (const { key } of client.list("")) objects.push(key.split("/")[1]!);
      // A spool belongs to a piece on its way, and a staged file is one, however many parts it has.
      return [...new Set([...local.filter((name) => !name.endsWith(".spool")), ...objects])];
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

describe.each([
  ["that works alone", false],
  ["that hands over what it receives", true],
])("the contract of a process %s", (_name, handsOver) =>
  blobStoreContract(async () => open((await ceph().bucket()).client, { handsOver })));

test("another process, which shares no folder, works on what one has received", async () => {
  const { client } = await ceph().bucket();
  const [gateway, worker] = [await open(client, { handsOver: true }), await open(client)];
  const content = randomBytes(17_000_000);
  const staged = await gateway.store.receive(Readable.from([content]), { maxBytes: 1e9 });
  expect(await worker.store.adopt(staged.name)).toEqual(staged);
  const key = blobKey("source", staged.sha256, "bin");
  await worker.store.commit(staged.name, key);
  expect((await buffer(gateway.store.read(key))).equals(content)).toBe(true);
  expect(await worker.files()).toHaveLength(1);
  await Promise.all([gateway.close(), worker.close()]);
});

test("the sweep removes what nobody has touched for long, and uploads in parts that were given up", async () => {
  const { client } = await ceph().bucket();
  const { store, files, close } = await open(client, { handsOver: true });
  const staged = await store.receive(Readable.from([randomBytes(9_000_000)]), { maxBytes: 1e9 });
  const name = store.partialName();
  await store.append(name, Readable.from([randomBytes(9_000_000)]), { at: 0, sizeBytes: 1e8 });
  expect(await store.sweepStaged(60_000)).toBe(0);
  expect(await store.sweepStaged(0, 60_000)).toBe(1);
  expect(await store.partialSize(staged.name)).toBe(0);
  expect(await store.partialSize(name)).toBe(9_000_000);
  expect(await store.sweepStaged(0, 0)).toBe(1);
  expect(await files()).toEqual([]);
  await close();
});

test("a list has more than one page", async () => {
  const { client } = await ceph().bucket();
  const keys = Array.from({ length: 1100 }, (_, i) => `staging/${String(i).padStart(4, "0")}`);
  await Promise.all(keys.map((key) => client.put(key, Buffer.from(key))));
  const found = [];
  for await (const { key } of client.list("staging/")) found.push(key);
  expect(found).toEqual(keys);
});

test("a presigned URL gives one blob to anybody, and nothing else", async () => {
  const { client } = await ceph().bucket();
  await client.put("video/a", Buffer.from("0123456789"));
  const url = await client.presign("GET", "video/a", 60);
  expect(await (await fetch(url, { headers: { range: "bytes=2-4" } })).text()).toBe("234");
  expect((await fetch(url.replace("video/a", "video/b"))).status).toBe(403);
  expect((await fetch(url, { method: "PUT", body: "x" })).status).toBe(403);
});

test("the doctor says what to mend", async () => {
  const own = await ceph().bucket();
  expect(await checkS3(own)).toContain("is written and read in");
  await expect(checkS3(ceph().options("nobodys"))).rejects.toThrow("DOUYA_S3_BUCKET");
  await expect(checkS3({ ...own, secretKey: "another" })).rejects.toThrow("DOUYA_S3_SECRET_KEY");
  await expect(checkS3({ ...own, endpoint: "http://127.0.0.1:9" })).rejects.toThrow("DOUYA_S3_ENDPOINT");
});

test("an S3 that is away is a refusal, and its return is all that it takes", async () => {
  const { client, ...options } = await ceph().bucket();
  const { store, close } = await open(client);
  const staged = await store.receive(Readable.from([Buffer.from("content")]), { maxBytes: 100 });
  const key = blobKey("video", staged.sha256, "mp4");
  const away = expect.objectContaining({ kind: "unavailable", reason: "BLOBS_UNAVAILABLE" });
  await ceph().gateway.kill();
  await expect(store.commit(staged.name, key)).rejects.toEqual(away);
  await expect(store.size(key)).rejects.toEqual(away);
  await expect(buffer(store.read(key))).rejects.toEqual(away);
  await expect(s3Client(options).look()).rejects.toEqual(away);
  await ceph().gateway.restart();
  await store.commit(staged.name, key);
  expect((await buffer(store.read(key))).toString()).toBe("content");
  await close();
});

test.each(["disk", "S3"])("blobs from before are read and removed when new ones go to the %s", async (to) => {
  const { client } = await ceph().bucket();
  const folder = await mkdtemp(join(tmpdir(), "douya-both-"));
  const stores = [await diskBlobStore(folder), await s3BlobStore(client, folder)] as const;
  const [first, second] = to === "disk" ? stores : [stores[1], stores[0]];
  const both = bothBlobStores(first, second);
  const put = async (store: BlobStore, content: string) => {
    const staged = await store.receive(Readable.from([Buffer.from(content)]), { maxBytes: 100 });
    const key = blobKey("video", staged.sha256, "mp4");
    await store.commit(staged.name, key);
    return key;
  };
  const [old, young] = [await put(second, "0123456789"), await put(both, "young")];
  expect([await both.size(old), await both.size(young)]).toEqual([10, 5]);
  expect(await first.size(young)).toBe(5);
  expect((await buffer(both.read(old, { start: 2, end: 4 }))).toString()).toBe("234");
  expect((await buffer(both.read(young))).toString()).toBe("young");
  expect(await both.withFile({ key: old }, (path) => readFile(path, "utf8"))).toBe("0123456789");
  for (const key of [old, young]) {
    await both.remove(key);
    expect(await both.size(key)).toBeUndefined();
    await expect(buffer(both.read(key))).rejects.toMatchObject({ code: "ENOENT" });
  }
  await rm(folder, { recursive: true, force: true });
});
