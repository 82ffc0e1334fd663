import { randomBytes } from "node:crypto";
import fs, { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { s3Target } from "../backup/s3-target.ts";
import { checkS3 } from "../s3/check-s3.ts";
import { type S3Client, s3Client } from "../s3/s3-client.ts";
import { backupTargetContract } from "../testing/backup-target-contract.ts";
import { blobStoreContract } from "../testing/blob-store-contract.ts";
import { withS3 } from "../testing/private-ceph.ts";
import { type BlobStore, blobKey } from "./blob-store.ts";
import { bothBlobStores } from "./both-blob-stores.ts";
import { diskBlobStore } from "./disk-blob-store.ts";
import { s3BlobStore } from "./s3-blob-store.ts";

const ceph = withS3();

async function open(
  client: S3Client,
  options: { handsOver?: boolean; copyBytes?: number; unfinishedMs?: number } = {},
) {
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

describe("backups in it", () =>
  backupTargetContract(async () => {
    const { client, bucket } = await ceph().bucket();
    return s3Target(client, bucket, "backups/of-this/");
  }));

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

describe("copies for tools", () => {
  async function withBlobs(count: number, client: S3Client, given = client) {
    const folder = await mkdtemp(join(tmpdir(), "douya-s3-"));
    onTestFinished(() => rm(folder, { recursive: true, force: true }));
    const keys = Array.from({ length: count }, (_, at) => blobKey("video", String(at).repeat(64), "mp4"));
    for (const key of keys) await client.put(key, Buffer.alloc(1000));
    return { keys, store: await s3BlobStore(given, folder, { reserveBytes: 0 }) };
  }

  test("are promised room together", async () => {
    const { keys, store } = await withBlobs(2, (await ceph().bucket()).client);
    const [first, second] = keys as [string, string];
    // For one and a half of them, and what is made of them.
    const room = vi.spyOn(fs, "statfs").mockResolvedValue({ bavail: 4500, bsize: 1 } as never);
    syncBuiltinESMExports();
    try {
      await store.withFile({ key: first }, async () => {
        await expect(store.withFile({ key: second }, async () => {})).rejects.toMatchObject({
          reason: "DISK_FULL",
        });
      });
      expect(await store.withFile({ key: second }, async (path) => (await readFile(path)).length)).toBe(1000);
    } finally {
      room.mockRestore();
      syncBuiltinESMExports();
    }
  });

  test("are made a few at once", async () => {
    const { client } = await ceph().bucket();
    let [begun, running, most] = [0, 0, 0];
    let goOn = () => {};
    const opened = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    async function* slow(...[key]: Parameters<S3Client["read"]>) {
      begun++;
      most = Math.max(most, ++running);
      await opened;
      yield* client.read(key);
      running--;
    }
    const read: S3Client["read"] = (...asked) => Readable.from(slow(...asked));
    const { keys, store } = await withBlobs(9, client, { ...client, read });
    const copies = Promise.all(keys.map((key) => store.withFile({ key }, async () => {})));
    await expect.poll(() => begun).toBeGreaterThanOrEqual(4);
    goOn();
    await copies;
    expect([begun, most]).toEqual([9, 4]);
  });
});

test("of a staged file that is being discarded no blob is made", async () => {
  const { client } = await ceph().bucket();
  const { store, close } = await open(client, { handsOver: true });
  onTestFinished(close);
  const { name, sha256, sizeBytes } = await store.receive(Readable.from([randomBytes(9_000_000)]), {
    maxBytes: 1e9,
  });
  await client.remove(`staging/${name}/000000`);
  const key = blobKey("source", sha256, "bin");
  await expect(store.commit(name, key, sizeBytes)).rejects.toMatchObject({ code: "ENOENT" });
  expect(await store.size(key)).toBeUndefined();
});

test("the sweep removes what nobody has touched for long, and uploads in parts that were given up", async () => {
  const { client } = await ceph().bucket();
  const { store, files, close } = await open(client, { handsOver: true });
  const staged = await store.receive(Readable.from([randomBytes(9_000_000)]), { maxBytes: 1e9 });
  const name = await store.partialName();
  await store.append(name, Readable.from([randomBytes(9_000_000)]), { at: 0, sizeBytes: 1e8 });
  expect(await store.sweepStaged(60_000)).toBe(0);
  expect(await store.sweepStaged(0, 60_000)).toBe(1);
  expect(await store.partialSize(staged.name)).toBe(0);
  expect(await store.partialSize(name)).toBe(9_000_000);
  expect(await store.sweepStaged(0, 0)).toBe(1);
  expect(await files()).toEqual([]);
  await close();
});

describe("a file that its sender puts in the bucket", () => {
  const file = { sizeBytes: 9_000_000, lifetimeMs: 60_000 };
  const content = randomBytes(file.sizeBytes);
  const put = (url: string, bytes: Buffer) =>
    fetch(url, { method: "PUT", body: bytes as Uint8Array<ArrayBuffer> });
  async function begun(options: { copyBytes?: number } = {}) {
    const { client } = await ceph().bucket();
    const opened = await open(client, options);
    onTestFinished(opened.close);
    const direct = opened.store.direct!;
    const name = direct.name();
    const upload = await direct.begin(name);
    const { partBytes, urls } = await direct.parts(name, upload, file);
    const pieces = urls.map((_, at) => content.subarray(at * partBytes, (at + 1) * partBytes));
    const left = async () => {
      const found = [];
      for await (const { key } of client.list("")) found.push(key);
      for await (const { key } of client.unfinished()) found.push(`${key} unfinished`);
      return found;
    };
    const complete = (etags: string[]) => direct.complete(name, upload, etags, file.sizeBytes);
    const putAll = () =>
      Promise.all(pieces.map(async (bytes, at) => (await put(urls[at]!, bytes)).headers.get("etag")!));
    return { ...opened, client, name, urls, pieces, left, complete, putAll };
  }

  test.each([
    ["at once", {}],
    ["in pieces", { copyBytes: 6_000_000 }],
  ])("is copied %s when it is complete, and then a partial file like any other", async (_name, options) => {
    const { store, name, complete, putAll, left, urls } = await begun(options);
    const etags = await putAll();
    await complete(etags);
    expect(await left()).toEqual([`staging/${name}/000000`]);
    // Asked again, by a process that does not know what another did.
    await complete(etags);
    expect((await put(urls[0]!, content.subarray(0, 8 * 1024 ** 2))).status).toBe(404);
    expect(await store.partialSize(name)).toBe(file.sizeBytes);
    const kept = await store.withFile({ staged: name }, (path) => readFile(path));
    expect(kept.equals(content)).toBe(true);
    const { sha256 } = await store.adopt(name);
    await store.commit(name, blobKey("source", sha256, "bin"));
    expect(await left()).toEqual([`source/${sha256}.bin`]);
  });

  test("has parts of the size that was announced, no byte more or less", async () => {
    const { urls, pieces } = await begun();
    expect(pieces.map(({ length }) => length)).toEqual([8 * 1024 ** 2, file.sizeBytes - 8 * 1024 ** 2]);
    const statuses = [];
    for (const bytes of [Buffer.from("1"), Buffer.concat([pieces[1]!, Buffer.from("1")])])
      statuses.push((await put(urls[1]!, bytes)).status);
    expect(statuses).toEqual([403, 403]);
  });

  test("is not complete with etags that are wrong, missing or in another order, and can be mended", async () => {
    const { urls, pieces, complete, putAll, left } = await begun();
    const wrong = { reason: "UPLOAD_PARTS_WRONG" };
    const first = (await put(urls[0]!, pieces[0]!)).headers.get("etag")!;
    for (const etags of [[first], [first, first], [first, '"no"'], [], [first, first, first]])
      await expect(complete(etags)).rejects.toMatchObject(wrong);
    const etags = await putAll();
    await expect(complete([...etags].reverse())).rejects.toMatchObject(wrong);
    await expect(complete(["</ETag><Part>", etags[1]!])).rejects.toMatchObject(wrong);
    expect(await left()).toHaveLength(1);
    await complete(etags);
  });

  test("goes on where a process died, before and after the copy", async () => {
    const { client, name, complete, putAll, left } = await begun();
    const etags = await putAll();
    for await (const { key, uploadId } of client.unfinished()) await client.complete(key, uploadId, etags);
    await complete(etags);
    await client.copy(`staging/${name}/000000`, `direct/${name}`);
    await complete(etags);
    expect(await left()).toEqual([`staging/${name}/000000`]);
  });

  test("goes on also for who does not say the etags, once it is put together", async () => {
    const { client, name, complete, putAll, left } = await begun();
    const etags = await putAll();
    for await (const { key, uploadId } of client.unfinished()) await client.complete(key, uploadId, etags);
    await complete([]);
    expect(await left()).toEqual([`staging/${name}/000000`]);
  });

  test("is missing for who does not say the etags, once it was removed", async () => {
    const { store, name, complete, putAll, left } = await begun();
    await putAll();
    await store.discard(name);
    await expect(complete([])).rejects.toMatchObject({ code: "ENOENT" });
    expect(await left()).toEqual([]);
  });

  test("leaves nothing when it is discarded, begun or completed", async () => {
    const { store, name, putAll, left } = await begun();
    const etags = await putAll();
    expect(await left()).toEqual([`direct/${name} unfinished`]);
    await store.discard(name);
    expect(await left()).toEqual([]);
    const again = await begun();
    const etagsAgain = await again.putAll();
    expect(etagsAgain).toEqual(etags);
    for await (const { key, uploadId } of again.client.unfinished())
      await again.client.complete(key, uploadId, etagsAgain);
    await again.store.discard(again.name);
    expect(await again.left()).toEqual([]);
  });
});

test("what was begun and never completed is swept, and nothing of others in the same bucket", async () => {
  const { client } = await ceph().bucket();
  const { store, close } = await open(client, { unfinishedMs: 0 });
  onTestFinished(close);
  const ours = [`direct/${store.direct!.name()}`, `staging/${store.direct!.name()}/000000`];
  ours.push(blobKey("source", "0".repeat(64), "bin"));
  for (const key of [...ours, "backups/monday", "directory"]) await client.begin(key);
  await store.sweepStaged(60_000);
  const left = [];
  for await (const { key } of client.unfinished()) left.push(key);
  expect(left).toEqual(["backups/monday", "directory"]);
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
