import { createHash, randomBytes } from "node:crypto";
import { once } from "node:events";
import { readFile, stat, writeFile } from "node:fs/promises";
import { PassThrough, Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type BlobStore, blobKey, isBlobKey } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";

/** A store that is empty before each test. */
export interface OpenedStore {
  store: BlobStore;
  /** The names of all that it has, staged or not, without their folders. */
  files(): Promise<string[]>;
  close(): Promise<void>;
}

/** What is true of every BlobStore. */
export function blobStoreContract(open: () => Promise<OpenedStore>): void {
  let opened: OpenedStore;
  let store: BlobStore;
  beforeEach(async () => {
    opened = await open();
    store = opened.store;
  });
  afterEach(() => opened?.close());
  const files = () => opened.files();
  const sha256 = (bytes: Buffer) => createHash("sha256").update(bytes).digest("hex");
  const maxBytes = 64 * 1024 * 1024;
  const receive = (...chunks: Buffer[]) => store.receive(Readable.from(chunks), { maxBytes });
  async function put(content: Buffer) {
    const staged = await receive(content);
    const key = blobKey("video", staged.sha256, "mp4");
    await store.commit(staged.name, key);
    return key;
  }

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

    test("the same content many times at once", async () => {
      const content = randomBytes(1000);
      const keys = await Promise.all(Array.from({ length: 20 }, () => put(content)));
      expect(new Set(keys).size).toBe(1);
      expect(await files()).toHaveLength(1);
    });

    test("a file that was never staged cannot be committed", async () => {
      const key = blobKey("video", sha256(Buffer.from("a")), "mp4");
      await expect(store.commit("0e2a4d5e-0000-4000-8000-000000000000", key)).rejects.toMatchObject({
        code: "ENOENT",
      });
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
    await expect(buffer(store.read(key))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("a large file is the same after its way in and out", async () => {
    const content = randomBytes(20 * 1024 * 1024 + 1);
    const key = await put(content);
    expect(await store.size(key)).toBe(content.length);
    expect(sha256(await buffer(store.read(key)))).toBe(sha256(content));
    expect(await store.withFile({ key }, async (path) => sha256(await readFile(path)))).toBe(sha256(content));
    const range = { start: 8_388_600, end: 8_388_700 };
    expect((await buffer(store.read(key, range))).equals(content.subarray(8_388_600, 8_388_701))).toBe(true);
    expect(await files()).toHaveLength(1);
  });

  test("who stops reading in the middle leaves the others alone", async () => {
    const content = randomBytes(3_000_000);
    const key = await put(content);
    for await (const chunk of store.read(key)) {
      expect(chunk.length).toBeGreaterThan(0);
      break;
    }
    expect((await buffer(store.read(key))).equals(content)).toBe(true);
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
      const name = await store.partialName();
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
      const name = await store.partialName();
      await store.append(name, of(0, 2000), { at: 0, sizeBytes: 5000 });
      const checksum = { algorithm: "sha256", digest: digest(content.subarray(2000)) };
      const options = { at: 2000, sizeBytes: 5000, checksum };
      await expect(store.append(name, source(), options)).rejects.toMatchObject({ reason });
      expect(await kept(name)).toEqual(content.subarray(0, 2000));
      expect(await store.append(name, of(2000), options)).toBe(5000);
    });

    test("loses what a killed process left of a piece that was never compared", async () => {
      const name = await store.partialName();
      await store.append(name, Readable.from([randomBytes(4000)]), { at: 0, sizeBytes: 5000 });
      expect(await store.append(name, of(0, 1000), { at: 0, sizeBytes: 5000 })).toBe(1000);
      expect(await kept(name)).toEqual(content.subarray(0, 1000));
    });

    test("is neither changed nor cut by one who is no longer its writer", async () => {
      const name = await store.partialName();
      await store.append(name, of(0, 3000), { at: 0, sizeBytes: 5000 });
      const late = { at: 1000, sizeBytes: 5000, isWriter: () => false };
      await expect(store.append(name, Readable.from([randomBytes(500)]), late)).rejects.toThrow();
      const checksum = { algorithm: "sha256", digest: digest(content) };
      await expect(store.append(name, of(0, 500), { ...late, checksum })).rejects.toThrow();
      expect(await kept(name)).toEqual(content.subarray(0, 3000));
    });

    test("takes no more than was announced", async () => {
      const name = await store.partialName();
      await expect(store.append(name, of(0), { at: 0, sizeBytes: 4999 })).rejects.toMatchObject({
        reason: "BODY_TOO_LARGE",
      });
      expect(await store.partialSize(name)).toBe(0);
    });

    test("becomes a blob, and is gone then", async () => {
      const name = await store.partialName();
      await store.append(name, of(0), { at: 0, sizeBytes: 5000 });
      const key = blobKey("source", sha256(content), "bin");
      await store.commit(name, key);
      expect((await buffer(store.read(key))).equals(content)).toBe(true);
      expect(await store.partialSize(name)).toBe(0);
      expect(await files()).toHaveLength(1);
    });

    test("is of any size, in pieces of any size", async () => {
      const large = randomBytes(20 * 1024 * 1024 + 17);
      const cuts = [0, 1, 3_000_000, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 16_500_000, large.length];
      const name = await store.partialName();
      for (const [i, at] of cuts.slice(0, -1).entries()) {
        const piece = Readable.from([large.subarray(at, cuts[i + 1])]);
        expect(await store.append(name, piece, { at, sizeBytes: large.length })).toBe(cuts[i + 1]);
        expect(await store.partialSize(name)).toBe(cuts[i + 1]);
      }
      expect((await store.adopt(name)).sha256).toBe(sha256(large));
      expect((await kept(name)).equals(large)).toBe(true);
      const key = blobKey("source", sha256(large), "bin");
      await store.commit(name, key);
      expect(sha256(await buffer(store.read(key)))).toBe(sha256(large));
      expect(await files()).toHaveLength(1);
    });

    test("goes back over the borders of its parts when a piece is not what its checksum says", async () => {
      const [first, second] = [randomBytes(9_000_000), randomBytes(9_000_000)];
      const sizeBytes = first.length + second.length;
      const name = await store.partialName();
      await store.append(name, Readable.from([first]), { at: 0, sizeBytes });
      const checksum = { algorithm: "sha256", digest: digest(first) };
      const options = { at: first.length, sizeBytes, checksum };
      await expect(store.append(name, Readable.from([second]), options)).rejects.toMatchObject({
        reason: "CHECKSUM_MISMATCH",
      });
      expect((await kept(name)).equals(first)).toBe(true);
      await store.append(name, Readable.from([second]), { at: first.length, sizeBytes });
      expect((await store.adopt(name)).sha256).toBe(sha256(Buffer.concat([first, second])));
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
}
