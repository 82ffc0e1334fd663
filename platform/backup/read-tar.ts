import { createWriteStream } from "node:fs";
import { mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";

const blockBytes = 512;
const [file, folder] = ["0", "5"];

/**
 * Writes the files and folders of a tar as PostgreSQL makes it (ustar; names of up to 100 bytes) below `dir`. Error: one
 * that says what is wrong with it; what was written by then stays.
 */
export async function unpackTar(source: AsyncIterable<Buffer>, dir: string): Promise<void> {
  const read = reader(source);
  for (;;) {
    const head = await read.exactly(blockBytes);
    if (!head || head.every((byte) => byte === 0)) break;
    const { name, kind, sizeBytes, mode } = entryOf(head);
    const path = join(dir, name);
    if (kind === folder) await mkdir(path, { recursive: true, mode: 0o700 });
    else {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const written = createWriteStream(path, { flags: "wx", mode: mode & 0o700 });
      await pipeline(read.upTo(sizeBytes), written);
      await read.exactly((blockBytes - (sizeBytes % blockBytes)) % blockBytes);
    }
  }
  await read.rest();
}

function entryOf(head: Buffer) {
  const text = (start: number, length: number) =>
    head.toString("utf8", start, start + length).split("\0", 1)[0]!;
  const number = (start: number, length: number) => {
    // Larger than 8 GB: base 256.
    if (head[start]! & 0x80) return Number(head.readBigUInt64BE(start + length - 8));
    return Number.parseInt(text(start, length).trim() || "0", 8);
  };
  const sum = head.reduce((total, byte, at) => total + (at >= 148 && at < 156 ? 32 : byte), 0);
  if (sum !== number(148, 8)) throw new Error("the archive of the database is damaged");
  const name = text(0, 100).replace(/^\.\//, "");
  const kind = text(156, 1) || file;
  const isSafe = !name.startsWith("/") && !name.split("/").includes("..");
  if (!isSafe || (kind !== file && kind !== folder))
    throw new Error(`the archive of the database has something that does not belong there: ${name}`);
  return { name, kind, sizeBytes: number(124, 12), mode: number(100, 8) };
}

function reader(source: AsyncIterable<Buffer>) {
  const chunks = source[Symbol.asyncIterator]();
  let left: Buffer = Buffer.alloc(0);
  async function* upTo(bytes: number): AsyncGenerator<Buffer> {
    for (let missing = bytes; missing > 0; ) {
      if (left.length === 0) {
        const step = await chunks.next();
        if (step.done) throw new Error("the archive of the database ends too early");
        left = step.value;
      }
      const some = left.subarray(0, missing);
      left = left.subarray(some.length);
      missing -= some.length;
      yield some;
    }
  }
  return {
    upTo,
    /** Undefined at the end. */
    async exactly(bytes: number): Promise<Buffer | undefined> {
      while (left.length === 0 && bytes > 0) {
        const step = await chunks.next();
        if (step.done) return undefined;
        left = step.value;
      }
      const some: Buffer[] = [];
      for await (const part of upTo(bytes)) some.push(part);
      return Buffer.concat(some);
    },
    /** So that whoever compares the whole sees its end. */
    async rest(): Promise<void> {
      while (!(await chunks.next()).done);
    },
  };
}
