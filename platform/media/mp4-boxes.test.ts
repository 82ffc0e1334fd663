import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import fc from "#platform/testing/property.ts";
import { readMp4Layout } from "./mp4-boxes.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "boxes-"));
});
afterAll(() => rm(directory, { recursive: true }));

const because = (reason: string) => expect.objectContaining({ name: "DomainError", reason });
const signal = new AbortController().signal;

function box(type: string, content: Buffer | string = "", size?: number): Buffer {
  const body = typeof content === "string" ? Buffer.from(content, "latin1") : content;
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size ?? body.length + 8, 0);
  header.write(type, 4, "latin1");
  return Buffer.concat([header, body]);
}

function largeBox(type: string, size: bigint, content = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(16);
  header.writeUInt32BE(1, 0);
  header.write(type, 4, "latin1");
  header.writeBigUInt64BE(size, 8);
  return Buffer.concat([header, content]);
}

/** The layout of a file, and how often and how much of it was read. */
async function walk(content: Buffer, bounds = { signal, timeoutMs: 20_000 }) {
  const path = join(directory, "file.mp4");
  await writeFile(path, content);
  const file = await open(path);
  const cost = { reads: 0, bytes: 0 };
  const counting = Object.create(file, {
    read: {
      value: async (buffer: Buffer, offset: number, length: number, position: number) => {
        const result = await file.read(buffer, offset, length, position);
        cost.reads++;
        cost.bytes += result.bytesRead;
        return result;
      },
    },
  });
  try {
    return { layout: await readMp4Layout(counting, content.length, bounds), cost };
  } finally {
    await file.close();
  }
}

const many = (one: Buffer, count: number) => Buffer.concat(Array.from({ length: count }, () => one));
const empty = box("free");
const ftyp = box("ftyp", "isom\0\0\x02\0isom");

test("a walk of very many small boxes is read in large pieces and has an end", async () => {
  const { cost } = await walk(Buffer.concat([ftyp, many(empty, 200_000)]));
  expect(cost.reads).toBeLessThan(100);
  await expect(walk(many(empty, 1_000_000))).rejects.toThrow(because("VIDEO_DAMAGED"));
  await expect(walk(box("moov", many(empty, 1_000_000)))).rejects.toThrow(because("VIDEO_DAMAGED"));
});

test("the bound is that of the whole walk, not of each track", async () => {
  const track = box("trak", many(empty, 2000));
  await expect(walk(box("moov", many(track, 500)))).rejects.toThrow(because("VIDEO_DAMAGED"));
  await expect(walk(box("moov", many(box("trak"), 1001)))).rejects.toThrow(because("VIDEO_DAMAGED"));
  // Each of them claims to reach the end of the file.
  const overlapping = box("moov", many(box("trak", "", 0xffff_ffff), 100_000));
  expect((await walk(overlapping)).cost.reads).toBeLessThan(100);
});

test("boxes in boxes cost nothing below the levels that are looked at", async () => {
  let nested = empty;
  for (let depth = 0; depth < 2000; depth++) nested = box("moov", nested);
  const { layout, cost } = await walk(Buffer.concat([ftyp, nested]));
  expect(layout).toMatchObject({ hasIndex: true, truncated: false });
  expect(cost.reads).toBeLessThan(5);
});

test("a walk ends with whoever waits for it, and at its time", async () => {
  const far = many(box("free", Buffer.alloc(64 * 1024)), 100);
  await expect(walk(far, { signal, timeoutMs: -1 })).rejects.toThrow(because("MEDIA_TIMEOUT"));
  const gone = AbortSignal.abort(new Error("nobody waits"));
  await expect(walk(far, { signal: gone, timeoutMs: 20_000 })).rejects.toThrow("nobody waits");
});

