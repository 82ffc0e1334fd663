import { randomBytes } from "node:crypto";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { expect, test } from "vitest";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { readBlob, readPart, writeBlob, writePart } from "#platform/backup/parts.ts";

/** What is true of every BackupTarget, which is empty at first. */
export function backupTargetContract(open: () => Promise<BackupTarget>): void {
  const put = (target: BackupTarget, path: string, ...chunks: Buffer[]) =>
    target.put(path, Readable.from(chunks) as AsyncIterable<Buffer>);
  async function paths(target: BackupTarget, prefix: string): Promise<string[]> {
    const found = [];
    for await (const { path } of target.list(prefix)) found.push(path);
    return found.sort();
  }

  test("gives back what was put in, of any size, and replaces it", async () => {
    const target = await open();
    for (const sizes of [[0], [10], [5_000_000, 5_000_000, 9_000_000]]) {
      const chunks = sizes.map((size) => randomBytes(size));
      const whole = Buffer.concat(chunks);
      expect(await put(target, "a/b/file", ...chunks)).toBe(whole.length);
      expect(await target.size("a/b/file")).toBe(whole.length);
      expect((await buffer(target.read("a/b/file"))).equals(whole)).toBe(true);
    }
  });

  test("lists what begins with a prefix, and removes it", async () => {
    const target = await open();
    for (const path of ["blobs/12/34", "blobs/56/78", "backups/one/manifest.json"])
      await put(target, path, Buffer.from(path));
    expect(await paths(target, "blobs/")).toEqual(["blobs/12/34", "blobs/56/78"]);
    await target.remove("blobs/12/34");
    await target.remove("blobs/12/34");
    expect(await paths(target, "")).toEqual(["backups/one/manifest.json", "blobs/56/78"]);
    expect(await target.size("blobs/12/34")).toBeUndefined();
    await expect(buffer(target.read("blobs/12/34"))).rejects.toMatchObject({ code: "ENOENT" });
  });

  test("has nothing of what breaks off", async () => {
    const target = await open();
    const broken = async function* () {
      yield randomBytes(9_000_000);
      yield randomBytes(9_000_000);
      throw new Error("broken off");
    };
    await expect(target.put("a/file", broken())).rejects.toThrow("broken off");
    await target.removeUnfinished();
    expect(await paths(target, "")).toEqual([]);
  });

  test.each([
    ["plain", ""],
    ["encrypted", "a secret of this test"],
  ])("has parts and blobs of backups, %s", async (_name, secret) => {
    const target = await open();
    const content = randomBytes(300_000);
    const part = await writePart(target, "backups/one/part.gz", Readable.from([content]), { secret });
    expect((await buffer(readPart(target, "backups/one/part.gz", part, secret))).equals(content)).toBe(true);
    const wrong = { ...part, sha256: "00" };
    await expect(buffer(readPart(target, "backups/one/part.gz", wrong, secret))).rejects.toMatchObject({
      reason: "BACKUP_DAMAGED",
    });
    const chunks = Readable.from([content]) as AsyncIterable<Buffer>;
    const options = { secret, sizeBytes: content.length };
    expect(await writeBlob(target, "00".repeat(32), chunks, options)).toBe(false);
    expect(await paths(target, "blobs/")).toEqual([]);
    await expect(buffer(readBlob(target, "00".repeat(32), secret))).rejects.toMatchObject({
      reason: "BACKUP_DAMAGED",
    });
  });
}
