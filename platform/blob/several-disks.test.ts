import { execFile } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { promisify } from "node:util";
import { describe, expect, onTestFinished, test } from "vitest";
import { blobStoreContract } from "../testing/blob-store-contract.ts";
import { patienceMs } from "../testing/patience.ts";
import { blobKey } from "./blob-store.ts";
import { bothBlobStores } from "./both-blob-stores.ts";
import { diskBlobStore } from "./disk-blob-store.ts";
import { severalDisks } from "./several-disks.ts";

async function open(count = 2) {
  const folder = await mkdtemp(join(tmpdir(), "douya-disks-"));
  const dirs = Array.from({ length: count }, (_, i) => join(folder, `disk-${i}`));
  const again = () => severalDisks(dirs, join(folder, "known.json"));
  return {
    store: await again(),
    again,
    dirs,
    async files() {
      const entries = await readdir(folder, { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile() && !["known.json", "douya-disk"].includes(entry.name))
        .map((entry) => entry.name);
    },
    close: () => rm(folder, { recursive: true, force: true }),
  };
}

describe("the contract", () => blobStoreContract(open));

describe("a disk that is away", () => {
  const away = { kind: "unavailable", reason: "BLOB_DISK_AWAY" };
  const content = randomBytes(5000);
  const key = blobKey("video", createHash("sha256").update(content).digest("hex"), "mp4");
  const other = blobKey("video", "0".repeat(64), "mp4");

  /** A blob that is on one disk, which goes away: its place is an empty folder, as that of a disk that is not mounted. */
  async function gone() {
    const opened = await open();
    onTestFinished(opened.close);
    const { store, dirs } = opened;
    const staged = await store.receive(Readable.from([content]), { maxBytes: 1e6 });
    await store.commit(staged.name, key);
    const found = await Promise.all(dirs.map(async (dir) => (await readdir(dir)).includes("video")));
    const [dir, rest] = [dirs[found.indexOf(true)]!, dirs[found.indexOf(false)]!];
    await rename(dir, `${dir}.away`);
    await mkdir(dir);
    const back = async () => {
      await rm(dir, { recursive: true });
      await rename(`${dir}.away`, dir);
    };
    return { ...opened, dir, rest, back };
  }

  test("is told, and so is that what may be on it cannot be read", async () => {
    const { store, dir, back } = await gone();
    expect(await store.away()).toEqual([dir]);
    await expect(store.size(key)).rejects.toMatchObject(away);
    await expect(buffer(store.read(key))).rejects.toMatchObject(away);
    await expect(store.withFile({ key }, async () => {})).rejects.toMatchObject(away);
    await expect(store.remove(key)).rejects.toMatchObject(away);
    await back();
    expect(await store.away()).toEqual([]);
    expect((await buffer(store.read(key))).equals(content)).toBe(true);
    expect(await store.size(other)).toBeUndefined();
  });

  test("and a mark that was cut are told apart: what is damaged is named", async () => {
    const { again, dirs, close } = await open();
    onTestFinished(close);
    const known = join(dirs[0]!, "../known.json");
    await writeFile(known, "");
    await expect(again()).rejects.toMatchObject({ reason: "BLOB_DISK_MARK_DAMAGED" });
    await rm(known);
    await writeFile(join(dirs[1]!, "douya-disk"), "");
    await expect(again()).rejects.toThrow(/disk-1\/douya-disk is damaged/);
  });

  test("keeps nobody from what is still where all was before there were disks", async () => {
    const { store, dir } = await gone();
    const before = await diskBlobStore(await mkdtemp(join(tmpdir(), "douya-before-")));
    const old = await before.receive(Readable.from([Buffer.from("old")]), { maxBytes: 10 });
    await before.commit(old.name, other);
    const both = bothBlobStores(store, before);
    expect(await store.away()).toEqual([dir]);
    expect(await both.size(other)).toBe(3);
    expect((await buffer(both.read(other))).toString()).toBe("old");
    expect(await both.withFile({ key: other }, async () => "used")).toBe("used");
    await expect(both.size(key)).rejects.toMatchObject(away);
    await expect(buffer(both.read(key))).rejects.toMatchObject(away);
  });

  test("gets nothing, and the others take what comes", async () => {
    const { store, dir, rest } = await gone();
    const partial = await store.partialName();
    await store.append(partial, Readable.from([Buffer.from("abc")]), { at: 0, sizeBytes: 3 });
    const staged = await store.receive(Readable.from([Buffer.from("more")]), { maxBytes: 1e6 });
    await store.commit(staged.name, other);
    expect(await store.size(other)).toBe(4);
    expect(await readdir(dir)).toEqual([]);
    expect(await readdir(join(rest, "staging"))).toEqual([partial]);
  });

  test("is not taken for a new one by a process that starts meanwhile", async () => {
    const { again, dir, back } = await gone();
    const store = await again();
    expect(await store.away()).toEqual([dir]);
    await expect(store.size(key)).rejects.toMatchObject(away);
    expect(await readdir(dir)).toEqual([]);
    await back();
    expect(await store.size(key)).toBe(content.length);
  });

  test("keeps nothing of what is removed when it is back, though it had come to another disk in between", async () => {
    const { store, back, files } = await gone();
    const staged = await store.receive(Readable.from([content]), { maxBytes: 1e6 });
    await store.commit(staged.name, key);
    await back();
    expect(await files()).toHaveLength(2);
    await store.remove(key);
    expect(await files()).toEqual([]);
  });

  test("may have another copy of what is removed meanwhile: its removal is asked for again", async () => {
    const { store, back, files } = await gone();
    const staged = await store.receive(Readable.from([content]), { maxBytes: 1e6 });
    await store.commit(staged.name, key);
    await expect(store.remove(key)).rejects.toMatchObject(away);
    await back();
    await store.remove(key);
    expect(await files()).toEqual([]);
  });

  test("may also hang: nobody waits for it long, only one question does, and it is there when it answers", async () => {
    const { store, dirs, close } = await open();
    onTestFinished(close);
    const staged = await store.receive(Readable.from([content]), { maxBytes: 1e6 });
    await store.commit(staged.name, key);
    const found = await Promise.all(dirs.map(async (dir) => (await readdir(dir)).includes("video")));
    const [dir, rest] = [dirs[found.indexOf(true)]!, dirs[found.indexOf(false)]!];
    // Who opens it waits until somebody writes.
    const mark = join(dir, "douya-disk");
    await rename(mark, `${mark}.before`);
    await promisify(execFile)("mkfifo", [mark]);
    // More of them than there are threads for files.
    const answers = await Promise.allSettled(Array.from({ length: 20 }, () => store.size(key)));
    for (const answer of answers) expect(answer).toMatchObject({ status: "rejected", reason: away });
    expect(await store.away()).toEqual([dir]);
    const partial = await store.partialName();
    await store.append(partial, Readable.from([Buffer.from("abc")]), { at: 0, sizeBytes: 3 });
    expect(await readdir(join(rest, "staging"))).toEqual([partial]);
    await writeFile(mark, await readFile(`${mark}.before`));
    await rename(`${mark}.before`, mark);
    await expect.poll(() => store.away(), { timeout: patienceMs }).toEqual([]);
    expect(await store.size(key)).toBe(content.length);
  });
});