test("sizes: 0 is up to the end, 1 is in 64 bits, too small is none, too large is cut off", async () => {
  const moov = box("moov");
  const data = Buffer.alloc(100);
  expect((await walk(Buffer.concat([ftyp, moov, box("mdat", data, 0)]))).layout).toMatchObject({
    hasIndex: true,
    truncated: false,
  });
  expect((await walk(Buffer.concat([ftyp, largeBox("mdat", 116n, data), moov]))).layout).toMatchObject({
    hasIndex: true,
    truncated: false,
  });
  for (const size of [0xffff_ffff_ffff_ffffn, 2n ** 53n, 1n << 40n])
    expect((await walk(Buffer.concat([ftyp, moov, largeBox("mdat", size, data)]))).layout).toMatchObject({
      truncated: true,
    });
  for (const broken of [box("free", data, 2), box("free", data, 7), largeBox("free", 15n, data)])
    expect((await walk(Buffer.concat([ftyp, broken, moov]))).layout).toMatchObject({ hasIndex: false });
});

test("no bytes make it fail otherwise than by a refusal, or cost more than the file is large", async () => {
  const types = ["moov", "trak", "mdat", "moof", "udta", "meta", "free", "ftyp"];
  const size = fc.oneof(fc.nat(64), fc.constantFrom(0, 1, 2, 7, 8, 9, 16, 61, 0xffff_ffff));
  const piece = fc.oneof(
    fc.tuple(fc.constantFrom(...types), size, fc.uint8Array({ maxLength: 60 })),
    fc.tuple(fc.constantFrom(...types), fc.constant(undefined), fc.uint8Array({ maxLength: 60 })),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(piece, { maxLength: 40 }),
      fc.integer({ min: 0, max: 3 }),
      async (pieces, levels) => {
        let content: Buffer = Buffer.concat(
          pieces.map(([type, given, body]) => box(type, Buffer.from(body), given)),
        );
        for (let level = 0; level < levels; level++) content = box(level % 2 ? "moov" : "trak", content);
        const { cost } = await walk(content);
        expect(cost.reads).toBeLessThan(10);
      },
    ),
    { seed: 8, numRuns: 300 },
  );
});

test("bytes after the last box are ignored, and fragments are complete up to the first that is cut", async () => {
  const fragment = Buffer.concat([box("moof"), box("mdat", Buffer.alloc(50))]);
  const whole = Buffer.concat([ftyp, box("moov"), fragment, fragment]);
  const trailer = Buffer.from("8db42d694ccc418790edff439fe026bf", "latin1");
  expect((await walk(Buffer.concat([whole, trailer]))).layout).toMatchObject({
    truncated: false,
    wholeBytes: whole.length,
  });
  expect((await walk(whole.subarray(0, whole.length - 10))).layout).toMatchObject({
    truncated: true,
    wholeBytes: whole.length - fragment.length,
  });
  const first = Buffer.concat([ftyp, box("moov"), fragment.subarray(0, 30)]);
  expect((await walk(first)).layout).toMatchObject({ truncated: true, wholeBytes: 0 });
});

test("a clean aperture is the part of the picture that is shown", async () => {
  const picture = Buffer.alloc(78);
  picture.writeUInt16BE(128, 24);
  picture.writeUInt16BE(72, 26);
  const numbers = Buffer.alloc(32);
  for (const [at, number] of [96, 1, 64, 1, -8, 1, 0, 1].entries()) numbers.writeInt32BE(number, at * 4);
  const trackOf = (clap: Buffer) => {
    const list = Buffer.concat([Buffer.alloc(8), box("avc1", Buffer.concat([picture, clap]))]);
    return box("trak", box("mdia", box("minf", box("stbl", box("stsd", list)))));
  };
  const moov = box("moov", Buffer.concat([trackOf(empty), trackOf(box("clap", numbers))]));
  const { layout } = await walk(Buffer.concat([ftyp, moov]));
  expect(layout.crops).toEqual([null, { x: 8, y: 4, width: 96, height: 64 }]);
  numbers.writeInt32BE(500, 0);
  expect((await walk(box("moov", trackOf(box("clap", numbers))))).layout.crops).toEqual([null]);
});
